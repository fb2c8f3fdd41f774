/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of what is valid but odd, and of what is nearly valid. */
#pragma once

#include "acme/base/buffer.h"

/* Reads the regression corpus: one JSON value a line. Once. */
void odd_read_corpus(const char *path);

/* A JSON value: numbers at every edge, deep, wide and long ones, nulls. */
void odd_json_value(struct buffer *out);
/* A JSON object with members that were added, doubled, left out or replaced. */
char *odd_json_bend(struct arena *arena, const char *object);
/* A word that ends in a text that people see: control characters, C1 and bidi. Without quotes and
 * backslashes. */
const char *odd_text(void);
/* Octets, some of them changed. */
struct bytes odd_octets(struct arena *arena, struct bytes from);
/* Whether a text holds a control, C1 or bidi character; newlines and tabs count unless `lines`. */
bool odd_is_unfit_for_people(struct bytes text, bool lines);
