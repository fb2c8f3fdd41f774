/* dns-01 (RFC 8555 §8.4): any one of the TXT records at _acme-challenge.<name>. */
#include "gateway/validator_internal.h"

enum { SHOWN_RECORDS = 3 };

static const char *name_of(const struct validation *validation)
{
    return arena_printf(validation->arena, "_acme-challenge.%s", validation->identifier.value);
}

static const char *list_records(struct arena *arena, const struct outbound_texts *texts)
{
    const char *list = "";
    for (size_t i = 0; i < texts->count && i < SHOWN_RECORDS; ++i)
        list = arena_printf(arena, "%s%s\"%s\"", list, i == 0 ? "" : ", ",
                            validation_quote(arena, texts->texts[i]));
    if (texts->count > SHOWN_RECORDS)
        list = arena_printf(arena, "%s and %zu more", list, texts->count - SHOWN_RECORDS);
    return list;
}

static void fail_look_up(struct validation *validation, const char *why)
{
    const char *tried = arena_printf(validation->arena, "TXT %s: %s", name_of(validation), why);
    validation_end(validation,
                   problem_new(validation->arena, PROBLEM_DNS, "The TXT look-up of %s failed: %s",
                               name_of(validation), why),
                   true, tried);
}

static void on_texts(void *context, const struct outbound_texts *texts)
{
    struct validation *validation = context;
    struct arena *arena = validation->arena;
    if (texts->error != NULL) {
        fail_look_up(validation, arena_duplicate(arena, texts->error));
        return;
    }
    const char *expected = key_authorization_digest(arena, validation->key_authorization);
    for (size_t i = 0; expected != NULL && i < texts->count; ++i) {
        if (bytes_equal_string(texts->texts[i], expected)) {
            validation_end(validation, NULL, false,
                           arena_printf(arena, "TXT %s: %zu record(s), one as expected", name_of(validation),
                                        texts->count));
            return;
        }
    }
    /* Records take their time to reach every name server: a missing or an old one may yet be replaced. */
    if (texts->count == 0) {
        validation_end(validation,
                       problem_new(arena, PROBLEM_DNS, "There is no TXT record at %s; it should hold %s.",
                                   name_of(validation), expected),
                       true, arena_printf(arena, "TXT %s: no record", name_of(validation)));
        return;
    }
    const char *got = list_records(arena, texts);
    validation_end(validation,
                   problem_new(arena, PROBLEM_INCORRECT_RESPONSE, "The TXT records at %s are %s; none is %s.",
                               name_of(validation), got, expected),
                   true, arena_printf(arena, "TXT %s: got %s", name_of(validation), got));
}

void validator_dns_01_start(struct validation *validation)
{
    outbound_resolve_txt(validation->outbound, name_of(validation), on_texts, validation);
}
