/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/event_log.h"

#include <stdio.h>

#include "acme/base/arena.h"
#include "leaks.h"
#include "log_capture.h"

LEAK_CHECKED_SUITE(event_log);

static const struct event events[] = {
    {.type = EVENT_ACCOUNT_CREATED,
     .account_id = 7,
     .actor = "client 192.0.2.1",
     .request = "00c0ffee00c0ffee"},
    {.type = EVENT_ORDER_REFUSED,
     .account_id = 7,
     .actor = "client 192.0.2.1",
     .names = "a.example",
     .known.names = "b.example",
     .cause = CAUSE_NAME_REFUSED,
     .detail = "not \"here\""},
    {.type = EVENT_ORDER_VALID,
     .account_id = 7,
     .order_id = 8,
     .certificate_id = 9,
     .actor = "gateway",
     .known = {.names = "a.example, b.example", .serial = "1f", .issuer = "main", .duration_ms = 35}},
    {.type = EVENT_CHALLENGE_INVALID, .authorization_id = 10, .actor = "gateway"},
};

static const char *const lines[] = {
    "info account.created account=7 by=\"client 192.0.2.1\" request=00c0ffee00c0ffee",
    "warning order.refused names=a.example account=7 by=\"client 192.0.2.1\" cause=name-refused detail=\"not "
    "\\\"here\\\"\"",
    "info order.valid order=8 names=\"a.example, b.example\" certificate=9 serial=1f issuer=main account=7 "
    "by=gateway duration_ms=35",
    "error challenge.invalid authorization=10 by=gateway",
};

static const char *logged(struct arena *arena)
{
    log_capture_begin();
    event_log_write(events, sizeof events / sizeof *events);
    return log_capture_end(arena);
}

Test(event_log, a_line_tells_what_is_known_of_an_event)
{
    struct arena *arena = arena_new();
    const char *text = logged(arena);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_neq(strstr(text, arena_printf(arena, " %s\n", lines[i])), NULL, "%s\n%s", lines[i], text);
    cr_expect_eq(count_of(text, "\n"), sizeof lines / sizeof *lines);
    arena_free(arena);
}

Test(event_log, the_configuration_sets_the_level_and_the_form)
{
    struct arena *arena = arena_new();
    const struct config quiet = {.log_level = LOG_LEVEL_WARNING, .log_format = LOG_FORMAT_JSON};
    event_log_configure(&quiet);
    const char *text = logged(arena);
    cr_expect_eq(count_of(text, "\n"), 2);
    cr_expect_eq(
        count_of(text, "\"level\":\"warning\",\"message\":\"order.refused\",\"names\":\"a.example\""), 1);
    cr_expect_eq(count_of(text, "\"level\":\"error\",\"message\":\"challenge.invalid\""), 1);
    /* --verbose wins, before and after. */
    log_be_verbose();
    cr_expect_eq(count_of(logged(arena), "\n"), 4);
    event_log_configure(&quiet);
    cr_expect_eq(count_of(logged(arena), "\n"), 4);
    arena_free(arena);
}
