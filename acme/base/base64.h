/* SPDX-License-Identifier: Apache-2.0 */
/* base64 and base64url (RFC 4648 §4, §5). */
#pragma once

#include "acme/base/arena.h"

enum base64_padding {
    BASE64_PADDED,       /* to a multiple of four characters, as x5c and Go's StdEncoding write it */
    BASE64_MAYBE_PADDED, /* padding is optional: in a URL's path (RFC 6960 §A.1) some clients leave it out */
};

/* Decodes base64 strictly. White space, the other alphabet, impossible lengths and non-zero spare bits are
 * refused. */
[[gnu::warn_unused_result]] bool base64_decode(struct arena *arena, struct bytes text,
                                               enum base64_padding padding, struct bytes *out);

/* Decodes base64url without padding (RFC 7515 §2), as strictly as base64_decode. Padding is refused. */
[[gnu::warn_unused_result]] bool base64url_decode(struct arena *arena, struct bytes text, struct bytes *out);

/* Encodes as base64url without padding. The text is NUL-terminated, in the arena. */
char *base64url_encode(struct arena *arena, struct bytes data);
