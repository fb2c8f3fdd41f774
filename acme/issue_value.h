/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issue-value of RFC 8659 §4.2, "domain; name=value; name=value", in CAA records and in records of
 * dns-persist-01. A value that departs from the grammar is malformed and must allow nothing (§4.2).
 */
#pragma once

#include "acme/base/bytes.h"

struct issue_value {
    struct bytes domain;     /* empty: nobody */
    struct bytes parameters; /* for issue_value_take_parameter */
};

struct issue_parameter {
    struct bytes name;
    struct bytes value; /* borrowed, without white space around it; may be empty */
};

/* Reads a value. False when the text is malformed; `out` is then a value that names nobody. */
[[gnu::warn_unused_result]] bool issue_value_read(struct bytes text, struct issue_value *out);

/* Takes the next parameter of a value that issue_value_read accepted. False at the end. */
bool issue_value_take_parameter(struct issue_value *value, struct issue_parameter *out);

/* True when the value's domain is one of these. */
bool issue_value_names(const struct issue_value *value, const char *const *domains, size_t count);
