/* SPDX-License-Identifier: Apache-2.0 */
/* The questions that an issuer of type stepca asks by itself, in rounds: when, and what their answers teach.
 */
#include "acme/pki.h"
#include "gateway/ca/issuer_signers.h"
#include "gateway/ca/issuer_stepca_internal.h"
#include "stepca_issuer.h"

LEAK_CHECKED_SUITE(stepca_rounds);

#define API           CA "1.0/"
#define OF(name, jwk) PROVISIONERS(PROVISIONER(name, jwk, "\"maxTLSCertDuration\":\"48h\""))

enum { DAY_S = 24 * 3600, ROUND_MS = 300 * 1000, LATER_MS = 2000 };

static struct stepca_issuer at;
static const char *lines;

static void take_line(struct bytes line)
{
    lines = arena_printf(at.place.arena, "%s%s\n", lines, arena_string(at.place.arena, line));
}

/* The lines of a time in which the CA's answers are those of now. */
static const char *told_within(int64_t ms)
{
    lines = "";
    fake_log_listen(take_line);
    fakes_pass(ms);
    fake_log_listen(NULL);
    return lines;
}

static const char *told_by_opening(void)
{
    lines = "";
    fake_log_listen(take_line);
    stepca_issuer_open(&at);
    fake_log_listen(NULL);
    return lines;
}

static void begin(const char *provisioners)
{
    stepca_issuer_begin(&at, provisioners, 4);
}

static void end(void)
{
    stepca_issuer_end(&at);
}

/* How long it takes until the provisioners are asked for again. */
static int64_t next_round_ms(void)
{
    size_t before = stepca_issuer_asked("provisioners");
    int64_t began = fake_clock_steady_ms();
    while (stepca_issuer_asked("provisioners") == before && fake_agenda_advance(900000))
        fakes_settle();
    return fake_clock_steady_ms() - began;
}

static const struct {
    const char *name;
    struct world_page provisioners;
    const char *key_id; /* NULL: the key's own thumbprint */
    int64_t max_s;
    bool well;
    int64_t next_least_ms, next_most_ms;
} rounds[] = {
    {"ours", {.status = 200, .body = OF("acmegate", JWK)}, "k1", 48 * 3600, true, 60000, 600000},
    {"another key", {.status = 200, .body = OF("acmegate", OTHER_JWK)}, NULL, 48 * 3600, true, 60000, 600000},
    {"another name", {.status = 200, .body = OF("other", JWK)}, NULL, 0, true, 60000, 600000},
    {"rubbish", {.status = 200, .body = "[]"}, NULL, 0, false, 500, 15000},
    {"a failure", {.status = 500}, NULL, 0, false, 500, 15000},
    {"nobody there",
     {.error = "Connection refused", .fault = OUTBOUND_UNREACHABLE},
     NULL,
     0,
     false,
     500,
     15000},
};

Test(stepca_rounds, a_round_of_questions_teaches_key_and_limits)
{
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        const char *name = rounds[i].name;
        begin(rounds[i].provisioners.body);
        at.pages[0] = rounds[i].provisioners;
        at.pages[0].url = API "provisioners?limit=100";
        next_round_ms();
        fakes_pass(100);
        struct issuer_status status = stepca_issuer_status(&at);
        if (rounds[i].key_id != NULL)
            cr_expect_str_eq(status.key_id, rounds[i].key_id, "%s: %s", name, status.key_id);
        else
            cr_expect_str_neq(status.key_id, "k1", "%s", name);
        if (rounds[i].max_s != 0)
            cr_expect_eq(status.knowledge.max.seconds, rounds[i].max_s, "%s: %lld", name,
                         (long long)status.knowledge.max.seconds);
        cr_expect_eq(status.last_success_at != 0, rounds[i].well, "%s", name);
        cr_expect_eq(status.last_error[0] == '\0', rounds[i].well, "%s: %s", name, status.last_error);
        int64_t waited = next_round_ms();
        cr_expect(waited >= rounds[i].next_least_ms && waited <= rounds[i].next_most_ms, "%s: %lld", name,
                  (long long)waited);
        end();
    }
}

