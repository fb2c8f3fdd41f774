/* SPDX-License-Identifier: Apache-2.0 */
/* CAA (RFC 8659 §3): the records of the closest name, from the name itself upwards, that has any. */
#include "acme/caa.h"
#include "gateway/validation/validator_internal.h"

/* In the validation's arena. */
struct caa_try {
    struct validation *validation;
    const char *name; /* the name in the present query; a part of the identifier */
};

static void look_up(struct caa_try *try);

static void end(struct caa_try *try, const struct problem *problem, bool passing, const char *words)
{
    struct validation *validation = try->validation;
    validation_end(validation, problem, passing,
                   arena_printf(validation->arena, "%s; CAA %s: %s", validation->tried, try->name, words));
}

static void climb(struct caa_try *try)
{
    const char *dot = strchr(try->name, '.');
    if (dot == NULL) {
        end(try, NULL, false, "no record");
        return;
    }
    try->name = dot + 1;
    look_up(try);
}

static void on_records(void *context, const struct outbound_caa *found)
{
    struct caa_try *try = context;
    struct validation *validation = try->validation;
    struct arena *arena = validation->arena;
    if (found->error != NULL) {
        end(try,
            problem_with_cause(arena, CAUSE_CAA_LOOKUP_FAILED, PROBLEM_CAA,
                               "The CAA look-up of %s failed: %s", try->name, found->error),
            true, found->error);
        return;
    }
    if (found->count == 0) {
        climb(try);
        return;
    }
    const struct caa_request request = {.identities = validation->caa_identities,
                                        .identity_count = validation->caa_identity_count,
                                        .wildcard = validation->wildcard,
                                        .account_urls = validation->account_urls,
                                        .account_url_count = validation->account_url_count,
                                        .method = challenge_type_info(validation->type)->name};
    const char *fault = caa_fault(arena, found->records, found->count, &request);
    if (fault == NULL)
        end(try, NULL, false, "issuance is allowed");
    else
        end(try,
            problem_new(arena, PROBLEM_CAA, "CAA forbids a certificate for %s: at %s, %s; none allows %s.",
                        validation->identifier.value, try->name, fault, validation->caa_identities[0]),
            true, fault);
}

static void look_up(struct caa_try *try)
{
    outbound_resolve_caa(try->validation->outbound, try->name, validation_time_left_ms(try->validation),
                         on_records, try);
}

void validation_check_caa(struct validation *validation)
{
    struct caa_try *try = arena_alloc(validation->arena, sizeof *try);
    *try = (struct caa_try){validation, validation->identifier.value};
    look_up(try);
}
