/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by config_values.c, which has a setter for each type of value, and config_lists.c, which has those
 * of lists. */
#pragma once

#include "acme/base/host_port.h"
#include "gateway/config/config_internal.h"

/* The operands of a setter. `field` is untyped: the table has its type. */
struct value {
    struct arena *arena;
    const struct config_key *key;
    const struct json *json;
    bool leaves_secrets;
    void *section;
    const char *why;
};

/* False, for the setter to return. */
bool value_refuse(struct value *value, const char *why);

/* memcpy, because the field is a pointer to const of some type. */
void value_store(struct value *value, const void *from, size_t n);

/* Returns the text; NULL for an empty text and for anything that is not text. */
const char *value_text(struct value *value, const struct json *json);

/* Sets a value whose type is a list. */
bool value_set_list(struct value *value);

/* ---- hosts and ports ---- */

/* The host is an address: IPv6 in brackets, IPv4 without. */
bool value_has_address(const struct host_port *parts);
bool value_is_address(int family, struct bytes host);
bool value_is_host_and_port(const char *text);
