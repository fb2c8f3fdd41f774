#include "acme/issue_value.h"

static struct bytes trim(struct bytes text)
{
    while (text.n != 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = bytes_of(text.p + 1, text.n - 1);
    while (text.n != 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

struct bytes issue_value_take_until(struct bytes *text, uint8_t separator)
{
    const uint8_t *at = text->n == 0 ? NULL : memchr(text->p, separator, text->n);
    size_t n = at == NULL ? text->n : (size_t)(at - text->p);
    struct bytes part = bytes_of(text->p, n);
    *text = at == NULL ? (struct bytes){0} : bytes_of(at + 1, text->n - n - 1);
    return trim(part);
}

struct issue_value issue_value_read(struct bytes text)
{
    struct issue_value value = {.parameters = text};
    value.domain = issue_value_take_until(&value.parameters, ';');
    return value;
}

bool issue_value_take_parameter(struct issue_value *value, struct issue_parameter *out)
{
    if (value->parameters.n == 0)
        return false;
    out->value = issue_value_take_until(&value->parameters, ';');
    out->name = issue_value_take_until(&out->value, '=');
    out->value = trim(out->value);
    return true;
}

bool issue_value_names(const struct issue_value *value, const char *const *domains, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        if (bytes_equal_ignore_case(value->domain, bytes_from_string(domains[i])))
            return true;
    return false;
}
