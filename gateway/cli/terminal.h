/* SPDX-License-Identifier: Apache-2.0 */
/* What the program prints to a person. */
#pragma once

/*
 * From here on, whatever is printed to stdout or stderr is cleaned on its way (acme/base/visible.h, line
 * feeds and tabs stay): clients and CAs wrote parts of it, and rows that older versions stored are as they
 * came. The log cleans its own lines. Ends the process when there is no memory.
 */
void terminal_guard(void);
