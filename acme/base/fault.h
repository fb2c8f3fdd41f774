/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reason for a failure: a sentence for the operator, in a value that the caller owns. It names what
 * failed and says why. Where possible it says what to do. It has no final full stop, so that a caller can put
 * words before it or after it.
 *
 *   bool thing_open(struct thing *out, const char *path, struct fault *fault);
 *
 * The fault is the last parameter. It is filled exactly when the result reports a failure (false, NULL).
 * Until then it holds nothing and needs no initialisation. A caller that does not need the words passes NULL,
 * so no function reads a fault that it was given.
 *
 * A refusal sent to an ACME client is not a fault: it is a `const struct problem *` (acme/problem.h).
 */
#pragma once

#include "acme/base/bytes.h"

enum { FAULT_MESSAGE_BYTES = 1024 };

struct fault {
    char message[FAULT_MESSAGE_BYTES]; /* one line; never empty once filled */
};

/* Replaces the message by the formatted text, as one clean line (acme/base/visible.h), because it may hold
 * text from outside. A text that is too long is cut after a whole character and ends in "…". The arguments
 * may be the fault's own message. Returns false, for `return fault_set(…)`. */
[[gnu::format(printf, 2, 3)]] bool fault_set(struct fault *fault, const char *format, ...);

/* Puts the formatted text before the message. A caller names the object of the failure in this way. Returns
 * false. */
[[gnu::format(printf, 2, 3)]] bool fault_prefix(struct fault *fault, const char *format, ...);
