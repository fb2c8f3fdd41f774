/* SPDX-License-Identifier: Apache-2.0 */
/* base64 and base64url (RFC 4648 §4, §5). */
#pragma once

#include "acme/base/arena.h"

enum base64_padding {
    BASE64_PADDED,       /* as x5c and Go's StdEncoding write it: to a multiple of four characters */
    BASE64_MAYBE_PADDED, /* where it stands in a URL's path (RFC 6960 §A.1), some clients leave padding out */
};

/* Strict: white space, the other alphabet, impossible lengths and non-zero spare bits are refused. */
[[gnu::warn_unused_result]] bool base64_decode(struct arena *arena, struct bytes text,
                                               enum base64_padding padding, struct bytes *out);

/* base64url without padding (RFC 7515 §2). Strict as above; padding is refused too. */
[[gnu::warn_unused_result]] bool base64url_decode(struct arena *arena, struct bytes text, struct bytes *out);

/* NUL-terminated text in the arena, base64url without padding. */
char *base64url_encode(struct arena *arena, struct bytes data);