/* A CA that is away is asked ever later, up to half a minute and the half of it more. */
Test(stepca_rounds, a_ca_that_is_away_is_asked_at_growing_intervals)
{
    static const int64_t least_ms[] = {2000, 4000, 8000, 16000, 30000, 30000};
    begin(OF("acmegate", JWK));
    at.pages[PAGE_PROVISIONERS].status = 0;
    cr_expect_geq(next_round_ms(), ROUND_MS - 1000, "while it answers");
    for (size_t i = 0; i < sizeof least_ms / sizeof *least_ms; i++) {
        int64_t waited = next_round_ms();
        cr_expect(waited >= least_ms[i] && waited <= least_ms[i] * 3 / 2 + 10, "%zu: %lld", i,
                  (long long)waited);
    }
    at.pages[PAGE_PROVISIONERS].status = 200;
    next_round_ms();
    cr_expect_geq(next_round_ms(), ROUND_MS - 1000, "it answers again");
    end();
}

/* A round ends with the first question that nobody answers, and the CA's health hears of it. */
Test(stepca_rounds, each_question_of_a_round_may_be_lost)
{
    static const size_t lost[] = {PAGE_PROVISIONERS, PAGE_INTERMEDIATES, PAGE_ROOTS};
    static const struct {
        bool connected, untrusted;
        const char *error; /* NULL: the transport has no words */
        enum issuer_state state;
        const char *words;
    } ways[] = {
        {false, false, "refused", ISSUER_DOWN, "refused"},
        {false, false, NULL, ISSUER_DOWN, "no reply came"},
        {true, false, "timed out", ISSUER_HEALTHY, "timed out"},
        {true, true, "unknown CA", ISSUER_DOWN, "root_cert_path does not vouch for the CA's certificate"},
        {true, true, "certificate is not yet valid", ISSUER_DOWN, "this server's clock or the CA's is wrong"},
        {true, true, "certificate has expired", ISSUER_DOWN, "this server's clock or the CA's is wrong"},
    };
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            stepca_issuer_prepare(&at, OF("acmegate", JWK));
            struct world_page *page = &at.pages[lost[i]];
            *page = (struct world_page){.url = page->url,
                                        .error = ways[k].error,
                                        .connected = ways[k].connected,
                                        .untrusted = ways[k].untrusted};
            stepca_issuer_open(&at);
            struct issuer_status status = stepca_issuer_status(&at);
            cr_expect_eq(status.state, ways[k].state, "%zu, %zu: %d", i, k, (int)status.state);
            cr_expect_not_null(strstr(status.last_error, ways[k].words), "%zu, %zu: %s", i, k,
                               status.last_error);
            cr_expect_eq(status.last_success_at, 0, "%zu, %zu", i, k);
            cr_expect_eq(stepca_issuer_asked(API "roots"), lost[i] == PAGE_ROOTS, "%zu, %zu", i, k);
            int64_t waited = next_round_ms();
            cr_expect(waited > 1500 && waited <= 3000, "%zu, %zu: %lld", i, k, (long long)waited);
            end();
        }
}

static void revoke_ended(struct issuer_revoke_request *request)
{
    (void)request;
}

/* A call that nobody answers asks soon, once; not while a CA that is away is asked anyway. */
Test(stepca_rounds, a_lost_call_asks_soon)
{
    begin(OF("acmegate", JWK));
    struct issuer_revoke_request requests[3];
    at.pages[PAGE_OF_TEST] = (struct world_page){.url = API "revoke", .error = "lost", .connected = true};
    for (size_t i = 0; i < 3; i++) {
        requests[i] =
            (struct issuer_revoke_request){.arena = at.place.arena, .serial = "1a", .done = revoke_ended};
        issuer_revoke(at.issuer, &requests[i]);
        fakes_pass(500);
    }
    int64_t waited = next_round_ms();
    cr_expect(waited > 400 && waited <= 1000, "two seconds after the first: %lld", (long long)waited);
    fakes_pass(100);
    cr_expect_geq(next_round_ms(), ROUND_MS - 1000);
    end();
}

