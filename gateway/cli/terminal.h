/* SPDX-License-Identifier: Apache-2.0 */
/* The output of the program for people. */
#pragma once

#include <stdbool.h>

/*
 * Cleans all later output to stdout and stderr on its way (acme/base/visible.h; line feeds and tabs stay):
 * clients and CAs wrote parts of it, and older versions stored rows as they came. The log cleans its own
 * lines. Ends the process when there is no memory.
 */
void terminal_guard(void);

/* Prints one clean line (acme/base/visible.h): clients and CAs wrote parts of it. A longer one is cut. */
[[gnu::format(printf, 1, 2)]] void say(const char *format, ...);

/* True when guarded output goes to a terminal, which can be cleared. */
[[nodiscard]] bool terminal_is_screen(void);
/* Empties the screen, for the next picture. Past the guard, which would take the sequence out. */
void terminal_clear(void);
