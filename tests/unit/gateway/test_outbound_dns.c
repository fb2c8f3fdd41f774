/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups with one name server of the test's own: how it is asked, and what its answer means. */
#include <ares.h>

#include "dns_look_up.h"
#include "dns_server.h"
#include "leaks.h"
#include "outbound_thread.h"

LEAK_CHECKED_SUITE(outbound_dns);

enum { PATIENT_MS = 20 * 1000 };

#define NAME "_acme-challenge.a.example"

/* An outbound thread that asks one name server. */
struct scene {
    struct arena *arena;
    struct dns_server server;
    struct outbound *outbound;
};

static void scene_begin(struct scene *scene, const struct dns_says *says, size_t count)
{
    *scene = (struct scene){.arena = arena_new(), .server = {.says = says, .says_count = count}};
    dns_server_start(&scene->server);
    scene->outbound = outbound_thread_start((const char *const[]){scene->server.address, NULL});
}

static void scene_stop(struct scene *scene)
{
    outbound_thread_stop(scene->outbound);
    dns_server_stop(&scene->server);
}

/* ---- how it is asked ---- */

/* Its time to live is an hour, but a client changes its record between two tries. */
Test(outbound_dns, no_answer_is_kept)
{
    static const struct bytes records[] = {BYTES_LITERAL(DNS_RECORD(DNS_TXT, "\0\6") "\5first"),
                                           BYTES_LITERAL(DNS_RECORD(DNS_TXT, "\0\7") "\6second"),
                                           BYTES_LITERAL(DNS_RECORD(DNS_TXT, "\0\6") "\5third")};
    static const char *const texts[] = {"first", "second", "third"};
    struct dns_says says = {0, DNS_RECURSES, 1, 0, {0}};
    struct scene scene;
    scene_begin(&scene, &says, 1);
    for (size_t i = 0; i < 3; i++) {
        says.records = records[i];
        struct outbound_texts found = dns_look_up_texts(scene.outbound, scene.arena, NAME, PATIENT_MS);
        cr_assert_null(found.error, "%s", found.error);
        cr_assert_eq(found.count, 1);
        cr_expect(bytes_equal_string(found.texts[0], texts[i]));
    }
    scene_stop(&scene);
    cr_expect_eq(scene.server.asked_udp, 3);
    arena_free(scene.arena);
}

Test(outbound_dns, an_answer_that_is_cut_over_udp_comes_over_tcp)
{
    const struct dns_says says = {0, DNS_RECURSES, 1, 0,
                                  BYTES_LITERAL(DNS_RECORD(DNS_TXT, "\0\6") "\5whole")};
    struct scene scene;
    scene_begin(&scene, &says, 1);
    scene.server.cut_over_udp = true;
    for (size_t i = 0; i < 3; i++) {
        struct outbound_texts found = dns_look_up_texts(scene.outbound, scene.arena, NAME, PATIENT_MS);
        cr_assert_null(found.error, "%s", found.error);
        cr_assert_eq(found.count, 1);
        cr_expect(bytes_equal_string(found.texts[0], "whole"));
    }
    scene_stop(&scene);
    cr_expect_eq(scene.server.asked_udp, 3);
    cr_expect_eq(scene.server.asked_tcp, 3);
    arena_free(scene.arena);
}

/* ---- what its answer means ---- */

#define TEXT_AB DNS_RECORD(DNS_TXT, "\0\4") "\1a\1b"
#define TEXT_C  DNS_RECORD(DNS_TXT, "\0\2") "\1c"
/* The question's name without its first label. */
#define ALIAS        DNS_RECORD(DNS_CNAME, "\0\2") "\xc0\x1c"
#define NO_RECURSION "it does not recurse; validation.resolvers needs servers that do"

