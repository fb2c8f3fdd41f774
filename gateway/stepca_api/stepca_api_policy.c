/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stepca_api/stepca_api_policy.h"

#include <arpa/inet.h>

#include "acme/base/time_text.h"
#include "acme/jose/public_key.h"
#include "acme/pki/certificate.h"

enum {
    NAME_MAX_BYTES = 100, /* of a refused name, in the problem */
};

static const struct problem *refuse(struct arena *arena, const char *detail)
{
    return problem_with_status(arena, 403, PROBLEM_UNAUTHORIZED, "%s", detail);
}

/* ---- names ---- */

/* Reads a name as step-ca sorts names: an address, else a DNS name. (Its other types are not supported
 * here.) */
static bool read_name(const char *text, struct identifier *out)
{
    uint8_t address[16];
    if (inet_pton(AF_INET, text, address) == 1)
        return identifier_from_name(IDENTIFIER_IP, bytes_of(address, 4), out);
    if (inet_pton(AF_INET6, text, address) == 1)
        return identifier_from_name(IDENTIFIER_IP, bytes_of(address, 16), out);
    return identifier_from_name(IDENTIFIER_DNS, bytes_from_string(text), out);
}

struct name_list {
    struct identifier *identifiers;
    size_t count;
};

static const struct problem *add_text(struct arena *arena, struct name_list *list, const char *text)
{
    struct identifier name;
    if (!read_name(text, &name))
        return refuse(arena,
                      arena_printf(arena,
                                   "the token names \"%s\": only DNS names and IP addresses are passed on",
                                   arena_printable(arena, bytes_from_string(text), NAME_MAX_BYTES)));
    list->identifiers[list->count++] = name;
    return NULL;
}

const struct problem *stepca_api_policy_check_names(struct arena *arena, const struct profile_config *profile,
                                                    const struct stepca_token_claims *claims,
                                                    const struct subject_names *csr_names)
{
    struct name_list list = {
        .identifiers =
            arena_alloc_array(arena, 1 + claims->san_count + csr_names->count, sizeof list.identifiers[0]),
    };
    const struct problem *problem = add_text(arena, &list, claims->subject);
    for (size_t i = 0; problem == NULL && i < claims->san_count; i++)
        problem = add_text(arena, &list, claims->sans[i]);
    for (size_t i = 0; i < csr_names->count; i++)
        list.identifiers[list.count++] = csr_names->identifiers[i];
    list.count = identifiers_sort(list.identifiers, list.count);
    if (problem == NULL)
        problem = name_underscores_check(arena, NULL, list.identifiers, list.count);
    if (problem == NULL)
        problem = name_policy_check(arena, &profile->names, arena_printf(arena, "profile %s", profile->name),
                                    list.identifiers, list.count);
    return problem;
}

/* ---- keys ---- */

const struct problem *stepca_api_policy_check_key(struct arena *arena, const struct profile_config *profile,
                                                  EVP_PKEY *key)
{
    const char *type = public_key_type_name(public_key_type(key));
    if (profile->key_type_count == 0 ||
        (type != NULL &&
         bytes_equal_any(bytes_from_string(type), profile->key_types, profile->key_type_count)))
        return NULL;
    return refuse(arena, arena_printf(arena, "the key is of type %s; profile %s accepts %s",
                                      type == NULL ? "unknown" : type, profile->name,
                                      arena_join(arena, profile->key_types, profile->key_type_count, ", ")));
}

/* ---- times ---- */

/* Reads RFC 3339, or a Go duration counted from `from`. 0 for NULL. */
static bool read_time(const char *text, int64_t from, int64_t *out)
{
    int64_t duration = 0;
    *out = 0;
    if (text == NULL || time_parse(out, bytes_from_string(text)))
        return true;
    if (!duration_parse(&duration, bytes_from_string(text)) || __builtin_add_overflow(from, duration, out))
        return false;
    return true;
}

const struct problem *stepca_api_policy_plan(struct arena *arena, const struct validity_limits *limits,
                                             int64_t now, const struct stepca_client_sign *request,
                                             struct validity_request *out)
{
    int64_t not_before, not_after;
    if (!read_time(request->not_before, now, &not_before) ||
        !read_time(request->not_after, not_before == 0 ? now : not_before, &not_after))
        return problem_with_status(
            arena, 400, PROBLEM_MALFORMED,
            "notBefore and notAfter take an RFC 3339 time or a duration such as 24h, not "
            "a negative one");
    const struct problem *problem = validity_plan(arena, limits, now, not_before, not_after, out);
    if (problem != NULL)
        return problem->type == PROBLEM_MALFORMED ? refuse(arena, problem->detail) : problem;
    /* A duration counts by the CA's clock. */
    out->not_before = request->not_before;
    if (request->not_after != NULL) {
        out->not_after = request->not_after;
        out->ordered_end = true;
    }
    return NULL;
}

const struct problem *stepca_api_policy_check_life(struct arena *arena, const struct validity_limits *limits,
                                                   int64_t now, int64_t not_before, int64_t not_after)
{
    int64_t cap = validity_cap(limits, now);
    int64_t life = not_after - not_before - limits->issuer_backdate_s;
    char life_text[DURATION_TEXT_BYTES], cap_text[DURATION_TEXT_BYTES];
    if (!limits->backdate_is_known || life <= cap + CERTIFICATE_SLACK_S)
        return NULL;
    duration_format(life_text, life);
    duration_format(cap_text, cap);
    return refuse(arena,
                  arena_printf(arena,
                               "the certificate lives %s, and so would its successor; certificates live "
                               "%s at most here: get a new one, with a shorter life",
                               life_text, cap_text));
}
