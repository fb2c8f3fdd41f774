/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_cert.h"
#include "gateway/cli/cli_list.h"
#include "gateway/runtime/clock.h"
#include "store/certificates.h"
#include "store/early_renewals.h"
#include "store/events.h"
#include "store/listing.h"

static const struct cli_column columns[] = {{"id", 16},    {"state", 8},   {"expires", 20}, {"issuer", 10},
                                            {"origin", 8}, {"serial", 40}, {"names", 0}};
static const char *const states[] = {"good", "expired", "revoked", "rejected", NULL};
static const struct cli_listing certificates = {LISTING_CERTIFICATES, states, columns,
                                                sizeof columns / sizeof *columns};

/* ---- renew-early ---- */

struct renew_early {
    struct arena *arena;
    const char *issuer;            /* NULL: not of one issuer */
    char serial[SERIAL_HEX_BYTES]; /* "": not of one certificate */
    struct early_renewal_order order;
    const char *what; /* in words */
    bool covers_nothing;
};

/* A misspelt scope is an error: nothing must look done that is not. */
static enum store_result find_covered(struct renew_early *request, struct store_reader *reader)
{
    struct certificate *found = NULL;
    size_t count = 0;
    if (request->issuer != NULL)
        return store_issuer_known(reader, request->issuer);
    if (request->serial[0] == '\0')
        return STORE_OK;
    enum store_result result =
        store_certificates_by_serial(reader, request->arena, request->serial, &found, &count);
    return result == STORE_OK && count == 0 ? STORE_NOT_FOUND : result;
}

static enum store_apply_result write_order(void *context, struct store_writer *writer)
{
    struct renew_early *request = context;
    const struct early_renewal_order *order = &request->order;
    const struct event event = {
        .at = order->created_at, .type = EVENT_RENEWAL_EARLY, .actor = "operator", .detail = request->what};
    enum store_result result = find_covered(request, store_reader_of(writer));
    request->covers_nothing = result == STORE_NOT_FOUND;
    if (result == STORE_OK)
        result = store_early_renewal_insert(writer, order);
    if (result == STORE_OK)
        result = store_event_insert(writer, &event);
    return store_applied(result);
}

/* Reads "all", "issuer ID" or "serial HEX"; false for anything else. */
static bool read_scope(struct renew_early *request, const char *const *words, size_t count)
{
    struct arena *arena = request->arena;
    if (count == 1 && strcmp(words[0], "all") == 0) {
        request->order.scope = "all";
    } else if (count == 2 && strcmp(words[0], "issuer") == 0) {
        request->issuer = words[1];
        request->order.scope = arena_printf(arena, "issuer:%s", words[1]);
    } else if (count == 2 && strcmp(words[0], "serial") == 0 && cli_read_serial(words[1], request->serial)) {
        request->order.scope = arena_printf(arena, "serial:%s", request->serial);
    }
    return request->order.scope != NULL;
}

/* Reads "now" or a duration. */
static bool read_within(const char *text, int64_t *spread_s)
{
    *spread_s = 0;
    return strcmp(text, "now") == 0 || (duration_parse(spread_s, bytes_from_string(text)) && *spread_s >= 0);
}

static int renew_early(const struct cli_arguments *arguments)
{
    int64_t spread_s = 0, now = clock_now();
    struct fault fault;
    struct renew_early request = {.arena = arguments->arena,
                                  .order = {.issued_before = now, .created_at = now}};
    const char *within = cli_value(arguments, "within");
    if (!read_scope(&request, arguments->words, arguments->word_count))
        return cli_fail(arguments, CLI_USAGE, "give a scope: all, issuer ID, or serial HEX");
    if (!read_within(within, &spread_s))
        return cli_fail(arguments, CLI_USAGE, "--within: '%s' is neither a duration such as 24h nor 'now'",
                        within);
    request.order.window = early_renewal_within(now, spread_s, cli_value(arguments, "explanation"));
    const char *when = request.order.window.renew_until <= now
                           ? "at their next look"
                           : arena_printf(arguments->arena, "within %s", within);
    request.what = arena_printf(arguments->arena, "%s, %s", request.order.scope, when);
    bool written = cli_write(arguments, write_order, &request, &fault);
    if (request.covers_nothing)
        return cli_fail(arguments, CLI_FAILED, "%s matches nothing in this database; nothing was changed",
                        request.order.scope);
    if (!written)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (cli_wants_json(arguments)) {
        struct json_writer *writer = cli_json_begin(arguments->arena);
        json_put_string(writer, "scope", request.order.scope);
        json_put_time(writer, "renew_until", request.order.window.renew_until);
        json_put_time(writer, "issued_before", request.order.issued_before);
        return cli_json_end(arguments, writer);
    }
    printf("clients that ask for renewal information are told to renew %s (%s). Certificates issued from now "
           "on are not affected\n",
           when, request.order.scope);
    return CLI_OK;
}

/* ---- list and show ---- */