/* That a name or a record does not exist is an answer. */
Test(outbound_dns, N1_an_answer_is_relied_on_or_its_fault_is_told)
{
    static const struct {
        struct dns_says says;
        enum outbound_dns_fault fault;
        const char *error; /* behind the server's address; NULL: an answer */
        const char *texts; /* with spaces between them */
        const char *alias;
    } cases[] = {
        {{0, DNS_RECURSES, 1, 0, BYTES_LITERAL(TEXT_AB)}, OUTBOUND_DNS_NO_FAULT, NULL, "ab ", NULL},
        {{0, DNS_RECURSES, 2, 0, BYTES_LITERAL(TEXT_AB TEXT_C)}, OUTBOUND_DNS_NO_FAULT, NULL, "ab c ", NULL},
        {{0, DNS_RECURSES, 0, 0, {0}}, OUTBOUND_DNS_NO_FAULT, NULL, "", NULL},
        {{0, DNS_RECURSES + 3, 0, 0, {0}}, OUTBOUND_DNS_NO_FAULT, NULL, "", NULL},
        {{0, DNS_RECURSES + 2, 0, 0, {0}}, OUTBOUND_DNS_FAILED, "answered SERVFAIL", "", NULL},
        {{0, DNS_RECURSES + 5, 0, 0, {0}}, OUTBOUND_DNS_REFUSED, "answered REFUSED", "", NULL},
        {{0, DNS_RECURSES + 11, 0, 0, {0}}, OUTBOUND_DNS_FAILED, "answered RCODE 11", "", NULL},
        {{0, DNS_RECURSES, 1, 0, BYTES_LITERAL(ALIAS)}, OUTBOUND_DNS_NO_FAULT, NULL, "", "a.example"},
        {{0, DNS_DOES_NOT_RECURSE, 1, 0, BYTES_LITERAL(ALIAS)},
         OUTBOUND_DNS_NOT_RECURSIVE,
         "answered that the name is an alias (CNAME) of a.example only: " NO_RECURSION,
         "",
         "a.example"},
        {{0, DNS_DOES_NOT_RECURSE, 2, 0, BYTES_LITERAL(ALIAS TEXT_C)},
         OUTBOUND_DNS_NO_FAULT,
         NULL,
         "c ",
         "a.example"},
        {{0, DNS_DOES_NOT_RECURSE, 0, 1, BYTES_LITERAL(DNS_RECORD(DNS_NS, "\0\2") "\xc0\x1c")},
         OUTBOUND_DNS_NOT_RECURSIVE,
         "gave a referral to other name servers: " NO_RECURSION,
         "",
         NULL},
        {{0, DNS_RECURSES, 9, 0, {0}}, OUTBOUND_DNS_MALFORMED, "gave a malformed answer", "", NULL},
        {{0, DNS_RECURSES, 2, 0, BYTES_LITERAL(TEXT_AB DNS_RECORD(DNS_TXT, "\0\2") "\2c")},
         OUTBOUND_DNS_MALFORMED,
         "gave a malformed answer",
         "",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        scene_begin(&scene, &cases[i].says, 1);
        struct outbound_texts found = dns_look_up_texts(scene.outbound, scene.arena, NAME, PATIENT_MS);
        scene_stop(&scene);
        const char *texts = "";
        for (size_t n = 0; n < found.count; n++)
            texts = arena_printf(scene.arena, "%s%s ", texts, arena_string(scene.arena, found.texts[n]));
        const char *error = cases[i].error == NULL
                                ? NULL
                                : arena_printf(scene.arena, "%s %s", scene.server.address, cases[i].error);
        cr_expect_str_eq(texts, cases[i].texts, "case %zu: %s", i, texts);
        cr_expect_eq(found.fault, cases[i].fault, "case %zu", i);
        cr_assert_eq(found.error == NULL, error == NULL, "case %zu: %s", i, found.error);
        cr_expect(error == NULL || strcmp(found.error, error) == 0, "case %zu: %s", i, found.error);
        cr_assert_eq(found.alias == NULL, cases[i].alias == NULL, "case %zu: %s", i, found.alias);
        cr_expect(found.alias == NULL || strcmp(found.alias, cases[i].alias) == 0, "case %zu", i);
        arena_free(scene.arena);
    }
}

/* c-ares 1.31 and later refuses a CAA record without a value, so nothing is issued where one is. */
#define EMPTY_VALUE BYTES_LITERAL(DNS_RECORD(DNS_CAA, "\0\5") "\x80\3new")

/* RFC 8659 §4.1. */
Test(outbound_dns, N1_caa_records_are_told_whole_or_malformed)
{
    static const struct {
        struct dns_says says;
        const char *error;
        const char *records;
    } cases[] = {
        {{0, DNS_RECURSES, 2, 0,
          BYTES_LITERAL(
              DNS_RECORD(DNS_CAA, "\0\x0e") "\0\5issueca.test" DNS_RECORD(DNS_CAA, "\0\6") "\x80\3newx")},
         NULL,
         "issue=ca.test new!=x "},
#if ARES_VERSION >= 0x011f00
        {{0, DNS_RECURSES, 1, 0, EMPTY_VALUE}, "gave a malformed answer", ""},
#else
        {{0, DNS_RECURSES, 1, 0, EMPTY_VALUE}, NULL, "new!= "},
#endif
        {{0, DNS_RECURSES, 0, 0, {0}}, NULL, ""},
        {{0, DNS_RECURSES, 1, 0, BYTES_LITERAL(DNS_RECORD(DNS_CAA, "\0\5") "\0\4new")},
         "gave a malformed answer",
         ""},
        {{0, DNS_RECURSES + 2, 0, 0, {0}}, "answered SERVFAIL", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        scene_begin(&scene, &cases[i].says, 1);
        struct outbound_caa found = dns_look_up_caa(scene.outbound, scene.arena, "a.example", PATIENT_MS);
        scene_stop(&scene);
        const char *records = "";
        for (size_t n = 0; n < found.count; n++)
            records = arena_printf(
                scene.arena, "%s%s%s=%s ", records, arena_string(scene.arena, found.records[n].tag),
                found.records[n].critical ? "!" : "", arena_string(scene.arena, found.records[n].value));
        cr_expect_str_eq(records, cases[i].records, "case %zu: %s", i, records);
        cr_assert_eq(found.error == NULL, cases[i].error == NULL, "case %zu: %s", i, found.error);
        cr_expect(found.error == NULL || strstr(found.error, cases[i].error) != NULL, "case %zu: %s", i,
                  found.error);
        arena_free(scene.arena);
    }
}
