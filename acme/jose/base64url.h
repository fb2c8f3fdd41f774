/* SPDX-License-Identifier: Apache-2.0 */
/* base64url without padding (RFC 7515 §2, RFC 4648 §5). */
#pragma once

#include "acme/base/arena.h"

/* Strict: padding, white space, `+/`, impossible lengths and non-zero spare bits are refused. */
[[gnu::warn_unused_result]] bool base64url_decode(struct arena *arena, struct bytes text, struct bytes *out);

/* NUL-terminated text in the arena. */
char *base64url_encode(struct arena *arena, struct bytes data);
