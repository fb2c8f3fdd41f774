/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "acme/revocation.h"
#include "gateway/cli/cli.h"
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

static int refuse_serial(const struct cli_arguments *arguments, const char *serial)
{
    return cli_fail(arguments, CLI_USAGE, "'%s' is not a hexadecimal serial number", serial);
}

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

/* Reads a serial number as openssl, step and certbot show it: in any case, with colons or without, padded or
 * not. */
static bool read_serial(const char *text, char out[static SERIAL_HEX_BYTES])
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        if (*text == ':' || (*text == '0' && n == 0))
            continue;
        if (!isxdigit((unsigned char)*text) || n + 1 >= SERIAL_HEX_BYTES)
            return false;
        out[n++] = (char)tolower((unsigned char)*text);
    }
    out[n] = '\0';
    return n != 0;
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
    } else if (count == 2 && strcmp(words[0], "serial") == 0 && read_serial(words[1], request->serial)) {
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
    return cli_list(&certificates, arguments);
}

static int show(const struct cli_arguments *arguments)
{
    char serial[SERIAL_HEX_BYTES];
    const struct listing_filter filter = {.serial = serial};
    if (!read_serial(arguments->words[0], serial))
        return refuse_serial(arguments, arguments->words[0]);
    return cli_show(&certificates, arguments, &filter);
}

/* ---- revoke ---- */

struct revocation {
    struct arena *arena;
    char serial[SERIAL_HEX_BYTES];
    int reason;
    const char *refusal; /* NULL: none */
    bool corrects;       /* it is already revoked, with another reason */
};

/* Serial numbers are unique within one CA only. NULL: nothing is against it. */
static const char *refuse_revocation(struct arena *arena, const struct certificate *found, size_t count,
                                     int reason)
{
    if (count == 0)
        return "no certificate in this database has this serial number";
    for (size_t i = 1; i < count; i++)
        if (!certificate_is_same(found[0].leaf, found[i].leaf))
            return "certificates of several CAs have this serial number; nothing was changed";
    if (found->revoked_at != 0 && !revocation_reason_may_become(found->revocation_reason, reason))
        return arena_printf(arena,
                            "it is already revoked, with reason %s. A revocation can be corrected from a "
                            "reason that does not revoke, or to keyCompromise",
                            revocation_reason_name(found->revocation_reason));
    if (found->revoked_at != 0)
        return found->correction_asked ? "its correction was already requested and waits for the CA" : NULL;
    return found->revocation_requested_at != 0 ? "its revocation was already requested and waits for the CA"
                                               : NULL;
}

/* Makes the revocation due, as a request by a client does. It stays due until the CA has confirmed it. */
static enum store_apply_result ask_for_revocation(void *context, struct store_writer *writer)
{
    struct revocation *revocation = context;
    struct certificate *certificate = NULL;
    size_t count = 0;
    if (store_certificates_by_serial(store_reader_of(writer), revocation->arena, revocation->serial,
                                     &certificate, &count) != STORE_OK)
        return STORE_DISCARD;
    revocation->refusal = refuse_revocation(revocation->arena, certificate, count, revocation->reason);
    if (revocation->refusal != NULL)
        return STORE_DISCARD;
    const char *detail =
        arena_printf(revocation->arena, "by operator, reason %s", revocation_reason_name(revocation->reason));
    certificate->revocation_next_attempt_at = 0;
    if (certificate->revoked_at != 0) {
        detail = arena_printf(revocation->arena, "%s instead of %s", detail,
                              revocation_reason_name(certificate->revocation_reason));
        certificate->correction_asked = revocation->corrects = true;
        certificate->correction_reason = revocation->reason;
    } else {
        certificate->revocation_requested_at = clock_now();
        certificate->revocation_reason = revocation->reason;
        certificate->revocation_requested_by = "operator";
    }
    const struct event event = {.at = clock_now(),
                                .type = EVENT_REVOCATION_REQUESTED,
                                .account_id = certificate->account_id,
                                .order_id = certificate->order_id,
                                .certificate_id = certificate->id,
                                .actor = "operator",
                                .detail = detail};
    enum store_result result = revocation->corrects ? store_certificate_correct(writer, certificate)
                                                    : store_certificate_update(writer, certificate);
    return store_applied(result == STORE_OK ? store_event_insert(writer, &event) : result);
}

/* NULL with `out` set; else what is wrong with the text. */
static const char *read_reason(struct arena *arena, const char *text, int *out)
{
    if (!revocation_reason_find(text, out))
        return arena_printf(
            arena,
            "--reason: '%s' is not a reason of RFC 5280, such as keyCompromise, superseded or "
            "cessationOfOperation",
            text);
    const struct problem *problem = revocation_reason_check(arena, *out);
    return problem == NULL ? NULL : problem->detail;
}

static int revoke(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct revocation revocation = {.arena = arguments->arena};
    if (!read_serial(arguments->words[0], revocation.serial))
        return refuse_serial(arguments, arguments->words[0]);
    const char *why = read_reason(arguments->arena, cli_value(arguments, "reason"), &revocation.reason);
    if (why != NULL)
        return cli_fail(arguments, CLI_USAGE, "%s", why);
    if (!cli_write(arguments, ask_for_revocation, &revocation, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s",
                        revocation.refusal == NULL ? fault.message : revocation.refusal);
    printf("requested %s of %s; %s. It takes effect once the CA confirms it: see 'acmegate cert show %s'\n",
           revocation.corrects ? "another reason for the revocation" : "the revocation", revocation.serial,
           store_is_served(arguments->location) ? "the running server tells the CA now"
                                                : "no server is running: the next start tells the CA",
           revocation.serial);
    return CLI_OK;
}

static const struct cli_option revoke_options[] = {
    {"reason", "REASON", "the name of a reason in RFC 5280, such as keyCompromise", "unspecified", 0}, {0}};

static const struct cli_option renew_early_options[] = {
    {"within", "DURATION",
     "spreads the renewals over this time; 'now', or less than a minute, means at the clients' next look",
     "24h", 0},
    {"explanation", "URL", "a page that explains why, for the clients' operators", NULL, 0},
    CLI_JSON_OPTION,
    {0}};

static const struct cli_action actions[] = {
    {.name = "list",
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_list_of_names_options,
     .help = "Lists certificates, the newest first.",
     .run = list},
    {.name = "show",
     .words = "SERIAL",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Shows one certificate. The serial number is hexadecimal, with colons or without.",
     .run = show},
    {.name = "revoke",
     .words = "SERIAL",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = revoke_options,
     .help = "Asks the CA to revoke a certificate. It takes effect once the CA confirms it.",
     .run = revoke},
    {.name = "renew-early",
     .words = "all | issuer ID | serial HEX",
     .words_min = 1,
     .words_max = 2,
     .needs = CLI_NEEDS_DATABASE,
     .options = renew_early_options,
     .help = "Tells clients that ask for renewal information to renew certificates issued until now.",
     .run = renew_early},
};

const struct cli_command cli_cert = {"cert",
                                     "show certificates, revoke them, or have clients renew them early",
                                     actions, sizeof actions / sizeof *actions};
