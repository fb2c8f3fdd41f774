/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/account.h"

enum { ACCOUNT_MAX_BYTES = 32 * 1024, CONTACT_MAX_BYTES = 320 };

/* ---- contacts (RFC 8555 §7.3, RFC 6068) ---- */

static bool is_domain(struct bytes domain)
{
    struct identifier identifier;
    return identifier_from_name(IDENTIFIER_DNS, domain, &identifier) &&
           !identifier_is_wildcard(&identifier) && !identifier_has_underscore(&identifier);
}

static bool is_plain_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f)
            return false;
    return true;
}

/* True for a local part without quoting or percent-encoding (RFC 5322 §3.2.3, RFC 6068 §2), which could hide
 * a line end. */
static bool is_local_part(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == 0 || strchr("!$&'*+-./=^_`{|}~", c) == NULL))
            return false;
    }
    return text.n != 0;
}

static const struct problem *check_mail_address(struct arena *arena, struct bytes address)
{
    if (address.n == 0 || address.n > CONTACT_MAX_BYTES)
        return problem_new(arena, PROBLEM_INVALID_CONTACT, "A contact's address is empty or too long.");
    if (!is_plain_ascii(address))
        return problem_new(arena, PROBLEM_INVALID_CONTACT,
                           "A contact's address has characters that are not printable ASCII.");
    if (memchr(address.p, '?', address.n) != NULL)
        return problem_new(arena, PROBLEM_INVALID_CONTACT, "A contact's mailto URL has header fields.");
    if (memchr(address.p, ',', address.n) != NULL)
        return problem_new(arena, PROBLEM_INVALID_CONTACT,
                           "A contact's mailto URL has more than one address.");
    const uint8_t *at = memrchr(address.p, '@', address.n);
    if (at != NULL && !is_local_part(bytes_of(address.p, (size_t)(at - address.p))))
        return problem_new(arena, PROBLEM_INVALID_CONTACT,
                           "The contact %.*s has no plain name before its \"@\".", (int)address.n,
                           (const char *)address.p);
    if (at == NULL || !is_domain(bytes_of(at + 1, (size_t)(address.p + address.n - at - 1))))
        return problem_new(arena, PROBLEM_INVALID_CONTACT, "The contact %.*s has no valid domain.",
                           (int)address.n, (const char *)address.p);
    return NULL;
}

static const struct problem *check_contact(struct arena *arena, const struct json *contact)
{
    if (contact->type != JSON_STRING)
        return problem_new(arena, PROBLEM_MALFORMED, "A contact is not a string.");
    struct bytes mailto = BYTES_LITERAL("mailto:");
    struct bytes url = contact->string;
    if (url.n == 0)
        return problem_new(arena, PROBLEM_INVALID_CONTACT, "A contact is empty.");
    if (url.n < mailto.n || !bytes_equal_ignore_case(bytes_of(url.p, mailto.n), mailto))
        return problem_new(arena, PROBLEM_UNSUPPORTED_CONTACT, "Contacts must be mailto: URLs.");
    return check_mail_address(arena, bytes_of(url.p + mailto.n, url.n - mailto.n));
}

static const struct problem *parse_contacts(struct arena *arena, const struct json *payload,
                                            struct account_request *out)
{
    const struct json *contacts = json_member(payload, "contact");
    if (contacts == NULL)
        return NULL;
    if (contacts->type != JSON_ARRAY)
        return problem_new(arena, PROBLEM_MALFORMED, "\"contact\" is not an array.");
    if (contacts->count > ACCOUNT_MAX_CONTACTS)
        return problem_new(arena, PROBLEM_INVALID_CONTACT, "More than %d contacts.", ACCOUNT_MAX_CONTACTS);
    struct json_writer *writer = json_writer_new(arena, ACCOUNT_MAX_BYTES);
    json_begin_array(writer);
    for (size_t i = 0; i < contacts->count; i++) {
        const struct problem *problem = check_contact(arena, contacts->items[i]);
        if (problem != NULL)
            return problem;
        json_write_value(writer, contacts->items[i]);
    }
    json_end_array(writer);
    out->contacts_json = (const char *)json_writer_finish(writer).p;
    return NULL;
}

static const struct problem *parse_flag(struct arena *arena, const struct json *payload, const char *name,
                                        bool *out)
{
    const struct json *flag = json_member(payload, name);
    if (flag == NULL)
        return NULL;
    if (flag->type != JSON_BOOLEAN)
        return problem_new(arena, PROBLEM_MALFORMED, "\"%s\" is not a boolean.", name);
    *out = flag->boolean;
    return NULL;
}

const struct problem *account_parse_new(struct arena *arena, const struct json *payload,
                                        struct account_request *out)
{
    *out = (struct account_request){0};
    const struct problem *problem = parse_contacts(arena, payload, out);
    if (problem == NULL)
        problem = parse_flag(arena, payload, "termsOfServiceAgreed", &out->terms_agreed);
    if (problem == NULL)
        problem = parse_flag(arena, payload, "onlyReturnExisting", &out->only_return_existing);
    out->eab = json_member(payload, "externalAccountBinding");
    return problem;
}

const struct problem *account_parse_update(struct arena *arena, const struct json *payload,
                                           struct account_request *out)
{
    *out = (struct account_request){0};
    const struct json *status = json_member(payload, "status");
    if (status != NULL) {
        /* Clients such as acmez send the whole account back, its status included (RFC 8555 §7.3.2). */
        bool unchanged = status->type == JSON_STRING && bytes_equal_string(status->string, "valid");
        out->deactivate = status->type == JSON_STRING && bytes_equal_string(status->string, "deactivated");
        if (!out->deactivate && !unchanged)
            return problem_new(arena, PROBLEM_MALFORMED,
                               "The \"status\" of an account can only be set to \"deactivated\".");
    }
    const struct problem *problem = parse_contacts(arena, payload, out);
    if (problem == NULL)
        problem = parse_flag(arena, payload, "termsOfServiceAgreed", &out->terms_agreed);
    return problem;
}

const struct problem *account_check_usable(struct arena *arena, const struct account *account)
{
    if (account->status == ACCOUNT_VALID)
        return NULL;
    return problem_with_cause(arena, CAUSE_ACCOUNT_ENDED, PROBLEM_UNAUTHORIZED, "The account is %s.",
                              account_status_name(account->status));
}

struct bytes account_render(struct arena *arena, const struct urls *urls, const struct account *account)
{
    struct json_writer *writer = json_writer_new(arena, ACCOUNT_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "status", account_status_name(account->status));
    json_key(writer, "contact");
    json_write_raw(writer, bytes_from_string(account->contacts_json));
    if (account->terms_agreed)
        json_put_boolean(writer, "termsOfServiceAgreed", true);
    if (account->eab_json != NULL) {
        json_key(writer, "externalAccountBinding");
        json_write_raw(writer, bytes_from_string(account->eab_json));
    }
    json_put_string(writer, "orders", url_account_orders(arena, urls, account->id));
    json_end_object(writer);
    return json_writer_finish(writer);
}

struct bytes account_render_orders(struct arena *arena, const struct urls *urls, const int64_t *order_ids,
                                   size_t count)
{
    struct json_writer *writer = json_writer_new(arena, ACCOUNT_MAX_BYTES);
    json_begin_object(writer);
    json_key(writer, "orders");
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++)
        json_write_string(writer, url_order(arena, urls, order_ids[i]));
    json_end_array(writer);
    json_end_object(writer);
    return json_writer_finish(writer);
}
