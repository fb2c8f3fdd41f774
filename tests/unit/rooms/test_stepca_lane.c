/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of step-ca's own API that an issuer passes on: their lane, their outcomes, and what the CA grants
 * the provisioners that they come from. */
#include "gateway/ca/issuer_api.h"
#include "stepca_issuer.h"

LEAK_CHECKED_SUITE(stepca_lane);

#define API CA "1.0/"
#define GRANT(name, kid, max) \
    "{\"type\":\"JWK\",\"name\":\"" name "\",\"key\":{" JWK ",\"kid\":\"" kid "\"}," \
    "\"claims\":{\"maxTLSCertDuration\":\"" max "\"}}"
#define OURS         GRANT("acmegate", "k1", "24h")
#define PAGE(others) "{\"provisioners\":[" OURS others "],\"nextCursor\":\"\"}"

enum { AT_ONCE = 2, WAITING_MOST = 64, TIMEOUT_S = 5, HOUR_S = 3600 };

static struct stepca_issuer at;
static size_t ends;

static void begin(const char *provisioners)
{
    ends = 0;
    stepca_issuer_begin(&at, provisioners, AT_ONCE);
}

static void end(void)
{
    stepca_issuer_end(&at);
}

static void ended(struct issuer_api_request *request)
{
    (void)request;
    ends++;
}

static struct issuer_api_request *call(void)
{
    struct issuer_api_request *request = arena_alloc(at.place.arena, sizeof *request);
    *request = (struct issuer_api_request){
        .arena = at.place.arena, .method = "GET", .path = "/1.0/version", .done = ended};
    issuer_api_of(at.issuer)->call(at.issuer, request);
    return request;
}

/* ---- the lane ---- */

Test(stepca_lane, so_many_run_at_once_and_so_many_wait)
{
    struct issuer_api_request *requests[AT_ONCE + WAITING_MOST + 1];
    enum { LAST = AT_ONCE + WAITING_MOST };
    begin(PAGE(""));
    at.pages[3] = (struct world_page){.url = API "version", .status = 200, .body = "{}", .delay_ms = 100};
    for (size_t i = 0; i <= LAST; i++) {
        requests[i] = call();
        cr_expect_eq(ends, i == LAST, "%zu: only the one too many ends at once", i);
    }
    cr_expect_eq(requests[LAST]->outcome, ISSUER_API_BUSY);
    for (size_t turn = 1; turn <= 3; turn++) {
        fakes_pass(turn == 1 ? 110 : 100);
        cr_expect_eq(ends, 1 + turn * AT_ONCE, "turn %zu: %zu", turn, ends);
        for (size_t i = 0; i < turn * AT_ONCE; i++)
            cr_expect_eq(requests[i]->outcome, ISSUER_API_ANSWERED, "the first ones come first");
    }
    fakes_pass(60 * 1000);
    cr_expect_eq(ends, LAST + 1);
    end();
}

/* Who has waited for longer than a call may take has most likely left. The first calls take all of their
 * time, and the next ones have waited for just as long. */
Test(stepca_lane, who_has_waited_too_long_is_not_asked_for)
{
    enum { LAST = 2 * AT_ONCE };
    const struct issuer_api_request *requests[LAST + 1];
    begin(PAGE(""));
    at.pages[3] =
        (struct world_page){.url = API "version", .status = 200, .delay_ms = (int64_t)2 * TIMEOUT_S * 1000};
    for (size_t i = 0; i <= LAST; i++)
        requests[i] = call();
    fakes_pass(3 * TIMEOUT_S * 1000);
    cr_expect_eq(ends, LAST + 1, "%zu", ends);
    for (size_t i = 0; i <= LAST; i++)
        cr_expect_eq(requests[i]->outcome == ISSUER_API_BUSY, i == LAST, "%zu: %d", i,
                     (int)requests[i]->outcome);
    end();
}