static int list(const struct cli_arguments *arguments)
{
    struct listing_filter filter = {0};
    int64_t within_s = 0;
    if (!cli_read_duration(arguments, "expiring", &within_s))
        return CLI_USAGE;
    filter.expiring_until = within_s == 0 ? 0 : clock_now() + within_s;
    return cli_list(&certificates, arguments, &filter);
}

/* Serial numbers are unique within one CA only. */
static int write_pem(const struct cli_arguments *arguments, const struct certificate *found, size_t count)
{
    if (count == 0)
        return cli_fail(arguments, CLI_FAILED, "no certificate '%s' in %s", arguments->words[0],
                        store_location_text(arguments->location));
    for (size_t i = 1; i < count; i++)
        if (!certificate_is_same(found[0].leaf, found[i].leaf))
            return cli_fail(
                arguments, CLI_FAILED,
                "certificates of several CAs have this serial number: see 'acmegate cert show %s'",
                arguments->words[0]);
    const char *leaf = certificate_to_pem(arguments->arena, found->leaf);
    bool written = printf("%s%.*s", leaf, (int)found->chain_pem.n, (const char *)found->chain_pem.p) >= 0 &&
                   fflush(stdout) == 0;
    return written ? CLI_OK
                   : cli_fail(arguments, CLI_FAILED, "the PEM cannot be written: %s", strerror(errno));
}

static int show_pem(const struct cli_arguments *arguments, const char *serial)
{
    struct certificate *found = NULL;
    size_t count = 0;
    if (cli_wants_json(arguments))
        return cli_fail(arguments, CLI_USAGE, "give --pem or --json, not both");
    struct store_reader *reader = cli_open_reader(arguments);
    if (reader == NULL)
        return CLI_FAILED;
    bool read = store_certificates_by_serial(reader, arguments->arena, serial, &found, &count) == STORE_OK;
    store_reader_close(reader);
    return read ? write_pem(arguments, found, count)
                : cli_fail(arguments, CLI_FAILED, "%s cannot be read",
                           store_location_text(arguments->location));
}

static int show(const struct cli_arguments *arguments)
{
    char serial[SERIAL_HEX_BYTES];
    const struct listing_filter filter = {.serial = serial};
    if (!cli_read_serial(arguments->words[0], serial))
        return cli_refuse_serial(arguments);
    if (cli_value(arguments, "pem") != NULL)
        return show_pem(arguments, serial);
    return cli_show(&certificates, arguments, &filter);
}

static const struct cli_option list_options[] = {
    {"expiring", "DURATION",
     "lists only good certificates that expire within this time, such as 7d, and were not renewed", NULL, 0},
    CLI_LIST_OF_NAMES_OPTIONS,
    {0}};

static const struct cli_option show_options[] = {
    {"pem", NULL, "prints the certificate and its chain as PEM instead", NULL, 0}, CLI_JSON_OPTION, {0}};

static const struct cli_option renew_early_options[] = {
    {"within", "DURATION",
     "spreads the renewals over this time; 'now', or less than a minute, means at the clients' next look",
     "24h", 0},
    {"explanation", "URL", "a page that explains why, for the clients' operators", NULL, 0},
    CLI_JSON_OPTION,
    {0}};

static const char *const list_examples[] = {"acmegate cert list --expiring 7d",
                                            "acmegate cert list --name host.internal --state good", NULL};
static const char *const show_examples[] = {"acmegate cert show 1A:2B:3C --pem > chain.pem", NULL};
static const char *const revoke_examples[] = {"acmegate cert revoke 1A:2B:3C --reason keyCompromise --wait",
                                              NULL};
static const char *const renew_early_examples[] = {"acmegate cert renew-early all --within 12h",
                                                   "acmegate cert renew-early serial 1A:2B:3C --within now",
                                                   NULL};

static const struct cli_action actions[] = {
    {.name = "list",
     .needs = CLI_NEEDS_DATABASE,
     .options = list_options,
     .help = "Lists certificates, the newest first.",
     .examples = list_examples,
     .run = list},
    {.name = "show",
     .words = "SERIAL",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = show_options,
     .help = "Shows one certificate. The serial number is hexadecimal, with colons or without.",
     .examples = show_examples,
     .run = show},
    {.name = "revoke",
     .words = "SERIAL",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = cert_revoke_options,
     .help = "Asks the CA to revoke a certificate. It takes effect once the CA confirms it.",
     .examples = revoke_examples,
     .run = cert_revoke},
    {.name = "renew-early",
     .words = "all | issuer ID | serial HEX",
     .words_min = 1,
     .words_max = 2,
     .needs = CLI_NEEDS_DATABASE,
     .options = renew_early_options,
     .help = "Tells clients that ask for renewal information to renew certificates issued until now.",
     .examples = renew_early_examples,
     .run = renew_early},
};

const struct cli_command cli_cert = {"cert",
                                     "show certificates, revoke them, or have clients renew them early",
                                     actions, sizeof actions / sizeof *actions};
