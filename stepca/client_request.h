/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the requests of step-ca's clients, for a server that passes them on: the bodies of /sign and /revoke,
 * the claims of a one-time token, the certificate of a renewal token. No signature is verified here: the CA
 * does that and answers 401 to a bad token. Members that are not named here are not passed on.
 */
#pragma once

#include "stepca/messages.h"

/* The claims of a one-time token. The CA makes the certificate from subject and sans. */
struct stepca_token_claims {
    const char *issuer;      /* the provisioner's name */
    const char *key_id;      /* from the header; NULL when absent */
    const char *subject;     /* never empty */
    const char *const *sans; /* as the token writes them; the subject alone when the token has none */
    size_t san_count;
};
[[gnu::warn_unused_result]] bool stepca_read_token(struct arena *arena, struct bytes token,
                                                   struct stepca_token_claims *out);

/* POST /sign. */
struct stepca_client_sign {
    struct bytes csr_der;
    const char *token;
    const char *not_before; /* NULL leaves it to the CA; not_after likewise */
    const char *not_after;
    bool has_template_data; /* templateData other than {} */
};
/* Returns NULL, or the body's fault in step-ca's words. */
[[gnu::warn_unused_result]] const char *stepca_read_client_sign(struct arena *arena, struct bytes body,
                                                                struct stepca_client_sign *out);

/* POST /revoke. */
struct stepca_client_revoke {
    struct bytes serial; /* the octets, big-endian, without leading zeros */
    const char *serial_decimal;
    const char *token;  /* NULL: the client's TLS certificate authorizes the request */
    int reason_code;    /* 0…10 */
    const char *reason; /* NULL when absent */
    bool passive;
};
[[gnu::warn_unused_result]] const char *stepca_read_client_revoke(struct arena *arena, struct bytes body,
                                                                  struct stepca_client_revoke *out);
/* Writes the body for the CA. p is NULL when it would be unreasonably long. */
struct bytes stepca_client_revoke_body(struct arena *arena, const struct stepca_client_revoke *request);

/* Reads the certificates of a renewal token's x5cInsecure header, as DER. The first is the one to renew. */
[[gnu::warn_unused_result]] bool stepca_read_renewal_token(struct arena *arena, struct bytes token,
                                                           struct stepca_chain *out);

/* True for a path segment or query value that can be used in a URL to the CA without encoding. It is not
 * empty, "." or "..", and has only unreserved characters and '='. */
bool stepca_is_plain_segment(struct bytes text);

/* Removes the percent-encoding of a path segment; the result is in the arena. False when an encoding is
 * broken, or when the segment decodes to nothing, to a control character, or to a dot segment. */
[[gnu::warn_unused_result]] bool stepca_decode_segment(struct arena *arena, struct bytes text,
                                                       struct bytes *out);

/* Percent-encodes a path segment, in the arena. It encodes exactly the characters that Go's url.URL encodes
 * in a path. If a request differs from that, step-ca's router takes the segment in its encoded form. */
struct bytes stepca_encode_segment(struct arena *arena, struct bytes text);
