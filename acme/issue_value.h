/* The issue-value of RFC 8659 §4.2, "domain; name=value; …": in CAA records and in those of dns-persist-01.
 */
#pragma once

#include "acme/base/bytes.h"

struct issue_value {
    struct bytes domain;     /* empty: nobody */
    struct bytes parameters; /* for issue_value_take_parameter */
};

struct issue_parameter {
    struct bytes name;
    struct bytes value; /* borrowed, without white space around it */
};

/* The next part of `text` before `separator`, without white space around it; `text` goes on behind it. */
struct bytes issue_value_take_until(struct bytes *text, uint8_t separator);

struct issue_value issue_value_read(struct bytes text);

/* False at their end. A parameter without "=" has an empty value. */
bool issue_value_take_parameter(struct issue_value *value, struct issue_parameter *out);

/* True when the domain is one of these. */
bool issue_value_names(const struct issue_value *value, const char *const *domains, size_t count);
