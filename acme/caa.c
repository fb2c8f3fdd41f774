#include "acme/caa.h"
#include "acme/issue_value.h"

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

static bool lists(struct bytes list, const char *word)
{
    while (list.n != 0)
        if (bytes_equal_string(issue_value_take_until(&list, ','), word))
            return true;
    return false;
}

/* RFC 8657 §3, §4. Parameters that are not known change nothing. */
static bool parameters_allow(struct issue_value value, const struct caa_request *request)
{
    struct issue_parameter parameter;
    while (issue_value_take_parameter(&value, &parameter)) {
        if (bytes_equal_ignore_case(parameter.name, BYTES_LITERAL("accounturi")) &&
            !bytes_equal_any(parameter.value, request->account_urls, request->account_url_count))
            return false;
        if (bytes_equal_ignore_case(parameter.name, BYTES_LITERAL("validationmethods")) &&
            !lists(parameter.value, request->method))
            return false;
    }
    return true;
}

static bool allows(const struct caa_record *record, const struct caa_request *request)
{
    struct issue_value value = issue_value_read(record->value);
    return issue_value_names(&value, request->identities, request->identity_count) &&
           parameters_allow(value, request);
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
