/* SPDX-License-Identifier: Apache-2.0 */
/* PUT and DELETE of an issuer: what they answer and write of each difference, and what stops them. */
#include "acme/pki.h"
#include "admin_room.h"
#include "leaks.h"
#include "world.h"

LEAK_CHECKED_SUITE(admin_changes);

#define CA  "https://ca.test:9000/1.0/"
#define URL ",\"ca_url\":\"https://ca.test:9000\""
#define JWK \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\"," \
    "\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\",\"kid\":\"k1\""

/* The CA of the issuer knows its key by the id that the preflight gives. */
static void begin(bool overridden)
{
    static const struct world_page pages[] = {
        {.url = CA "provisioners?limit=100",
         .status = 200,
         .body = "{\"provisioners\":[{\"type\":\"JWK\",\"name\":\"acmegate\",\"key\":{" JWK
                 "}}],\"nextCursor\":\"\"}"},
        {.url = CA "intermediates", .status = 404},
        {.url = CA "roots", .status = 404},
        {0}};
    admin_room_begin(overridden);
    world.pages = pages;
    fakes_pass(60 * 1000);
}

static const struct fake_reply *send_request(const char *method, const char *body)
{
    const struct place_request asked = {method, "/api/v1/issuers/one", 0, NULL, body, false};
    const struct fake_reply *reply = place_send(&room.place, &asked);
    admin_room_run_background();
    return reply;
}

/* ---- what differs ---- */

static void write_another_root(void)
{
    const struct pki_certificate other = {.key = pki_key(room.place.arena, "P-256"),
                                          .common_name = "Another root",
                                          .is_ca = true,
                                          .not_before = PLACE_NOW - 3600,
                                          .not_after = PLACE_NOW + 3600};
    struct bytes pem = pki_pem(room.place.arena, pki_certificate(room.place.arena, &other));
    place_write(&room.place, "root.crt", arena_string(room.place.arena, pem));
}

static void write_another_key(void)
{
    place_write(&room.place, "provisioner.json",
                "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"D2vseeLMo-n5Vt5MiOcrNk6aDBqYkbuPLn3799k1rB8\","
                "\"y\":\"6soZGBy9ln9sCaGISWU5IOYFW5bWozRXu5Rs4hNegEg\","
                "\"d\":\"mG8dqUcTznSmOEOOTFb2_2YzbaT43Zc0Gb4FNWIARp0\"}");
}

static int64_t events_with(const char *detail)
{
    return admin_rows(
        arena_printf(room.place.arena, "SELECT count(*) FROM events WHERE detail = '%s'", detail));
}

static void expect_change(const char *what, const struct fake_reply *reply, const char *changed,
                          const char *detail)
{
    expect_answer(what, reply, 200,
                  arena_printf(room.place.arena, "\"source\":\"override\",\"changed\":{%s}}", changed));
    cr_expect_eq(events_with(detail), 1, "%s: %s", what, detail);
}

