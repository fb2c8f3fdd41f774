/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/validation/validator_internal.h"

enum { QUOTED_BYTES = 120, MS_PER_S = 1000 };

void validation_end(struct validation *validation, const struct problem *problem, bool passing,
                    const char *tried)
{
    validation->problem = problem;
    validation->passing = passing;
    validation->tried = tried;
    validation->done(validation);
}

enum cause validation_cause_of_dns(enum outbound_dns_fault fault)
{
    switch (fault) {
    case OUTBOUND_DNS_REFUSED:
        return CAUSE_NAME_SERVER_REFUSED;
    case OUTBOUND_DNS_SILENT:
        return CAUSE_NAME_SERVER_SILENT;
    case OUTBOUND_DNS_UNREACHABLE:
        return CAUSE_NAME_SERVER_UNREACHABLE;
    case OUTBOUND_DNS_NOT_RECURSIVE:
        return CAUSE_NAME_SERVER_NOT_RECURSIVE;
    case OUTBOUND_DNS_MALFORMED:
        return CAUSE_NAME_SERVER_MALFORMED;
    case OUTBOUND_DNS_NO_FAULT:
    case OUTBOUND_DNS_FAILED:
        break;
    }
    return CAUSE_NAME_SERVER_FAILED;
}

enum cause validation_cause_of_dial(enum outbound_fault fault)
{
    switch (fault) {
    case OUTBOUND_TIMED_OUT:
        return CAUSE_CONNECTION_TIMED_OUT;
    case OUTBOUND_TLS_FAILED:
        return CAUSE_TLS_FAILED;
    case OUTBOUND_BROKEN:
        return CAUSE_CONNECTION_BROKEN;
    case OUTBOUND_NO_FAULT:
    case OUTBOUND_UNREACHABLE:
        break;
    }
    return CAUSE_CONNECTION_FAILED;
}

const char *validation_quote(struct arena *arena, struct bytes text)
{
    return arena_printable(arena, text, QUOTED_BYTES);
}

int64_t validation_time_left_ms(const struct validation *validation)
{
    int64_t left = validation->deadline_ms - outbound_now_ms();
    return left > 0 ? left : 1;
}

void validation_start(struct validation *validation)
{
    validation->deadline_ms = outbound_now_ms() + validation->config->timeout_s * MS_PER_S;
    switch (validation->type) {
    case CHALLENGE_HTTP_01:
        validator_http_01_start(validation);
        return;
    case CHALLENGE_DNS_01:
    case CHALLENGE_DNS_ACCOUNT_01:
    case CHALLENGE_DNS_PERSIST_01:
        validator_dns_start(validation);
        return;
    case CHALLENGE_TLS_ALPN_01:
        validator_tls_alpn_01_start(validation);
        return;
    case CHALLENGE_TYPE_END:
        break;
    }
    validation_end(validation,
                   problem_new(validation->arena, PROBLEM_SERVER_INTERNAL, "Unknown challenge type."), false,
                   "nothing: unknown challenge type");
}
