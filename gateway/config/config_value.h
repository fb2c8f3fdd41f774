/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by config_values.c, which has a setter for each type of value, and config_lists.c, which has those
 * of lists. */
#pragma once

#include "gateway/config/config_internal.h"

/* What a setter works on. `field` is untyped: the table says what stands there. */
struct value {
    struct arena *arena;
    const struct config_key *key;
    const struct json *json;
    void *section;
    const char *why;
};

/* False, for the setter to return. */
bool value_refuse(struct value *value, const char *why);

/* memcpy, because the field is a pointer to const of some type. */
void value_store(struct value *value, const void *from, size_t n);

/* NULL for what is no text, or an empty one. */
const char *value_text(struct value *value, const struct json *json);

/* Of a type that is a list. */
bool value_set_list(struct value *value);

/* ---- hosts and ports ---- */

/* Takes "host", "host:port", "[v6]" and "[v6]:port" apart. `port` is left alone when there is none. */
bool value_split_host(struct arena *arena, const char *text, const char **host, bool *bracketed,
                      uint16_t *port);
bool value_is_address(int family, const char *host);
bool value_is_host_and_port(struct arena *arena, const char *text);
