/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca/outcome.h"

#include "acme/base/time_text.h"
#include "acme/base/visible.h"
#include "stepca/messages.h"

enum { MESSAGE_MAX_BYTES = 500 };

struct status_rule {
    int first, last;
    enum stepca_outcome outcome;
};

/* The first rule that fits decides. A status without a rule does not come from step-ca. */
static const struct status_rule status_rules[] = {
    {200, 201, STEPCA_OK},           {202, 299, STEPCA_GARBAGE},   {400, 400, STEPCA_REFUSED},
    {401, 401, STEPCA_UNAUTHORIZED}, {403, 403, STEPCA_REFUSED},   {408, 408, STEPCA_BUSY},
    {429, 429, STEPCA_BUSY},         {501, 501, STEPCA_NOT_FOUND}, {500, 599, STEPCA_BUSY},
};

static enum stepca_outcome outcome_of_status(int status)
{
    for (size_t i = 0; i < sizeof status_rules / sizeof status_rules[0]; i++) {
        if (status >= status_rules[i].first && status <= status_rules[i].last) {
            return status_rules[i].outcome;
        }
    }
    return STEPCA_NOT_FOUND;
}

/* Makes one line of at most MESSAGE_MAX_BYTES, never cut inside a character. The CA, or a server in its
 * place, must not write lines of its own into our log. A run of spaces becomes one. */
static const char *one_line(struct arena *arena, struct bytes text)
{
    enum { READ_MAX_BYTES = 4 * MESSAGE_MAX_BYTES };
    struct bytes begin = bytes_of(text.p, text.n < READ_MAX_BYTES ? text.n : READ_MAX_BYTES);
    char *out = arena_string(arena, begin);
    size_t clean = visible_clean(out, begin.n, VISIBLE_ONE_LINE);
    size_t n = 0;
    for (size_t i = 0; i < clean; i++) {
        if (out[i] != ' ' || (n > 0 && out[n - 1] != ' ')) {
            out[n++] = out[i];
        }
    }
    if (n > MESSAGE_MAX_BYTES) {
        n = MESSAGE_MAX_BYTES - visible_unfinished(bytes_of(out, MESSAGE_MAX_BYTES));
    }
    while (n > 0 && out[n - 1] == ' ') {
        n--;
    }
    out[n] = '\0';
    return out;
}

static const char *message_of(struct arena *arena, const struct json *reply, struct bytes body, int status)
{
    struct bytes text;
    const char *message = "";
    if (json_member_string(reply, "message", &text)) {
        message = one_line(arena, text);
    } else if (reply == NULL) {
        message = one_line(arena, body);
    }
    return message[0] != '\0' ? message : arena_printf(arena, "HTTP status %d without a reason", status);
}

/* ---- refusals ---- */

#define DURATION_BEGIN "requested duration of "

struct refusal_rule {
    const char *words;
    enum stepca_refusal refusal;
};

/* step-ca's own words. The first rule that fits decides. Words without a rule count as a fault of the CA. */
static const struct refusal_rule refusal_rules[] = {
    {" is more than the authorized maximum certificate duration of ", STEPCA_REFUSAL_TOO_LONG},
    {" is less than the authorized minimum certificate duration of ", STEPCA_REFUSAL_TOO_SHORT},
    {"does not contain the valid", STEPCA_REFUSAL_NAMES},
    {"contains unauthorized DNS names", STEPCA_REFUSAL_NAMES},
    {"certificate request RSA key must", STEPCA_REFUSAL_CSR},
    {"invalid certificate request", STEPCA_REFUSAL_CSR},
    {"malformed or missing data", STEPCA_REFUSAL_CSR},
    {"error parsing", STEPCA_REFUSAL_CSR},
    {"certificate request fingerprint", STEPCA_REFUSAL_CSR},
    {"notAfter cannot be", STEPCA_REFUSAL_CSR},
    {" is not permitted by any constraint", STEPCA_REFUSAL_NAME_CONSTRAINTS},
    {" is excluded by constraint ", STEPCA_REFUSAL_NAME_CONSTRAINTS},
    {"webhook server did not allow request", STEPCA_REFUSAL_WEBHOOK},
    {"\" not allowed", STEPCA_REFUSAL_POLICY},
};

