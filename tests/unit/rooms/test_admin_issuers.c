/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer as the admin API shows it: what its CA has told, from where each limit is known, its health. */
#include "acme/pki.h"
#include "admin_room.h"
#include "leaks.h"
#include "world.h"

LEAK_CHECKED_SUITE(admin_issuers);

#define CA "https://ca.test:9000/1.0/"
#define JWK \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\"," \
    "\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\",\"kid\":\"k1\""
#define TELLS(claims) \
    "{\"provisioners\":[{\"type\":\"JWK\",\"name\":\"acmegate\",\"key\":{" JWK "}" claims "}]," \
    "\"nextCursor\":\"\"}"

static struct world_page pages[6];

/* The CA answers, and a round of questions is over. */
static void begin(const char *provisioners)
{
    memset(pages, 0, sizeof pages);
    pages[0] = (struct world_page){.url = CA "provisioners?limit=100", .status = 200, .body = provisioners};
    pages[1] = (struct world_page){.url = CA "intermediates", .status = 404};
    pages[2] = (struct world_page){.url = CA "roots", .status = 404};
    world.pages = pages;
    admin_room_begin(false);
    world.pages = pages;
    fakes_pass(100);
}

static const char *shown(void)
{
    struct place_request asked = {"GET", "/api/v1/issuers/one", 0, NULL, NULL, false};
    const struct fake_reply *reply = place_send(&room.place, &asked);
    expect_answer("GET", reply, 200, "{\"id\":\"one\"");
    return arena_string(room.place.arena, reply->body);
}

/* What is assumed has a source as well, and no limit is told where there is none. */
Test(admin_issuers, limits_are_shown_with_where_they_are_known_from)
{
    static const struct {
        const char *provisioners;
        const char *limits;
    } cases[] = {
        {TELLS(",\"claims\":{\"minTLSCertDuration\":\"10m\",\"maxTLSCertDuration\":\"48h\","
               "\"defaultTLSCertDuration\":\"24h\"}"),
         "\"limits\":{\"min_duration\":\"10m\",\"max_duration\":\"48h\",\"default_duration\":\"24h\","
         "\"chain_not_after\":\"2027-11-26T12:00:00Z\",\"backdate\":\"1m\",\"sources\":{"
         "\"min_duration\":{\"source\":\"told\",\"since\":\"2026-11-26T12:00:00Z\"},"
         "\"max_duration\":{\"source\":\"told\",\"since\":\"2026-11-26T12:00:00Z\"},"
         "\"default_duration\":{\"source\":\"told\",\"since\":\"2026-11-26T12:00:00Z\"},"
         "\"backdate\":{\"source\":\"assumed\"}}}"},
        {TELLS(""),
         "\"limits\":{\"min_duration\":\"5m\",\"max_duration\":\"24h\",\"default_duration\":\"24h\","
         "\"chain_not_after\":\"2027-11-26T12:00:00Z\",\"backdate\":\"1m\",\"sources\":{"
         "\"min_duration\":{\"source\":\"assumed\"},\"max_duration\":{\"source\":\"assumed\"},"
         "\"default_duration\":{\"source\":\"assumed\"},\"backdate\":{\"source\":\"assumed\"}}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].provisioners);
        const char *text = shown();
        cr_expect(strstr(text, cases[i].limits) != NULL, "case %zu: %s", i, text);
        cr_expect(strstr(text, "\"kid\":\"k1\"") != NULL, "case %zu: %s", i, text);
        cr_expect(strstr(text, "\"health\":{\"usable\":true,\"last_success\":\"2026-11-26T12:00:00Z\"}") !=
                      NULL,
                  "case %zu: %s", i, text);
        admin_room_end();
    }
}

Test(admin_issuers, a_failure_is_shown_with_its_words)
{
    begin("[]");
    const char *text = shown();
    cr_expect(strstr(text, "\"health\":{\"usable\":true,\"failing_since\":\"2026-11-26T12:00:00Z\","
                           "\"last_error\":\"the reply reports success, but step-ca did not write it\","
                           "\"last_failure\":\"2026-11-26T12:00:00Z\"}") != NULL,
              "%s", text);
    admin_room_end();
}

/* ---- roots ---- */

static const char *fingerprint(struct bytes der)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    cr_assert_eq(EVP_Digest(der.p, der.n, hash, &n, EVP_sha256(), NULL), 1);
    const char *text = "";
    for (unsigned i = 0; i < n; i++)
        text = arena_printf(room.place.arena, "%s%02x", text, hash[i]);
    return text;
}

/* As the CA lists them, in JSON. */
static const char *root_list(struct bytes pem)
{
    const char *text = "";
    for (size_t i = 0; i < pem.n; i++)
        text = pem.p[i] == '\n' ? arena_printf(room.place.arena, "%s\\n", text)
                                : arena_printf(room.place.arena, "%s%c", text, pem.p[i]);
    return arena_printf(room.place.arena, "{\"crts\":[\"%s\"]}", text);
}

/* The CA has another root in the place of the pinned one, as after a rotation. */
Test(admin_issuers, roots_that_differ_from_the_cas_are_shown)
{
    begin(TELLS(""));
    const struct pki_certificate other = {.key = pki_key(room.place.arena, "P-256"),
                                          .common_name = "Another root",
                                          .is_ca = true,
                                          .not_before = PLACE_NOW - 3600,
                                          .not_after = PLACE_NOW + 3600};
    X509 *root = pki_certificate(room.place.arena, &other);
    const char *pinned = issuers_find(room.parts.issuers, "one")->root_fingerprints[0];
    cr_expect(strstr(shown(), "\"roots_not_") == NULL, "the CA has not told which it has");
    pages[2].status = 200;
    pages[2].body = root_list(pki_pem(room.place.arena, root));
    fakes_pass(900 * 1000);
    const char *expected = arena_printf(room.place.arena,
                                        "\"root_fingerprints\":[\"%s\"],\"roots_not_pinned\":[\"%s\"],"
                                        "\"roots_not_listed\":[\"%s\"],\"health\"",
                                        pinned, fingerprint(pki_der(room.place.arena, root)), pinned);
    cr_expect(strstr(shown(), expected) != NULL, "%s\n%s", shown(), expected);
    admin_room_end();
}
