/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the person at the terminal. They go to standard error, so that standard output keeps the
 * results alone. */
#pragma once

#include "acme/base/arena.h"

/* True when standard input is a terminal. */
bool dialogue_is_possible(void);

/*
 * Asks "QUESTION [FALLBACK]: " and reads a line, without the spaces around it. An empty line is the fallback;
 * without one (NULL) it is "". NULL when the input has ended. In the arena.
 */
const char *dialogue_ask(struct arena *arena, const char *question, const char *fallback);

/* Asks for a secret, which the terminal does not show. The octets are cleansed when the arena is freed. False
 * when the input has ended. A signal that ends the process restores the terminal first. */
[[gnu::warn_unused_result]] bool dialogue_ask_secret(struct arena *arena, const char *question,
                                                     struct bytes *out);