Test(admin_changes, each_difference_is_answered_and_written_down)
{
    static const struct {
        const char *members;
        void (*prepare)(void);
        const char *changed, *detail;
    } cases[] = {
        {URL, NULL, "", "one"},
        {",\"ca_url\":\"https://ca2.test:9000\"", NULL,
         "\"ca_url\":{\"from\":\"https://ca.test:9000\",\"to\":\"https://ca2.test:9000\"}",
         "one; ca_url from https://ca.test:9000 to https://ca2.test:9000"},
        {URL, write_another_key, "\"provisioner_key\":\"changed\"", "one"},
        {URL ",\"validity_days\":2", NULL, "\"validity\":{\"from\":\"0s\",\"to\":\"48h\"}",
         "one; validity from 0s to 48h"},
        {URL ",\"request_timeout\":\"7s\"", NULL, "\"request_timeout\":{\"from\":\"30s\",\"to\":\"7s\"}",
         "one; request_timeout from 30s to 7s"},
        {URL ",\"max_concurrent\":7", NULL, "\"max_concurrent\":{\"from\":\"16\",\"to\":\"7\"}",
         "one; max_concurrent from 16 to 7"},
        {URL ",\"request_timeout\":\"7s\",\"max_concurrent\":7", NULL,
         "\"request_timeout\":{\"from\":\"30s\",\"to\":\"7s\"},"
         "\"max_concurrent\":{\"from\":\"16\",\"to\":\"7\"}",
         "one; request_timeout from 30s to 7s; max_concurrent from 16 to 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(false);
        if (cases[i].prepare != NULL)
            cases[i].prepare();
        const struct fake_reply *reply = send_request("PUT", admin_section(cases[i].members));
        expect_change(cases[i].members, reply, cases[i].changed, cases[i].detail);
        admin_room_end();
    }
}

Test(admin_changes, other_roots_are_named_by_their_fingerprints)
{
    begin(false);
    struct arena *arena = room.place.arena;
    const char *before =
        arena_duplicate(arena, issuers_find(room.parts.issuers, "one")->root_fingerprints[0]);
    write_another_root();
    const struct fake_reply *reply = send_request("PUT", admin_section(URL));
    const char *after = issuers_find(room.parts.issuers, "one")->root_fingerprints[0];
    cr_expect_str_neq(after, before);
    expect_change(
        "another root", reply,
        arena_printf(arena, "\"root_fingerprints\":{\"from\":[\"%s\"],\"to\":[\"%s\"]}", before, after),
        arena_printf(arena, "one; roots from %s to %s", before, after));
    admin_room_end();
}

/* ---- what stops a change ---- */

static void expect_no_change(const char *what, const char *source)
{
    cr_expect_eq(admin_rows("SELECT count(*) FROM events"), 0, "%s", what);
    cr_expect_eq(admin_rows("SELECT count(*) FROM issuer_overrides"), 0, "%s", what);
    cr_expect_null(room.changed_issuer, "%s", what);
    const struct issuer *issuer = issuers_find(room.parts.issuers, "one");
    cr_expect_str_eq(issuer->config->ca_url, "https://ca.test:9000", "%s", what);
    cr_expect_eq(issuer->config->overridden, strcmp(source, "override") == 0, "%s", what);
}

static const struct fake_reply *send_change(bool is_put)
{
    return is_put ? send_request("PUT", admin_section(",\"ca_url\":\"https://ca2.test:9000\""))
                  : send_request("DELETE", NULL);
}

Test(admin_changes, what_a_full_disk_does_not_take_is_not_changed)
{
    for (int is_put = 0; is_put <= 1; is_put++) {
        const char *what = is_put ? "PUT" : "DELETE";
        begin(!is_put);
        fake_store_fail(1);
        expect_answer(what, send_change(is_put), 503,
                      "The database could not record the change; nothing was changed.");
        expect_no_change(what, is_put ? "file" : "override");
        admin_room_end();
    }
}

/* Whichever statement of a change fails, of those that read too: it is made as a whole or not at all, and may
 * be sent again. */
Test(admin_changes, a_change_is_whole_or_none)
{
    enum { STEPS_MOST = 100 };
    for (int is_put = 0; is_put <= 1; is_put++) {
        const char *what = is_put ? "PUT" : "DELETE";
        size_t step = 0;
        bool failed = true;
        while (failed && ++step < STEPS_MOST) {
            begin(!is_put);
            cr_assert_not_null(fake_store_command()); /* it is open from here on */
            fake_store_fail_step(step);
            const struct fake_reply *reply = send_change(is_put);
            failed = fake_store_step_failed();
            fake_store_fail_step(0);
            cr_assert(reply->done, "%s, step %zu", what, step);
            cr_expect_eq(reply->status, failed ? 503 : 200, "%s, step %zu: %d", what, step, reply->status);
            if (failed)
                expect_no_change(what, is_put ? "file" : "override");
            admin_room_end();
        }
        cr_expect(step > 2 && !failed, "%s: %zu steps", what, step);
    }
}

Test(admin_changes, an_issuer_that_the_file_names_no_more_has_nothing_to_return_to)
{
    begin(true);
    admin_room_write_configuration("other", admin_section(URL));
    const struct fake_reply *reply = send_request("DELETE", NULL);
    expect_answer("DELETE", reply, 400, "\"reasons\":[\"the file no longer has this issuer\"]");
    expect_no_change("DELETE", "override");
    admin_room_end();
}

/* Reasons of any length are no cause to lose the detail. */
Test(admin_changes, reasons_that_are_too_long_are_left_out)
{
    begin(false);
    enum { TOO_LONG_BYTES = 2 * 1024 * 1024 };
    char *reason = arena_alloc(room.place.arena, TOO_LONG_BYTES + 1);
    memset(reason, 'x', TOO_LONG_BYTES);
    reason[TOO_LONG_BYTES] = '\0';
    room.preflight_fault = reason;
    const struct fake_reply *reply = send_request("PUT", admin_section(URL));
    expect_answer("PUT", reply, 422, "The new configuration failed its preflight; nothing was changed.");
    cr_expect_not(reply_says(reply, "reasons"));
    expect_no_change("PUT", "file");
    admin_room_end();
}
