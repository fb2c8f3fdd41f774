/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a step-ca before it is used, and what is told of its answers. */
#include <stdio.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/base/json.h"
#include "acme/pki.h"
#include "gateway/preflight/check.h"
#include "gateway/runtime/clock.h"
#include "good_stepca.h"
#include "leaks.h"
#include "place.h"
#include "world.h"

LEAK_CHECKED_SUITE(preflight_stepca);

#define CA GOOD_STEPCA_URL
#define OTHER_JWK \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define JWK                            GOOD_STEPCA_JWK
#define CLAIMS                         GOOD_STEPCA_CLAIMS
#define PROVISIONER(name, jwk, claims) GOOD_STEPCA_PROVISIONER(name, jwk, claims)
#define PROVISIONERS(list)             GOOD_STEPCA_PROVISIONERS(list)
#define OURS                           GOOD_STEPCA_OURS

enum { LINES_BYTES = 16 * 1024, HOUR_S = 3600 };

static char told[LINES_BYTES];

static void print(const char *verdict, const char *line)
{
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s: %s\n", verdict, line);
}

static void expect_told(const char *name, const char *words)
{
    cr_expect(strstr(told, words) != NULL, "%s: \"%s\" is not told:\n%s", name, words, told);
}

/* ---- a CA that is as it should be ---- */

static struct place place;
static struct world_page pages[GOOD_STEPCA_PAGES];

static void make_ca(void)
{
    good_stepca_make(&place, pages);
}

/* In the place of the page of the same address; a status and an error of 0: nobody answers there. */
static void change_page(const struct world_page *page)
{
    size_t i = 0;
    while (pages[i].url != NULL && strcmp(pages[i].url, page->url) != 0)
        i++;
    cr_assert_not_null(pages[i].url, "%s", page->url);
    if (page->status == 0 && page->error == NULL)
        pages[i].url = "https://nobody.test/";
    else
        pages[i] = *page;
}

struct outcome {
    bool failed;
    const char *key_id;
};

static struct ocsp_config ocsp;

static struct outcome run(int64_t validity_s, int64_t max_ttl_s)
{
    const char *why = NULL;
    struct outbound *outbound = outbound_start(NULL, &why);
    const struct profile_config profile = {.name = "p", .issuer = "one", .max_ttl_s = max_ttl_s};
    const struct config config = {.base_url = "https://acme.test", .profiles = &profile, .profile_count = 1};
    const struct issuer_config issuer = {
        .id = "one",
        .type = ISSUER_STEPCA,
        .ca_url = "https://ca.test:9000",
        .provisioner_name = "acmegate",
        .provisioner_key_path = arena_printf(place.arena, "%s/provisioner.json", place.folder),
        .root_cert_path = arena_printf(place.arena, "%s/root.crt", place.folder),
        .validity_s = validity_s,
        .request_timeout_s = 5,
        .ocsp = ocsp,
    };
    struct check check = {.arena = place.arena, .config = &config, .outbound = outbound, .print = print};
    told[0] = '\0';
    check_stepca(&check, &issuer);
    cr_expect_eq(check.failed, check.failure_count != 0);
    outbound_stop(outbound);
    outbound_free(outbound);
    return (struct outcome){check.failed, check.key_id};
}

