/* SPDX-License-Identifier: Apache-2.0 */
/* The challenges that a TXT record answers (acme/dns_challenge.h). Any one record of the name, or names, is
 * enough. */
#include "acme/base/buffer.h"
#include "acme/dns_challenge.h"
#include "gateway/validation/validator_internal.h"

enum { SHOWN_RECORDS = 3 };

/* In the validation's arena. */
struct dns_try {
    struct validation *validation;
    struct dns_challenge challenge;
    size_t next;      /* of the challenge's names */
    const char *name; /* the name in the present query */
};

static void look_up(struct dns_try *try);

static const char *list_records(const struct dns_try *try, const struct outbound_texts *texts)
{
    struct arena *arena = try->validation->arena;
    const char *list = "";
    for (size_t i = 0; i < texts->count && i < SHOWN_RECORDS; i++) {
        const char *fault = dns_challenge_fault(arena, &try->challenge, texts->texts[i]);
        list = arena_printf(arena, "%s%s\"%s\"", list, i == 0 ? "" : ", ",
                            validation_quote(arena, texts->texts[i]));
        if (fault != NULL && *fault != '\0')
            list = arena_printf(arena, "%s (%s)", list, fault);
    }
    if (texts->count > SHOWN_RECORDS)
        list = arena_printf(arena, "%s and %zu more", list, texts->count - SHOWN_RECORDS);
    return list;
}

static bool proves(const struct dns_try *try, const struct outbound_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        if (dns_challenge_fault(try->validation->arena, &try->challenge, texts->texts[i]) == NULL)
            return true;
    return false;
}

/* Records take time to reach every name server: a missing or an old one may yet be replaced. */
static void fail(struct dns_try *try, const struct outbound_texts *texts)
{
    struct validation *validation = try->validation;
    struct arena *arena = validation->arena;
    const char *expected = dns_challenge_expected(arena, &try->challenge);
    if (texts->error != NULL) {
        const char *why = arena_duplicate(arena, texts->error);
        validation_end(validation,
                       problem_with_cause(arena, validation_cause_of_dns(texts->fault), PROBLEM_DNS,
                                          "The TXT look-up of %s failed: %s", try->name, why),
                       true, arena_printf(arena, "TXT %s: %s", try->name, why));
    } else if (texts->count == 0 && texts->alias != NULL) {
        validation_end(
            validation,
            problem_with_cause(arena, CAUSE_NO_TXT_RECORD_BEHIND_ALIAS, PROBLEM_DNS,
                               "%s is an alias (CNAME) of %s, which has no TXT record; it should contain %s.",
                               try->name, texts->alias, expected),
            true, arena_printf(arena, "TXT %s: an alias of %s, no record", try->name, texts->alias));
    } else if (texts->count == 0) {
        validation_end(validation,
                       problem_with_cause(arena, CAUSE_NO_TXT_RECORD, PROBLEM_DNS,
                                          "There is no TXT record at %s; it should contain %s.", try->name,
                                          expected),
                       true, arena_printf(arena, "TXT %s: no record", try->name));
    } else {
        const char *got = list_records(try, texts);
        validation_end(validation,
                       problem_with_cause(arena, CAUSE_WRONG_TXT_RECORD, PROBLEM_INCORRECT_RESPONSE,
                                          "The TXT records at %s are %s; none is %s.", try->name, got,
                                          expected),
                       true, arena_printf(arena, "TXT %s: got %s", try->name, got));
    }
}

static void on_texts(void *context, const struct outbound_texts *texts)
{
    struct dns_try *try = context;
    struct validation *validation = try->validation;
    if (texts->error == NULL && proves(try, texts))
        validation_end(validation, NULL, false,
                       arena_printf(validation->arena, "TXT %s: %zu record(s), one as expected", try->name,
                                    texts->count));
    else if (try->next < dns_challenge_name_count(&try->challenge))
        look_up(try);
    else
        fail(try, texts);
}

static void look_up(struct dns_try *try)
{
    try->name = dns_challenge_name(try->validation->arena, &try->challenge, try->next++);
    outbound_resolve_txt(try->validation->outbound, try->name, validation_time_left_ms(try->validation),
                         on_texts, try);
}

void validator_dns_start(struct validation *validation)
{
    struct dns_try *try = arena_alloc(validation->arena, sizeof *try);
    *try = (struct dns_try){
        .validation = validation,
        .challenge = {.type = validation->type,
                      .name = validation->identifier.value,
                      .wildcard = validation->wildcard,
                      .subdomains = validation->subdomains,
                      .key_authorization = validation->key_authorization,
                      .account_urls = validation->account_urls,
                      .account_url_count = validation->account_url_count,
                      .issuer_names = validation->issuer_names,
                      .issuer_name_count = validation->issuer_name_count,
                      .now = validation->now},
    };
    look_up(try);
}
