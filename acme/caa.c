#include "acme/caa.h"

static bool is_tag(const struct caa_record *record, const char *tag)
{
    return bytes_equal_ignore_case(record->tag, bytes_from_string(tag));
}

static bool is_known(const struct caa_record *record)
{
    static const char *const tags[] = {"issue",        "issuewild",    "iodef",
                                       "contactemail", "contactphone", "issuemail"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; ++i)
        if (is_tag(record, tags[i]))
            return true;
    return false;
}

static struct bytes trim(struct bytes text)
{
    while (text.n != 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = bytes_of(text.p + 1, text.n - 1);
    while (text.n != 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

/* What stands before the next `separator`; `rest` goes on behind it. */
static struct bytes take_until(struct bytes *rest, uint8_t separator)
{
    const uint8_t *at = rest->n == 0 ? NULL : memchr(rest->p, separator, rest->n);
    size_t n = at == NULL ? rest->n : (size_t)(at - rest->p);
    struct bytes part = bytes_of(rest->p, n);
    *rest = at == NULL ? (struct bytes){0} : bytes_of(at + 1, rest->n - n - 1);
    return trim(part);
}

static bool names_us(struct bytes domain, const struct caa_request *request)
{
    for (size_t i = 0; i < request->identity_count; ++i)
        if (bytes_equal_ignore_case(domain, bytes_from_string(request->identities[i])))
            return true;
    return false;
}

static bool lists(struct bytes list, const char *word)
{
    while (list.n != 0)
        if (bytes_equal_string(take_until(&list, ','), word))
            return true;
    return false;
}

/* RFC 8657 §3, §4. Parameters that are not known change nothing. */
static bool parameters_allow(struct bytes parameters, const struct caa_request *request)
{
    while (parameters.n != 0) {
        struct bytes value = take_until(&parameters, ';');
        struct bytes name = take_until(&value, '=');
        value = trim(value);
        if (bytes_equal_ignore_case(name, BYTES_LITERAL("accounturi")) &&
            !bytes_equal_string(value, request->account_url))
            return false;
        if (bytes_equal_ignore_case(name, BYTES_LITERAL("validationmethods")) &&
            !lists(value, request->method))
            return false;
    }
    return true;
}

static bool allows(const struct caa_record *record, const struct caa_request *request)
{
    struct bytes rest = record->value;
    struct bytes domain = take_until(&rest, ';');
    return names_us(domain, request) && parameters_allow(rest, request);
}

/* Of wildcards, issuewild alone speaks where there is one (RFC 8659 §4.3). */
static const char *speaking_tag(const struct caa_record *records, size_t count, bool wildcard)
{
    for (size_t i = 0; wildcard && i < count; ++i)
        if (is_tag(&records[i], "issuewild"))
            return "issuewild";
    return "issue";
}

const char *caa_fault(struct arena *arena, const struct caa_record *records, size_t count,
                      const struct caa_request *request)
{
    const char *tag = speaking_tag(records, count, request->wildcard);
    size_t speaking = 0;
    const char *quoted = "";
    for (size_t i = 0; i < count; ++i)
        if (records[i].critical && !is_known(&records[i]))
            return arena_printf(arena, "a critical record has the unknown tag \"%s\"",
                                arena_printable(arena, records[i].tag, 32));
    for (size_t i = 0; i < count; ++i) {
        if (!is_tag(&records[i], tag))
            continue;
        if (allows(&records[i], request))
            return NULL;
        ++speaking;
        quoted = arena_printf(arena, "%s%s\"%s\"", quoted, *quoted == '\0' ? "" : ", ",
                              arena_printable(arena, records[i].value, 100));
    }
    return speaking == 0 ? NULL : arena_printf(arena, "the %s records are %s", tag, quoted);
}