Test(preflight_stepca, a_ca_that_is_as_it_should_be_is_told_line_by_line)
{
    place_begin(&place);
    make_ca();
    struct outcome outcome = run(24 * HOUR_S, 24 * HOUR_S);
    static const char *const lines[] = {
        "ok: issuer one: root ",
        "provisioner.json opens (",
        "ok: issuer one: https://ca.test:9000 is there and trusted\n",
        "ok: issuer one: the clock agrees with the CA's\n",
        "ok: issuer one: step-ca 0.28.0\n",
        "ok: issuer one: the CA has a database, which revocations need\n",
        "ok: issuer one: every root that the CA lists is pinned\n",
        "ok: issuer one: the CA has the JWK provisioner acmegate, kid k1\n",
        "ok: issuer one: the key is the one that the CA knows for acmegate\n",
        "ok: issuer one: a one-time token is accepted (for a request that is refused after it)\n",
        "ok: issuer one: validity_days, 24h, lies within what the CA grants\n",
        "ok: profile p: max_ttl, 24h, lies within what the CA grants\n",
        "warn: issuer one: certificates of acmegate renew at the CA itself",
        "ok: issuer one: no other provisioner of the CA signs\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect_told("good", lines[i]);
    cr_expect_not(outcome.failed, "%s", told);
    cr_assert_not_null(outcome.key_id);
    cr_expect_str_eq(outcome.key_id, "k1");
    place_end(&place);
}

static const struct {
    const char *name;
    struct world_page page;
    bool failed, knows_key;
    const char *words;
} cases[] = {
    {"nobody answers",
     {.url = CA "health"},
     true,
     false,
     "FAIL: issuer one: cannot connect to https://ca.test:9000"},
    {"not well",
     {.url = CA "health", .status = 500},
     true,
     false,
     "FAIL: issuer one: https://ca.test:9000 answers 500 to"},
    {"not trusted",
     {.url = CA "health", .error = "unknown CA", .untrusted = true},
     true,
     false,
     "but not trusted: "},
    {"not yet valid",
     {.url = CA "health", .error = "certificate is not yet valid", .untrusted = true},
     true,
     false,
     "set both clocks by NTP"},
    {"the time is not told",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}"},
     false,
     true,
     "warn: issuer one: the CA does not tell the time"},
    {"30 s ahead",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW + 30},
     false,
     true,
     "ok: issuer one: the clock agrees"},
    {"31 s ahead",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW + 31},
     false,
     true,
     "warn: issuer one: the CA's clock is 31 s ahead of ours"},
    {"an hour ahead",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW + HOUR_S},
     true,
     true,
     "FAIL: issuer one: the CA's clock is 3600 s ahead of ours"},
    {"30 s behind",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW - 30},
     false,
     true,
     "ok: issuer one: the clock agrees"},
    {"60 s behind",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW - 60},
     false,
     true,
     "warn: issuer one: the CA's clock is 60 s behind ours"},
    {"61 s behind",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW - 61},
     true,
     true,
     "FAIL: issuer one: the CA's clock is 61 s behind ours"},
    {"no version",
     {.url = CA "version", .status = 404},
     false,
     true,
     "warn: issuer one: the CA does not tell its version"},
    {"no database",
     {.url = CA "1.0/ssh/check-host", .status = 501},
     false,
     true,
     "warn: issuer one: the CA has no database and revokes nothing"},
    {"no list of roots",
     {.url = CA "roots", .status = 404},
     false,
     true,
     "warn: issuer one: the CA does not list its roots"},
    {"no provisioners",
     {.url = CA "provisioners?limit=100", .status = 404},
     true,
     false,
     "FAIL: issuer one: the CA does not list its provisioners"},
    {"unreadable provisioners",
     {.url = CA "provisioners?limit=100", .status = 200, .body = "[]"},
     true,
     false,
     "the reply reports success, but step-ca did not write it: check the CA's URL"},
    {"another name",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(PROVISIONER("other", JWK, CLAIMS))},
     true,
     false,
     "FAIL: issuer one: the CA has no JWK provisioner named acmegate; it has: other\n"},
    {"none at all",
     {.url = CA "provisioners?limit=100", .status = 200, .body = PROVISIONERS("")},
     true,
     false,
     "it has: none\n"},
    {"another key",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(PROVISIONER("acmegate", OTHER_JWK, CLAIMS))},
     true,
     false,
     "provisioner.json is not the key that the CA knows for acmegate (kid k1)"},
    {"our key behind another of the name",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(PROVISIONER("acmegate", OTHER_JWK, CLAIMS) "," OURS)},
     false,
     true,
     "ok: issuer one: the key is the one that the CA knows for acmegate"},
    {"others that sign",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(
          OURS "," PROVISIONER("other", OTHER_JWK, CLAIMS) ",{\"type\":\"ACME\",\"name\":\"acme\"}")},
     false,
     true,
     "warn: issuer one: the CA signs by other provisioners, too: other (JWK), acme (ACME): "},
    {"no renewal",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(PROVISIONER("acmegate", JWK, CLAIMS ",\"disableRenewal\":true"))},
     false,
     true,
     "ok: issuer one: certificates of acmegate do not renew at the CA itself"},
    {"a maximum below the profile's",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(
          PROVISIONER("acmegate", JWK, "\"minTLSCertDuration\":\"5m\",\"maxTLSCertDuration\":\"12h\""))},
     false,
     true,
     "warn: profile p: max_ttl is 24h, the CA's maximum 12h: that is the bound then"},
    {"a minimum above the profile's",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(
          PROVISIONER("acmegate", JWK, "\"minTLSCertDuration\":\"25h\",\"maxTLSCertDuration\":\"48h\""))},
     true,
     true,
     "FAIL: profile p: max_ttl is 24h, the CA's minimum 25h: nothing could be signed; raise it"},
    {"the token is refused",
     {.url = CA "1.0/sign", .status = 401, .body = "{\"status\":401,\"message\":\"no\"}"},
     true,
     true,
     "FAIL: issuer one: the CA refuses our token: "},
    {"no word of the token",
     {.url = CA "1.0/sign", .status = 500},
     true,
     true,
     "FAIL: issuer one: the CA does not say whether it accepts our token: "},
    {"it signs for another name",
     {.url = CA "1.0/sign", .status = 201, .body = "{}"},
     true,
     true,
     "signed for a name that is not in it"},
};