/* Reads "18h1m0s…", up to the first octet that no duration has. */
static bool read_duration(const char *text, int64_t *out)
{
    size_t n = strspn(text, "0123456789hms.");
    while (n > 0 && text[n - 1] == '.') {
        n--;
    }
    return duration_parse(out, bytes_of((const uint8_t *)text, n));
}

/* Reads both numbers. If one is missing, the refusal is treated like any other. */
static bool read_durations(const char *message, const char *between, struct stepca_error *out)
{
    const char *begin = strstr(message, DURATION_BEGIN);
    const char *middle = begin == NULL ? NULL : strstr(begin, between);
    return middle != NULL && read_duration(begin + strlen(DURATION_BEGIN), &out->requested_s) &&
           read_duration(middle + strlen(between), &out->limit_s) && out->limit_s > 0;
}

void stepca_read_refusal(struct stepca_error *out)
{
    out->refusal = STEPCA_REFUSAL_CA;
    out->requested_s = out->limit_s = 0;
    for (size_t i = 0; i < sizeof refusal_rules / sizeof refusal_rules[0]; i++) {
        const struct refusal_rule *rule = &refusal_rules[i];
        bool is_duration =
            rule->refusal == STEPCA_REFUSAL_TOO_LONG || rule->refusal == STEPCA_REFUSAL_TOO_SHORT;
        if (strstr(out->message, rule->words) != NULL &&
            (!is_duration || read_durations(out->message, rule->words, out))) {
            out->refusal = rule->refusal;
            return;
        }
    }
}

/* ---- successes ---- */

/* Another server may answer 200 in step-ca's place: a captive portal, a proxy's page. */
static bool is_expected_success(enum stepca_call call, const struct json *reply)
{
    if (call == STEPCA_SIGN) {
        const struct json *chain = json_member(reply, "certChain");
        return chain != NULL && chain->type == JSON_ARRAY;
    }
    if (call == STEPCA_REVOKE) {
        struct bytes status;
        return json_member_string(reply, "status", &status) && bytes_equal_string(status, "ok");
    }
    return reply != NULL;
}

static void read_success(enum stepca_call call, const struct json *reply, struct stepca_error *out)
{
    if (is_expected_success(call, reply)) {
        out->message = "";
        return;
    }
    out->outcome = STEPCA_GARBAGE;
    out->message = "the reply reports success, but step-ca did not write it";
}

void stepca_read_outcome(struct arena *arena, enum stepca_call call, int http_status, struct bytes body,
                         const char *transport_error, struct stepca_error *out)
{
    *out = (struct stepca_error){.http_status = http_status};
    if (http_status == 0) {
        out->outcome = STEPCA_BUSY;
        out->message = transport_error == NULL || transport_error[0] == '\0'
                           ? "no reply came"
                           : one_line(arena, bytes_from_string(transport_error));
        return;
    }
    const struct json *reply = json_parse(arena, body, &stepca_reply_limits, NULL);
    if (reply != NULL && reply->type != JSON_OBJECT) {
        reply = NULL;
    }
    out->outcome = outcome_of_status(http_status);
    if (out->outcome == STEPCA_OK) {
        read_success(call, reply, out);
        return;
    }
    out->message = message_of(arena, reply, body, http_status);
    if (http_status == 501 && call == STEPCA_REVOKE) {
        out->message = arena_printf(
            arena, "%s (the CA has no database and can revoke nothing: add a `db` to its ca.json)",
            out->message);
    }
    if (http_status == 400 && call == STEPCA_REVOKE && strstr(out->message, "is already revoked") != NULL) {
        out->outcome = STEPCA_ALREADY_REVOKED;
    }
    if (call == STEPCA_SIGN && out->outcome == STEPCA_REFUSED) {
        stepca_read_refusal(out);
        /* The text of a template is the whole message of a 400: a `fail` writes its own words. */
        if (http_status == 400 && out->refusal == STEPCA_REFUSAL_CA) {
            out->refusal = STEPCA_REFUSAL_TEMPLATE;
        }
    }
}
