/* SPDX-License-Identifier: Apache-2.0 */
/* The output of the program for people. */
#pragma once

/*
 * Cleans all later output to stdout and stderr on its way (acme/base/visible.h; line feeds and tabs stay):
 * clients and CAs wrote parts of it, and older versions stored rows as they came. The log cleans its own
 * lines. Ends the process when there is no memory.
 */
void terminal_guard(void);