Test(stepca_rounds, one_that_was_replaced_asks_no_more)
{
    begin(OF("acmegate", JWK));
    issuer_stop_refreshing(at.issuer);
    fakes_pass(10);
    size_t before = stepca_issuer_asked("provisioners");
    struct issuer_revoke_request request = {.arena = at.place.arena, .serial = "1a", .done = revoke_ended};
    issuer_revoke(at.issuer, &request);
    fakes_pass(2 * ROUND_MS);
    cr_expect_eq(stepca_issuer_asked("provisioners"), before);
    end();
}

/* ---- pages of provisioners ---- */

#define FIRST_OF_TWO "{\"provisioners\":[" PROVISIONER("other", OTHER_JWK, "") "],\"nextCursor\":\"abc\"}"

Test(stepca_rounds, all_pages_of_provisioners_are_read)
{
    stepca_issuer_prepare(&at, FIRST_OF_TWO);
    at.pages[PAGE_OF_TEST] = (struct world_page){
        .url = API "provisioners?limit=100&cursor=abc", .status = 200, .body = OF("acmegate", JWK)};
    stepca_issuer_open(&at);
    cr_expect_str_eq(stepca_issuer_status(&at).key_id, "k1");
    cr_expect_eq(stepca_issuer_asked("provisioners"), 2);
    cr_expect_eq(stepca_issuer_asked(API "roots"), 1);
    end();
}

/* Ours counts, whatever another page says under its name. */
Test(stepca_rounds, ours_is_ours_though_another_page_names_it_too)
{
    stepca_issuer_prepare(&at,
                          "{\"provisioners\":[" PROVISIONER("acmegate", JWK, "") "],\"nextCursor\":\"abc\"}");
    at.pages[PAGE_OF_TEST] = (struct world_page){
        .url = API "provisioners?limit=100&cursor=abc", .status = 200, .body = OF("acmegate", OTHER_JWK)};
    const char *told = told_by_opening();
    cr_expect_not_null(strstr(told, "provisioner acmegate has our key, kid k1"), "%s", told);
    cr_expect_null(strstr(told, "has another key"), "%s", told);
    cr_expect_str_eq(stepca_issuer_status(&at).key_id, "k1");
    end();
}

/* A page that is too long is asked for with fewer provisioners, down to one. */
Test(stepca_rounds, a_page_that_is_too_long_is_asked_for_in_parts)
{
    for (size_t fits = 0; fits <= 1; fits++) {
        stepca_issuer_prepare(&at, NULL);
        char *long_body = arena_alloc(at.place.arena, STEPCA_REPLY_MAX_BYTES + 2);
        memset(long_body, ' ', STEPCA_REPLY_MAX_BYTES + 1);
        at.pages[PAGE_PROVISIONERS].body = long_body;
        at.pages[PAGE_OF_TEST] =
            (struct world_page){.url = API "provisioners?limit=10", .status = 200, .body = long_body};
        at.pages[PAGE_OF_TEST + 1] = (struct world_page){
            .url = API "provisioners?limit=1", .status = 200, .body = fits ? OF("acmegate", JWK) : long_body};
        stepca_issuer_open(&at);
        struct issuer_status status = stepca_issuer_status(&at);
        cr_expect_eq(stepca_issuer_asked("provisioners"), 3, "%s", world.asked);
        cr_expect_eq(status.last_success_at != 0, fits, "%s", status.last_error);
        cr_expect_eq(strcmp(status.key_id, "k1") == 0, fits, "%s", status.key_id);
        end();
    }
}

