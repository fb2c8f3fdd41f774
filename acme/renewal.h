/* SPDX-License-Identifier: Apache-2.0 */
/* ACME Renewal Information (RFC 9773): when a certificate should be renewed, and what names it in requests.
 */
#pragma once

#include "acme/objects.h"

/*
 * The certificate identifier of §4.1: base64url(authority key identifier) "." base64url(serial number). Reads
 * its serial, in the store's form; false when the text is not of this form.
 */
[[gnu::warn_unused_result]] bool renewal_id_parse(struct arena *arena, struct bytes text,
                                                  char serial[static SERIAL_HEX_BYTES]);

/* That of a DER leaf; NULL when it cannot be read or has no authority key identifier. */
char *renewal_id_of(struct arena *arena, struct bytes leaf);

struct renewal_window {
    int64_t start;
    int64_t end;
    const char *explanation_url; /* NULL: none */
    int64_t retry_after_s;       /* when to ask again */
};

/* An operator's wish that certificates be renewed between two times, whatever their own. */
struct early_renewal {
    int64_t renew_from;
    int64_t renew_until;
    const char *explanation_url;
};

/* That certificates are renewed within `spread_s` from now. Below a minute there is nothing to spread: the
 * times lie in the past, so that a client renews when it next looks (RFC 9773 §4.2). */
struct early_renewal early_renewal_within(int64_t now, int64_t spread_s, const char *explanation_url);

/*
 * The window for a certificate, inside its validity: a twelfth of its life long, beginning between 5/8 and
 * 17/24 of it. Where it begins is drawn from the certificate itself, so that certificates of one minute do
 * not renew in one minute, even for clients that take the start. One that is revoked, or whose revocation was
 * asked for, should have been renewed already. `early` is NULL when the operator wishes nothing.
 */
struct renewal_window renewal_window_of(const struct certificate *certificate,
                                        const struct early_renewal *early);

/* The RenewalInfo object (§4.2). */
struct bytes renewal_info_render(struct arena *arena, const struct renewal_window *window);