Test(preflight_stepca, each_fault_of_a_ca_is_told_with_what_to_do)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        place_begin(&place);
        make_ca();
        change_page(&cases[i].page);
        struct outcome outcome = run(24 * HOUR_S, 24 * HOUR_S);
        expect_told(cases[i].name, cases[i].words);
        cr_expect_eq(outcome.failed, cases[i].failed, "%s:\n%s", cases[i].name, told);
        cr_expect_eq(outcome.key_id != NULL, cases[i].knows_key, "%s:\n%s", cases[i].name, told);
        place_end(&place);
    }
}

static const struct {
    const char *name, *file, *text; /* NULL: it is missing */
    const char *words;
    bool asks; /* the CA */
} files[] = {
    {"no root", "root.crt", NULL, "FAIL: issuer one: root_cert_path ", false},
    {"rubbish for a root", "root.crt", "rubbish", "the file holds the root as PEM", false},
    {"no key", "provisioner.json", NULL, "FAIL: issuer one: provisioner_key_path ", true},
    {"rubbish for a key", "provisioner.json", "rubbish", "FAIL: issuer one: key ", true},
};

Test(preflight_stepca, each_fault_of_a_file_is_told)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        place_begin(&place);
        make_ca();
        if (files[i].text == NULL)
            unlink(arena_printf(place.arena, "%s/%s", place.folder, files[i].file));
        else
            place_write(&place, files[i].file, files[i].text);
        struct outcome outcome = run(24 * HOUR_S, 24 * HOUR_S);
        expect_told(files[i].name, files[i].words);
        cr_expect(outcome.failed, "%s", files[i].name);
        cr_expect_null(outcome.key_id, "%s", files[i].name);
        cr_expect_eq(world.asked[0] != '\0', files[i].asks, "%s: %s", files[i].name, world.asked);
        place_end(&place);
    }
}

/* ---- roots ---- */

