/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/preflight/name_servers.h"

#include "gateway/outbound/outbound_wait.h"

enum { TIMEOUT_MS = 2000 };

/* Returns the name that the servers are asked for. */
static const char *question(const struct name_servers_probe *probe)
{
    size_t count = 0;
    const struct identifier *names = config_own_names(probe->arena, probe->config, &count);
    return count != 0 && names[0].type == IDENTIFIER_DNS ? names[0].value : "localhost";
}

static bool are_configured(const struct name_servers_probe *probe)
{
    return probe->config->validation.resolver_count != 0;
}

/* ---- words ---- */

static const char *advice(enum outbound_dns_fault fault)
{
    switch (fault) {
    case OUTBOUND_DNS_SILENT:
    case OUTBOUND_DNS_UNREACHABLE:
        return "start it, correct its address, or let UDP and TCP through to it";
    case OUTBOUND_DNS_REFUSED:
        return "allow this host there";
    case OUTBOUND_DNS_NO_FAULT:
    case OUTBOUND_DNS_FAILED:
    case OUTBOUND_DNS_NOT_RECURSIVE:
    case OUTBOUND_DNS_MALFORMED:
        break;
    }
    return "repair it, or set another";
}

/* True when the server serves no name. One that serves some may have failed for this name only. */
static bool serves_nobody(const struct outbound_server_report *report)
{
    return report->fault == OUTBOUND_DNS_SILENT || report->fault == OUTBOUND_DNS_UNREACHABLE ||
           report->fault == OUTBOUND_DNS_REFUSED;
}

static const char *consequence(const struct outbound_server_report *report, bool none_serves)
{
    if (none_serves)
        return ". No name can be validated until then";
    return serves_nobody(report) ? ". Each look-up loses time there until then" : "";
}

static void tell_report(struct name_servers_probe *probe, const struct outbound_server_report *report,
                        bool none_serves)
{
    const char *line = NULL;
    const char *where = are_configured(probe) ? "validation.resolvers" : "the system's name servers";
    if (report->error == NULL)
        line = arena_printf(probe->arena, "%s: %s answers", where, report->server);
    else
        line = arena_printf(probe->arena, "%s: %s when asked for %s: %s%s%s", where, report->error,
                            question(probe), advice(report->fault),
                            are_configured(probe) ? "" : ", or set others in validation.resolvers",
                            consequence(report, none_serves));
    probe->tell(probe->context,
                report->error == NULL ? PREFLIGHT_OK
                : none_serves         ? PREFLIGHT_FAULT
                                      : PREFLIGHT_WARNING,
                line);
}

/* ---- the query ---- */

static void end_probe(struct name_servers_probe *probe)
{
    if (probe->over != NULL)
        probe->over(probe);
}

static void on_reports(void *context, const struct outbound_server_report *reports, size_t count)
{
    struct name_servers_probe *probe = context;
    bool none_serves = true;
    for (size_t i = 0; i < count; i++)
        none_serves = none_serves && serves_nobody(&reports[i]);
    for (size_t i = 0; i < count; i++)
        tell_report(probe, &reports[i], none_serves);
    end_probe(probe);
}

static void start_probe(struct outbound_message *message)
{
    struct name_servers_probe *probe = (struct name_servers_probe *)(void *)message;
    const char *name = question(probe);
    if (!are_configured(probe) && outbound_knows_host(probe->outbound, name))
        end_probe(probe);
    else
        outbound_ask_each_server(probe->outbound, name, TIMEOUT_MS, on_reports, probe);
}

void name_servers_probe(struct name_servers_probe *probe)
{
    probe->message = (struct outbound_message){.run = start_probe};
    outbound_post(probe->outbound, &probe->message);
}

/* ---- a thread that waits ---- */

struct waiting_probe {
    struct outbound_errand errand; /* first */
    struct name_servers_probe *probe;
};

static void wake(struct name_servers_probe *probe)
{
    outbound_errand_end(probe->owner);
}

static void start_waited_for(struct outbound_message *message)
{
    name_servers_probe(((struct waiting_probe *)(void *)message)->probe);
}

void name_servers_probe_and_wait(struct name_servers_probe *probe)
{
    struct waiting_probe waiting = {.probe = probe};
    probe->over = wake;
    probe->owner = &waiting.errand;
    outbound_wait(probe->outbound, &waiting.errand, start_waited_for);
}
