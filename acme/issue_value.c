/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/issue_value.h"

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Takes octets from the front of `text`. */
static struct bytes take(struct bytes *text, size_t n)
{
    struct bytes taken = bytes_of(text->p, n);
    *text = bytes_of(text->p + n, text->n - n);
    return taken;
}

static void skip_space(struct bytes *text)
{
    size_t n = 0;
    while (n < text->n && (text->p[n] == ' ' || text->p[n] == '\t'))
        n++;
    take(text, n);
}

static bool take_octet(struct bytes *text, uint8_t octet)
{
    if (text->n == 0 || text->p[0] != octet)
        return false;
    take(text, 1);
    return true;
}

/* Takes a label or a tag: letters and digits, with hyphens between them. */
static bool take_word(struct bytes *text, struct bytes *out)
{
    size_t n = 0;
    while (n < text->n && (is_alphanumeric(text->p[n]) || text->p[n] == '-'))
        n++;
    if (n == 0 || text->p[0] == '-' || text->p[n - 1] == '-')
        return false;
    *out = take(text, n);
    return true;
}

static bool take_domain(struct bytes *text, struct bytes *out)
{
    const uint8_t *begin = text->p;
    struct bytes label;
    do {
        if (!take_word(text, &label))
            return false;
    } while (take_octet(text, '.'));
    *out = bytes_of(begin, (size_t)(text->p - begin));
    return true;
}

static bool take_parameter(struct bytes *text, struct issue_parameter *out)
{
    size_t n = 0;
    if (!take_word(text, &out->name))
        return false;
    skip_space(text);
    if (!take_octet(text, '='))
        return false;
    skip_space(text);
    while (n < text->n && text->p[n] > ' ' && text->p[n] < 0x7f && text->p[n] != ';')
        n++;
    out->value = take(text, n);
    skip_space(text);
    return true;
}

/* True for one or more parameters, with a semicolon between each two and none behind the last. */
static bool are_parameters(struct bytes text)
{
    struct issue_parameter ignored;
    do {
        skip_space(&text);
        if (!take_parameter(&text, &ignored))
            return false;
    } while (take_octet(&text, ';'));
    return text.n == 0;
}

bool issue_value_read(struct bytes text, struct issue_value *out)
{
    struct bytes domain = {0};
    *out = (struct issue_value){0};
    skip_space(&text);
    if (text.n != 0 && text.p[0] != ';' && !take_domain(&text, &domain))
        return false;
    skip_space(&text);
    bool has_more = take_octet(&text, ';');
    skip_space(&text);
    if (text.n != 0 && (!has_more || !are_parameters(text)))
        return false;
    *out = (struct issue_value){domain, text};
    return true;
}

bool issue_value_take_parameter(struct issue_value *value, struct issue_parameter *out)
{
    skip_space(&value->parameters);
    bool taken = take_parameter(&value->parameters, out);
    take_octet(&value->parameters, ';');
    return taken;
}

bool issue_value_names(const struct issue_value *value, const char *const *domains, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal_ignore_case(value->domain, bytes_from_string(domains[i])))
            return true;
    return false;
}