Test(stepca_lane, each_answer_has_its_outcome)
{
    static const struct {
        struct world_page page;
        enum issuer_api_outcome outcome;
        const char *reply, *error;
        bool asks_soon; /* whether the CA is there */
    } cases[] = {
        {{.status = 200, .body = "yes"}, ISSUER_API_ANSWERED, "yes", NULL, false},
        {{.status = 500, .body = "no"}, ISSUER_API_ANSWERED, "no", NULL, false},
        {{.error = "timed out", .connected = true}, ISSUER_API_LOST, "", "timed out", true},
        {{.error = "refused"}, ISSUER_API_FAILED, "", "refused", true},
        {{.error = "unknown CA", .connected = true, .untrusted = true},
         ISSUER_API_FAILED,
         "",
         "root_cert_path does not vouch for the CA's certificate: unknown CA",
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(PAGE(""));
        at.pages[3] = cases[i].page;
        at.pages[3].url = API "version";
        world.asked[0] = '\0';
        const struct issuer_api_request *request = call();
        fakes_pass(20 * 1000);
        cr_expect_eq(ends, 1, "case %zu", i);
        cr_expect_eq(request->outcome, cases[i].outcome, "case %zu: %d", i, (int)request->outcome);
        cr_expect_eq(request->status, cases[i].page.status, "case %zu", i);
        cr_expect(bytes_equal_string(request->reply, cases[i].reply), "case %zu", i);
        cr_assert_eq(request->error == NULL, cases[i].error == NULL, "case %zu: %s", i, request->error);
        cr_expect(request->error == NULL || strcmp(request->error, cases[i].error) == 0, "case %zu: %s", i,
                  request->error);
        cr_expect_eq(request->asked_at, PLACE_NOW, "case %zu", i);
        cr_expect_eq(strstr(world.asked, "provisioners") != NULL, cases[i].asks_soon, "case %zu: %s", i,
                     world.asked);
        end();
    }
}

/* ---- what provisioners are granted ---- */

static struct validity_limits limits_of(const char *provisioner, const char *key_id)
{
    struct validity_limits limits = {0};
    issuer_api_of(at.issuer)->limits(at.issuer, provisioner, key_id, &limits);
    return limits;
}

static void expect_max(const char *what, const char *provisioner, const char *key_id, int64_t hours)
{
    int64_t max_s = limits_of(provisioner, key_id).issuer_max_s;
    cr_expect_eq(max_s, hours * HOUR_S, "%s: %s %s has %lld s", what, provisioner, key_id, (long long)max_s);
}

/* A name may stand for several keys. */
Test(stepca_lane, a_provisioner_is_one_of_name_and_key)
{
    begin(PAGE("," GRANT("people", "a", "48h") "," GRANT("people", "b", "72h")));
    expect_max("listed", "people", "a", 48);
    expect_max("listed", "people", "b", 72);
    expect_max("listed", "acmegate", "k1", 24);
    expect_max("another key", "people", "c", 0);
    expect_max("no key", "people", NULL, 0);
    expect_max("another name", "person", "a", 0);
    end();
}

static void next_round(const char *provisioners)
{
    at.pages[0].body = provisioners;
    fakes_pass(15 * 60 * 1000);
}

/* What was seen of a provisioner outlives a list without it: it may be of another type or page. */
Test(stepca_lane, a_list_replaces_the_one_before)
{
    static const struct ca_refusal refusal = {
        .kind = CA_REFUSAL_TOO_LONG, .requested_s = 48 * HOUR_S, .limit_s = 12 * HOUR_S};
    const struct validity_request asked = {0};
    begin(PAGE("," GRANT("people", "a", "48h") "," GRANT("listed", "a", "48h")));
    int64_t nothing_s = limits_of("hidden", "a").learned_max_s;
    issuer_api_of(at.issuer)->refused(at.issuer, "listed", "a", &refusal, &asked);
    issuer_api_of(at.issuer)->refused(at.issuer, "hidden", "a", &refusal, &asked);
    int64_t learned_s = limits_of("listed", "a").learned_max_s;
    cr_expect_neq(learned_s, nothing_s, "%lld", (long long)learned_s);
    cr_expect_eq(limits_of("hidden", "a").learned_max_s, learned_s);
    next_round(PAGE("," GRANT("people", "a", "36h") "," GRANT("listed", "a", "48h")));
    expect_max("told anew", "people", "a", 36);
    cr_expect_eq(limits_of("listed", "a").learned_max_s, learned_s, "listed again");
    cr_expect_eq(limits_of("hidden", "a").learned_max_s, learned_s, "seen, though not listed");
    next_round(PAGE(""));
    expect_max("gone", "people", "a", 0);
    end();
}

/* How long before its signing a certificate begins is the whole authority's to decide. */
Test(stepca_lane, what_is_signed_tells_the_backdate_of_all)
{
    begin(PAGE("," GRANT("people", "a", "48h")));
    cr_expect_not(limits_of("people", "a").backdate_is_known);
    const struct ca_signed signed_now = {.signed_at = PLACE_NOW,
                                         .not_before = PLACE_NOW - 300,
                                         .not_after = PLACE_NOW + HOUR_S,
                                         .begin_left = true,
                                         .end_left = false};
    issuer_api_of(at.issuer)->observe(at.issuer, NULL, NULL, &signed_now);
    cr_expect(limits_of("people", "a").backdate_is_known);
    cr_expect_eq(limits_of("people", "a").issuer_backdate_s, 300);
    cr_expect_eq(limits_of("acmegate", "k1").issuer_backdate_s, 300);
    struct issuer_status status;
    issuer_read_status(at.issuer, &status);
    cr_expect_eq(status.knowledge.backdate.seconds, 300);
    end();
}
