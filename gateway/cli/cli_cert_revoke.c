/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "acme/base/monotonic.h"
#include "acme/pki/certificate.h"
#include "acme/revocation.h"
#include "gateway/cli/cli_cert.h"
#include "gateway/cli/cli_json.h"
#include "gateway/runtime/clock.h"
#include "store/certificates.h"
#include "store/events.h"

enum { LOOK_EVERY_MS = 200 };

bool cli_read_serial(const char *text, char out[static SERIAL_HEX_BYTES])
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

int cli_refuse_serial(const struct cli_arguments *arguments)
{
    return cli_fail(arguments, CLI_USAGE, "'%s' is not a hexadecimal serial number", arguments->words[0]);
}

/* ---- the request ---- */

struct revocation {
    struct arena *arena;
    char serial[SERIAL_HEX_BYTES];
    int reason;
    const char *refusal; /* NULL: none */
    bool corrects;       /* it is already revoked, with another reason */
    bool is_waiting;     /* one was requested before; the CA has not answered */
};

/* Serial numbers are unique within one CA only. Sets `refusal` when something is against it. */
static void judge(struct revocation *revocation, const struct certificate *found, size_t count)
{
    if (count == 0)
        revocation->refusal = "no certificate in this database has this serial number";
    for (size_t i = 1; i < count; i++)
        if (!certificate_is_same(found[0].leaf, found[i].leaf))
            revocation->refusal = "certificates of several CAs have this serial number; nothing was changed";
    if (revocation->refusal != NULL)
        return;
    bool revoked = found->revoked_at != 0;
    bool waiting = revoked ? found->correction_asked : found->revocation_requested_at != 0;
    if (revoked && !revocation_reason_may_become(found->revocation_reason, revocation->reason))
        revocation->refusal =
            arena_printf(revocation->arena,
                         "it is already revoked, with reason %s. A revocation can be corrected from a "
                         "reason that does not revoke, or to keyCompromise",
                         revocation_reason_name(found->revocation_reason));
    else if (waiting)
        revocation->refusal = revoked ? "its correction was already requested and waits for the CA"
                                      : "its revocation was already requested and waits for the CA";
    revocation->is_waiting = waiting;
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
    judge(revocation, certificate, count);
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

/* ---- waiting for the CA ---- */

/* The last state that was read. */
struct progress {
    struct arena *arena;
    const char *serial;
    bool confirmed;
    const char *error; /* the CA's words; NULL: none yet */
};

static enum store_result look(struct store_reader *reader, struct progress *progress)
{
    struct arena *arena = arena_new();
    struct certificate *found = NULL;
    size_t count = 0;
    enum store_result result = store_certificates_by_serial(reader, arena, progress->serial, &found, &count);
    if (result == STORE_OK && count > 0) {
        progress->confirmed = found->revoked_at != 0 && !found->correction_asked;
        progress->error = found->revocation_error == NULL
                              ? NULL
                              : arena_duplicate(progress->arena, found->revocation_error);
    }
    arena_free(arena);
    return result;
}

/* The server writes what the CA answers into the database; nothing tells another process of that. */
static bool wait_for_ca(struct store_reader *reader, struct progress *progress, int64_t timeout_s)
{
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    int64_t end = monotonic_ms() + timeout_s * 1000;
    bool read = look(reader, progress) == STORE_OK;
    while (read && !progress->confirmed && monotonic_ms() < end) {
        nanosleep(&pause, NULL);
        read = look(reader, progress) == STORE_OK;
    }
    return read;
}

static int wait_until_confirmed(const struct cli_arguments *arguments, struct revocation *revocation,
                                int64_t timeout_s)
{
    struct progress progress = {.arena = arguments->arena, .serial = revocation->serial};
    struct store_reader *reader = cli_open_reader(arguments);
    if (reader == NULL)
        return CLI_FAILED;
    bool served = store_is_served(arguments->location);
    bool read = wait_for_ca(reader, &progress, served ? timeout_s : 0);
    store_reader_close(reader);
    if (!read)
        return cli_fail(arguments, CLI_FAILED, "%s cannot be read", store_location_text(arguments->location));
    if (progress.confirmed)
        return CLI_OK;
    if (!served)
        return cli_fail(arguments, CLI_FAILED,
                        "requested, but no server is running: the next start tells the CA");
    return cli_fail(arguments, CLI_FAILED,
                    "requested, but the CA has not confirmed it within %s: %s. The server asks it again",
                    cli_value(arguments, "timeout"),
                    progress.error == NULL ? "no answer yet" : progress.error);
}

/* ---- the command ---- */

static int print_json(const struct cli_arguments *arguments, const struct revocation *revocation,
                      bool confirmed, bool served)
{
    struct json_writer *writer = cli_json_begin(arguments->arena);
    json_put_string(writer, "serial", revocation->serial);
    json_put_string(writer, "reason", revocation_reason_name(revocation->reason));
    json_put_boolean(writer, "corrects", revocation->corrects);
    json_put_boolean(writer, "confirmed", confirmed);
    json_put_boolean(writer, "served", served);
    return cli_json_end(arguments, writer);
}

static int tell(const struct cli_arguments *arguments, const struct revocation *revocation, bool confirmed)
{
    bool served = store_is_served(arguments->location);
    if (cli_wants_json(arguments))
        return print_json(arguments, revocation, confirmed, served);
    if (confirmed)
        printf("the CA has confirmed the revocation of %s\n", revocation->serial);
    else
        printf(
            "requested %s of %s; %s. It takes effect once the CA confirms it: see 'acmegate cert show %s'\n",
            revocation->corrects ? "another reason for the revocation" : "the revocation", revocation->serial,
            served ? "the running server tells the CA now"
                   : "no server is running: the next start tells the CA",
            revocation->serial);
    return CLI_OK;
}

int cert_revoke(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct revocation revocation = {.arena = arguments->arena};
    bool waits = cli_value(arguments, "wait") != NULL;
    int64_t timeout_s = 0;
    if (!cli_read_serial(arguments->words[0], revocation.serial))
        return cli_refuse_serial(arguments);
    const char *why = read_reason(arguments->arena, cli_value(arguments, "reason"), &revocation.reason);
    if (why != NULL)
        return cli_fail(arguments, CLI_USAGE, "%s", why);
    if (!cli_read_duration(arguments, "timeout", &timeout_s))
        return CLI_USAGE;
    bool written = cli_write(arguments, ask_for_revocation, &revocation, &fault);
    if (!written && !(waits && revocation.is_waiting))
        return cli_fail(arguments, CLI_FAILED, "%s",
                        revocation.refusal == NULL ? fault.message : revocation.refusal);
    int status = waits ? wait_until_confirmed(arguments, &revocation, timeout_s) : CLI_OK;
    return status == CLI_OK ? tell(arguments, &revocation, waits) : status;
}

const struct cli_option cert_revoke_options[] = {
    {"reason", "REASON", "the name of a reason in RFC 5280, such as keyCompromise", "unspecified", 0},
    {"wait", NULL, "waits until the CA has confirmed it, and fails with the CA's words when it has not", NULL,
     0},
    {"timeout", "DURATION", "how long --wait waits at most", "60s", 0},
    CLI_JSON_OPTION,
    {0}};
