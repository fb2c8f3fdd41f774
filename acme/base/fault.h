/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something failed: a sentence for the operator, in a value that the caller owns. It names the thing that
 * failed, says why and, where it can, what to do. It has no final full stop, so that a caller can put words
 * before it or after it.
 *
 *   bool thing_open(struct thing *out, const char *path, struct fault *fault);
 *
 * The fault is the last parameter. It is filled exactly when the result says so (false, NULL); until then it
 * holds nothing and needs no initialisation. NULL: the caller does not want the words. So no function reads a
 * fault that it was given.
 *
 * An answer to an ACME client is no fault: it is a `const struct problem *` (acme/problem.h).
 */
#pragma once

#include "acme/base/bytes.h"

enum { FAULT_MESSAGE_BYTES = 1024 };

struct fault {
    char message[FAULT_MESSAGE_BYTES]; /* one line; never empty once filled */
};

/* Puts the formatted text in the place of what was there, as one clean line (acme/base/visible.h): it may
 * hold texts from outside. What is too long ends in "…", at the end of a character. The arguments may be the
 * fault's own message. Returns false, for `return fault_set(…)`. */
[[gnu::format(printf, 2, 3)]] bool fault_set(struct fault *fault, const char *format, ...);

/* Puts the formatted text before the message: how a caller says what it was about. Returns false. */
[[gnu::format(printf, 2, 3)]] bool fault_prefix(struct fault *fault, const char *format, ...);