Test(preflight_stepca, a_root_that_is_listed_and_not_pinned_is_told)
{
    place_begin(&place);
    const struct pki_certificate wanted = {.key = pki_key(place.arena, "P-256"),
                                           .common_name = "Next root",
                                           .is_ca = true,
                                           .not_before = PLACE_NOW - HOUR_S,
                                           .not_after = PLACE_NOW + HOUR_S};
    place_write(&place, "next.crt",
                arena_string(place.arena, pki_pem(place.arena, pki_certificate(place.arena, &wanted))));
    make_ca();
    change_page(&(struct world_page){
        .url = CA "roots", .status = 200, .body = good_stepca_roots(&place, "next.crt")});
    struct outcome outcome = run(24 * HOUR_S, 24 * HOUR_S);
    cr_expect_not(outcome.failed, "%s", told);
    expect_told("next", "warn: issuer one: the CA lists a root that ");
    expect_told("next", "ok: issuer one: the CA does not list the pinned root with SHA-256 ");
    cr_expect_null(strstr(told, "every root that the CA lists is pinned"));
    place_end(&place);
}

/* ---- who signs OCSP responses ---- */

Test(preflight_stepca, the_responder_of_the_configuration_is_looked_at)
{
    place_begin(&place);
    make_ca();
    const char *key_path = arena_printf(place.arena, "%s/provisioner.json", place.folder);
    const struct {
        struct ocsp_config ocsp;
        bool failed;
        const char *words;
    } responders[] = {
        {{.certificate_path = "/nowhere/ocsp.crt", .key_path = key_path},
         true,
         "FAIL: issuer one: ocsp.certificate /nowhere/ocsp.crt: /nowhere/ocsp.crt cannot be read"},
        {{.certificate_path = key_path, .key_path = "/nowhere/ocsp.key"},
         true,
         "/nowhere/ocsp.key cannot be read"},
        {{.certificate_path = key_path, .key_path = key_path}, true, "holds no unencrypted private key"},
        {{.provisioner_name = "acmegate", .provisioner_key_path = key_path},
         false,
         "ok: issuer one (ocsp): a one-time token is accepted"},
        {{.provisioner_name = "ocsp", .provisioner_key_path = key_path},
         true,
         "FAIL: issuer one (ocsp): the CA has no JWK provisioner named ocsp; it has: acmegate"},
        {{.provisioner_name = "acmegate", .provisioner_key_path = "/nowhere/key"},
         true,
         "FAIL: issuer one (ocsp): provisioner_key_path /nowhere/key cannot be read"},
    };
    for (size_t i = 0; i < sizeof responders / sizeof *responders; i++) {
        ocsp = responders[i].ocsp;
        struct outcome outcome = run(24 * HOUR_S, 24 * HOUR_S);
        cr_expect_eq(outcome.failed, responders[i].failed, "%zu: %s", i, told);
        expect_told("a responder", responders[i].words);
    }
    place_end(&place);
}

/* ---- lifetimes ---- */

/* Two requests that no claims allow, beside the one for the token. */
Test(preflight_stepca, limits_that_a_ca_does_not_tell_are_asked_for)
{
    static const struct {
        const char *provisioners;
        size_t asked;
    } claims[] = {{PROVISIONERS(OURS), 1},
                  {PROVISIONERS(PROVISIONER("acmegate", JWK, "\"minTLSCertDuration\":\"5m\"")), 2},
                  {PROVISIONERS(PROVISIONER("acmegate", JWK, "\"disableRenewal\":false")), 3}};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        size_t asked = 0;
        place_begin(&place);
        make_ca();
        change_page(&(struct world_page){
            .url = CA "provisioners?limit=100", .status = 200, .body = claims[i].provisioners});
        cr_expect_not(run(24 * HOUR_S, 24 * HOUR_S).failed, "%zu: %s", i, told);
        for (const char *at = world.asked; (at = strstr(at, "POST " CA "1.0/sign")) != NULL; at++)
            asked++;
        cr_expect_eq(asked, claims[i].asked, "%zu: %s", i, world.asked);
        place_end(&place);
    }
}
