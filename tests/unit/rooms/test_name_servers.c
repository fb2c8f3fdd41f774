/* SPDX-License-Identifier: Apache-2.0 */
/* The preflight's lines about the name servers. */
#include "gateway/preflight/name_servers.h"

#include <stdio.h>

#include "leaks.h"
#include "place.h"

LEAK_CHECKED_SUITE(name_servers);

enum { LINES_BYTES = 4 * 1024 };

static char told[LINES_BYTES];

static void tell(void *context, enum preflight_verdict verdict, const char *line)
{
    static const char *const words[] = {"ok", "warning", "fault"};
    (void)context;
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s: %s\n", words[verdict], line);
}

#define ASKED  " when asked for acme.test: "
#define OTHERS ", or set others in validation.resolvers"

static const struct {
    const char *name;
    struct outbound_server_report reports[2];
    size_t count;
    bool configured, knows_host;
    const char *told;
} cases[] = {
    {"both answer",
     {{"10.0.0.1", NULL, 0}, {"10.0.0.2", NULL, 0}},
     2,
     true,
     false,
     "ok: validation.resolvers: 10.0.0.1 answers\nok: validation.resolvers: 10.0.0.2 answers\n"},
    {"the system's answers",
     {{"10.0.0.1", NULL, 0}},
     1,
     false,
     false,
     "ok: the system's name servers: 10.0.0.1 answers\n"},
    {"one is silent",
     {{"10.0.0.1", "10.0.0.1 is silent", OUTBOUND_DNS_SILENT}, {"10.0.0.2", NULL, 0}},
     2,
     true,
     false,
     "warning: validation.resolvers: 10.0.0.1 is silent" ASKED
     "start it, correct its address, or let UDP and TCP through to it. Each look-up loses time there until "
     "then\n"
     "ok: validation.resolvers: 10.0.0.2 answers\n"},
    {"one is away",
     {{"10.0.0.1", NULL, 0}, {"10.0.0.2", "10.0.0.2 is away", OUTBOUND_DNS_UNREACHABLE}},
     2,
     true,
     false,
     "ok: validation.resolvers: 10.0.0.1 answers\n"
     "warning: validation.resolvers: 10.0.0.2 is away" ASKED
     "start it, correct its address, or let UDP and TCP through to it. Each look-up loses time there until "
     "then\n"},
    {"none serves",
     {{"10.0.0.1", "10.0.0.1 is silent", OUTBOUND_DNS_SILENT},
      {"10.0.0.2", "10.0.0.2 refuses", OUTBOUND_DNS_REFUSED}},
     2,
     true,
     false,
     "fault: validation.resolvers: 10.0.0.1 is silent" ASKED
     "start it, correct its address, or let UDP and TCP through to it. No name can be validated until then\n"
     "fault: validation.resolvers: 10.0.0.2 refuses" ASKED
     "allow this host there. No name can be validated until then\n"},
    {"it fails for this name",
     {{"10.0.0.1", "10.0.0.1 fails", OUTBOUND_DNS_FAILED}},
     1,
     true,
     false,
     "warning: validation.resolvers: 10.0.0.1 fails" ASKED "repair it, or set another\n"},
    {"the system's is no resolver",
     {{"10.0.0.1", "10.0.0.1 refers", OUTBOUND_DNS_NOT_RECURSIVE}},
     1,
     false,
     false,
     "warning: the system's name servers: 10.0.0.1 refers" ASKED "repair it, or set another" OTHERS "\n"},
    {"the system knows the host",
     {{"10.0.0.1", "10.0.0.1 is silent", OUTBOUND_DNS_SILENT}},
     1,
     false,
     true,
     ""},
    {"those of the configuration are asked nevertheless",
     {{"10.0.0.1", NULL, 0}},
     1,
     true,
     true,
     "ok: validation.resolvers: 10.0.0.1 answers\n"},
};

Test(name_servers, each_is_told_with_what_to_do)
{
    static const char *const resolvers[] = {"10.0.0.1"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct place place;
        place_begin(&place);
        const struct config config = {
            .base_url = "https://acme.test",
            .validation = {.resolvers = resolvers, .resolver_count = cases[i].configured ? 1 : 0}};
        struct outbound *outbound = outbound_start(NULL, NULL);
        struct name_servers_probe probe = {
            .outbound = outbound, .config = &config, .arena = place.arena, .tell = tell};
        fake_outbound_set_servers(cases[i].reports, cases[i].count, cases[i].knows_host);
        told[0] = '\0';
        name_servers_probe_and_wait(&probe);
        cr_expect_str_eq(told, cases[i].told, "%s: %s", cases[i].name, told);
        outbound_stop(outbound);
        outbound_free(outbound);
        place_end(&place);
    }
}
