#include "gateway/validator/validator_internal.h"

enum { QUOTED_BYTES = 120 };

void validation_end(struct validation *validation, const struct problem *problem, bool passing,
                    const char *tried)
{
    validation->problem = problem;
    validation->passing = passing;
    validation->tried = tried;
    validation->done(validation);
}

const char *validation_quote(struct arena *arena, struct bytes text)
{
    return arena_printable(arena, text, QUOTED_BYTES);
}

void validation_start(struct validation *validation)
{
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
