/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/caa.h"

#include <ctype.h>

#include "acme/issue_value.h"

/* A name server chooses the number of records. This many are quoted in a refusal. */
enum { QUOTED_MAX = 5, VALUE_MAX_BYTES = 100, QUOTE_MAX_BYTES = 160 };

static bool is_tag(const struct caa_record *record, const char *tag)
{
    return bytes_equal_ignore_case(record->tag, bytes_from_string(tag));
}

static bool is_known(const struct caa_record *record)
{
    static const char *const tags[] = {"issue",        "issuewild",    "iodef",
                                       "contactemail", "contactphone", "issuemail"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (is_tag(record, tags[i]))
            return true;
    return false;
}

/* Reads "label,label" (RFC 8657 §4); `has` tells whether it lists `method`. False when it is malformed. */
static bool read_methods(struct bytes list, const char *method, bool *has)
{
    *has = false;
    for (bool more = list.n != 0; more;) {
        const uint8_t *comma = memchr(list.p, ',', list.n);
        struct bytes label = bytes_of(list.p, comma == NULL ? list.n : (size_t)(comma - list.p));
        for (size_t i = 0; i < label.n; i++)
            if (label.p[i] != '-' && !isalnum(label.p[i]))
                return false;
        if (label.n == 0)
            return false;
        *has = *has || bytes_equal_string(label, method);
        more = comma != NULL;
        list = more ? bytes_of(comma + 1, list.n - label.n - 1) : (struct bytes){0};
    }
    return true;
}

/* A record's answer to a request. */
enum answer { ALLOWS, FORBIDS, MALFORMED };

/* Each of the two parameters may appear once (RFC 8657 §3, §4). Unknown parameters change nothing. */
static enum answer ask_parameters(struct issue_value value, const struct caa_request *request)
{
    struct issue_parameter parameter;
    size_t account_urls = 0, method_lists = 0;
    enum answer answer = ALLOWS;
    while (issue_value_take_parameter(&value, &parameter)) {
        bool is_listed = true;
        if (bytes_equal_ignore_case(parameter.name, BYTES_LITERAL("accounturi"))) {
            account_urls++;
            is_listed = bytes_equal_any(parameter.value, request->account_urls, request->account_url_count);
        } else if (bytes_equal_ignore_case(parameter.name, BYTES_LITERAL("validationmethods"))) {
            method_lists++;
            if (!read_methods(parameter.value, request->method, &is_listed))
                return MALFORMED;
        }
        if (!is_listed)
            answer = FORBIDS;
    }
    return account_urls > 1 || method_lists > 1 ? MALFORMED : answer;
}

static enum answer ask(const struct caa_record *record, const struct caa_request *request)
{
    struct issue_value value;
    if (!issue_value_read(record->value, &value))
        return MALFORMED;
    if (!issue_value_names(&value, request->identities, request->identity_count))
        return FORBIDS;
    return ask_parameters(value, request);
}

/* For wildcards issuewild alone decides, when there is one (RFC 8659 §4.3). */
static const char *speaking_tag(const struct caa_record *records, size_t count, bool wildcard)
{
    for (size_t i = 0; wildcard && i < count; i++)
        if (is_tag(&records[i], "issuewild"))
            return "issuewild";
    return "issue";
}

const char *caa_fault(struct arena *arena, const struct caa_record *records, size_t count,
                      const struct caa_request *request)
{
    const char *tag = speaking_tag(records, count, request->wildcard);
    size_t speaking = 0;
    struct buffer quoted;
    buffer_init(&quoted, arena, (size_t)QUOTED_MAX * QUOTE_MAX_BYTES);
    for (size_t i = 0; i < count; i++)
        if (records[i].critical && !is_known(&records[i]))
            return arena_printf(arena, "a critical record has the unknown tag \"%s\"",
                                arena_printable(arena, records[i].tag, 32));
    for (size_t i = 0; i < count; i++) {
        if (!is_tag(&records[i], tag))
            continue;
        enum answer answer = ask(&records[i], request);
        if (answer == ALLOWS)
            return NULL;
        if (speaking++ < QUOTED_MAX)
            buffer_printf(&quoted, "%s\"%s\"%s", speaking == 1 ? "" : ", ",
                          arena_printable(arena, records[i].value, VALUE_MAX_BYTES),
                          answer == MALFORMED ? " (malformed, so it allows nobody)" : "");
    }
    if (speaking > QUOTED_MAX)
        return arena_printf(arena, "the %s records are %s and %zu more", tag, buffer_string(&quoted),
                            speaking - QUOTED_MAX);
    return speaking == 0 ? NULL : arena_printf(arena, "the %s records are %s", tag, buffer_string(&quoted));
}
