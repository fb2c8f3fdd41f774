#include "gateway/validator_internal.h"

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
    size_t n = text.n > QUOTED_BYTES ? QUOTED_BYTES : text.n;
    char *quoted = arena_alloc(arena, n + sizeof("…"));
    for (size_t i = 0; i < n; ++i)
        quoted[i] = text.p[i] >= ' ' && text.p[i] < 0x7f ? (char)text.p[i] : '?';
    if (text.n > QUOTED_BYTES)
        memcpy(quoted + n, "…", sizeof("…"));
    return quoted;
}

void validation_start(struct validation *validation)
{
    switch (validation->type) {
    case CHALLENGE_HTTP_01:
        validator_http_01_start(validation);
        return;
    case CHALLENGE_DNS_01:
        validator_dns_01_start(validation);
        return;
    case CHALLENGE_TYPE_END:
        break;
    }
    validation_end(validation,
                   problem_new(validation->arena, PROBLEM_SERVER_INTERNAL, "Unknown challenge type."), false,
                   "nothing: unknown challenge type");
}