/* ---- what is told of the answers ---- */

Test(stepca_rounds, what_the_ca_advertises_is_told_when_it_changes)
{
    static const struct {
        const char *provisioners, *words; /* NULL: nothing is told */
    } rounds_of_one[] = {
        {OF("acmegate", JWK), NULL},
        {OF("acmegate", OTHER_JWK), "the CA's provisioner acmegate has another key (kid k1) than ours"},
        {OF("acmegate", OTHER_JWK), NULL},
        {OF("other", JWK), "the CA lists no JWK provisioner named acmegate"},
        {OF("other", JWK), NULL},
        {OF("acmegate", JWK), "provisioner acmegate has our key, kid k1"},
    };
    begin(OF("acmegate", JWK));
    for (size_t i = 0; i < sizeof rounds_of_one / sizeof *rounds_of_one; i++) {
        at.pages[PAGE_PROVISIONERS].body = rounds_of_one[i].provisioners;
        const char *told = told_within(ROUND_MS + 10);
        if (rounds_of_one[i].words == NULL)
            cr_expect_str_eq(told, "", "%zu: %s", i, told);
        else
            cr_expect_not_null(strstr(told, rounds_of_one[i].words), "%zu: %s", i, told);
    }
    end();
}

/* Half a minute is no cause for a word; what is wrong is told once, and again after it was right. */
Test(stepca_rounds, a_clock_that_differs_is_told)
{
    static const struct {
        int64_t ahead_s;
        const char *words; /* NULL: nothing is told */
    } cases[] = {
        {30, NULL},  {-30, NULL}, {31, "the CA's clock is 31 s ahead of ours"}, {31, NULL},
        {-31, NULL}, {0, NULL},   {-31, "the CA's clock is 31 s behind ours"},
    };
    begin(OF("acmegate", JWK));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        at.pages[PAGE_PROVISIONERS].date = PLACE_NOW + (int64_t)(i + 1) * ROUND_MS / 1000 + cases[i].ahead_s;
        const char *told = told_within(ROUND_MS + 10);
        if (cases[i].words == NULL)
            cr_expect_str_eq(told, "", "%zu: %s", i, told);
        else
            cr_expect_not_null(strstr(told, cases[i].words), "%zu: %s", i, told);
    }
    end();
}

/* The operator wants more than the CA allows: told once for each maximum. */
Test(stepca_rounds, a_lifetime_over_the_cas_maximum_is_told)
{
    static const struct {
        const char *provisioners, *words; /* NULL: nothing is told */
        int64_t preferred_s;
    } cases[] = {
        {OF("acmegate", JWK), "validity_days is 259200 s, but provisioner acmegate allows 172800 s",
         2 * DAY_S},
        {OF("acmegate", JWK), NULL, 2 * DAY_S},
        {PROVISIONERS(PROVISIONER("acmegate", JWK, "\"maxTLSCertDuration\":\"24h\"")),
         "allows 86400 s: acmegate requests that", DAY_S},
        {PROVISIONERS(PROVISIONER("acmegate", JWK, "\"maxTLSCertDuration\":\"72h\"")), NULL, 3 * DAY_S},
        {OF("acmegate", JWK), "allows 172800 s", 2 * DAY_S},
    };
    stepca_issuer_prepare(&at, NULL);
    at.config.validity_s = 3 * DAY_S;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        at.pages[PAGE_PROVISIONERS].body = cases[i].provisioners;
        const char *told = i == 0 ? told_by_opening() : told_within(ROUND_MS + 10);
        const char *at_it = strstr(told, "allows");
        cr_expect_eq(at_it != NULL, cases[i].words != NULL, "%zu: %s", i, told);
        cr_expect(cases[i].words == NULL || strstr(told, cases[i].words) != NULL, "%zu: %s", i, told);
        cr_expect_eq(stepca_issuer_status(&at).limits.preferred_s, cases[i].preferred_s, "%zu", i);
    }
    end();
}

