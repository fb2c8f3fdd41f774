/* SPDX-License-Identifier: Apache-2.0 */
/* ACME Renewal Information (RFC 9773): when a certificate should be renewed, and its identifier in
 * requests. */
#pragma once

#include "acme/objects.h"

/*
 * Reads the serial number, in the store's form, of the certificate identifier of §4.1: base64url(authority
 * key identifier) "." base64url(serial number). False when the text is not of this form.
 */
[[gnu::warn_unused_result]] bool renewal_id_parse(struct arena *arena, struct bytes text,
                                                  char serial[static SERIAL_HEX_BYTES]);

/* Returns the certificate identifier of a DER leaf. NULL when the leaf cannot be read or has no authority key
 * identifier. */
char *renewal_id_of(struct arena *arena, struct bytes leaf);

struct renewal_window {
    int64_t start;
    int64_t end;
    const char *explanation_url; /* NULL: none */
    int64_t retry_after_s;       /* when to ask again */
};

/* The operator's request that certificates are renewed between two times, whatever their own windows. */
struct early_renewal {
    int64_t renew_from;
    int64_t renew_until;
    const char *explanation_url;
};

/* Requests renewal within `spread_s` from now. Below a minute there is nothing to spread: the times are then
 * in the past, so that a client renews when it next asks (RFC 9773 §4.2). */
struct early_renewal early_renewal_within(int64_t now, int64_t spread_s, const char *explanation_url);

/*
 * Returns the window of a certificate, inside its validity. It is a twelfth of its life long and begins
 * between 5/8 and 17/24 of it. Its beginning is drawn from the certificate itself, so that certificates of
 * one minute do not renew in one minute, even for clients that take the start. The window of a revoked
 * certificate, or one whose revocation is requested, lies in the past. `early` is NULL when the operator
 * requests nothing.
 */
struct renewal_window renewal_window_of(const struct certificate *certificate,
                                        const struct early_renewal *early);

/* Writes the RenewalInfo object (§4.2). */
struct bytes renewal_info_render(struct arena *arena, const struct renewal_window *window);