/* ---- the chain and the roots ---- */

/* An older CA has no such route, and lists nothing. */
Test(stepca_rounds, intermediates_and_roots_are_taken_from_good_answers)
{
    enum { NOTHING, LIST, RUBBISH };
    static const struct {
        int status, body;
        bool taken;
    } cases[] = {
        {200, LIST, true},  {201, LIST, true},  {200, RUBBISH, false},
        {404, LIST, false}, {500, LIST, false}, {404, NOTHING, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stepca_issuer_prepare(&at, OF("acmegate", JWK));
        struct pki_ca ca = pki_ca(at.place.arena, PLACE_NOW, 30);
        place_write(&at.place, "root.crt", arena_string(at.place.arena, pki_pem(at.place.arena, ca.root)));
        place_write(&at.place, "ca.crt",
                    arena_string(at.place.arena, pki_pem(at.place.arena, ca.intermediate)));
        place_write(&at.place, "other.crt",
                    arena_string(at.place.arena, pki_pem(at.place.arena, ca.stranger)));
        for (size_t page = PAGE_INTERMEDIATES; page <= PAGE_ROOTS; page++) {
            at.pages[page].status = cases[i].status;
            at.pages[page].body = cases[i].body == NOTHING ? NULL : "rubbish";
            if (cases[i].body == LIST)
                at.pages[page].body =
                    good_stepca_roots(&at.place, page == PAGE_ROOTS ? "other.crt" : "ca.crt");
        }
        stepca_issuer_open(&at);
        struct issuer_status status = stepca_issuer_status(&at);
        struct bytes signers[ISSUER_SIGNERS_MAX];
        int64_t last = PLACE_NOW + (cases[i].taken ? 30 : 1000) * (int64_t)DAY_S;
        cr_expect_eq(status.limits.chain_not_after, last, "%zu: %lld", i,
                     (long long)status.limits.chain_not_after);
        cr_expect_eq(issuer_read_signers(at.issuer, at.place.arena, signers), cases[i].taken, "%zu", i);
        cr_expect_eq(status.roots.known, cases[i].taken, "%zu", i);
        cr_expect_eq(status.roots.unpinned.count, cases[i].taken, "%zu", i);
        cr_expect_eq(status.last_error[0], '\0', "%zu: %s", i, status.last_error);
        end();
    }
}

/* ---- another key id ---- */

/* The CA may accept under another id what it refused: the next call goes out at once. */
Test(stepca_rounds, another_key_id_lets_a_probe_through)
{
    static const struct {
        const char *provisioners;
        size_t room;
    } cases[] = {
        {OF("acmegate", JWK), 0},
        {PROVISIONERS("{\"type\":\"JWK\",\"name\":\"acmegate\",\"key\":{" JWK ",\"kid\":\"k2\"}}"), 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(OF("acmegate", JWK));
        const struct issuer_failure refused = {ISSUER_CONTACT_WORK, ISSUER_UNTRUSTED_US, 0, 0, "no"};
        struct issuer_permit permit = {0};
        for (size_t k = 0; k < 8; k++) { /* the pauses grow over the time of a round */
            issuer_report_failure(at.issuer, refused, k == 0 ? NULL : &permit);
            issuer_probe_now(at.issuer);
            cr_assert(issuer_admit(at.issuer, ISSUER_WORK_SIGN, &permit));
        }
        fakes_pass(LATER_MS); /* the last pause ends after the round, also without jitter */
        issuer_report_failure(at.issuer, refused, &permit);
        issuer_permit_end(at.issuer, &permit);
        at.pages[PAGE_PROVISIONERS].body = cases[i].provisioners;
        fakes_pass(ROUND_MS - LATER_MS + 10);
        cr_expect_eq(issuer_room(at.issuer, ISSUER_WORK_SIGN), cases[i].room, "%zu", i);
        end();
    }
}
