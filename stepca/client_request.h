/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the clients of step-ca's API send, for a server that passes it on: the bodies of /sign and /revoke,
 * the claims of a one-time token, the certificate of a renewal token. Read, and not trusted: no signature is
 * verified here. That is the CA's, which answers 401 to a token that is not good. What is not named here is
 * not passed on.
 */
#pragma once

#include "stepca/messages.h"

/* Of a one-time token; the CA makes the certificate from subject and sans. */
struct stepca_token_claims {
    const char *issuer;      /* the provisioner's name */
    const char *key_id;      /* of the header; NULL: none */
    const char *subject;     /* never empty */
    const char *const *sans; /* as they stand there; the subject alone where the token has none */
    size_t san_count;
};
[[gnu::warn_unused_result]] bool stepca_read_token(struct arena *arena, struct bytes token,
                                                   struct stepca_token_claims *out);

/* POST /sign. */
struct stepca_client_sign {
    struct bytes csr_der;
    const char *token;
    const char *not_before; /* NULL: left to the CA, and so for not_after */
    const char *not_after;
    bool has_template_data; /* other than {} */
};
/* NULL, or what is wrong with the body in step-ca's manner. */
[[gnu::warn_unused_result]] const char *stepca_read_client_sign(struct arena *arena, struct bytes body,
                                                                struct stepca_client_sign *out);

/* POST /revoke. */
struct stepca_client_revoke {
    struct bytes serial; /* its octets, big-endian, no zeros before them */
    const char *serial_decimal;
    const char *token;  /* NULL: the client means its own TLS certificate to speak for it */
    int reason_code;    /* 0…10 */
    const char *reason; /* NULL: none */
    bool passive;
};
[[gnu::warn_unused_result]] const char *stepca_read_client_revoke(struct arena *arena, struct bytes body,
                                                                  struct stepca_client_revoke *out);
/* p is NULL when it would be unreasonably long. */
struct bytes stepca_client_revoke_body(struct arena *arena, const struct stepca_client_revoke *request);

/* The certificates of a renewal token's x5cInsecure header, as DER, the one to renew first. */
[[gnu::warn_unused_result]] bool stepca_read_renewal_token(struct arena *arena, struct bytes token,
                                                           struct stepca_chain *out);

/* A path segment or query value that may stand in a URL to the CA as it is: neither empty nor "." or "..", of
 * unreserved characters and '='. */
bool stepca_is_plain_segment(struct bytes text);

/* A path's segment without its percent-encoding, in the arena. False when an encoding is broken, or when it
 * decodes to nothing, to a control character, or to a dot segment. */
[[gnu::warn_unused_result]] bool stepca_decode_segment(struct arena *arena, struct bytes text,
                                                       struct bytes *out);

/* The other way, in the arena. Exactly what Go's url.URL encodes in a path is encoded: where a request
 * differs from that, step-ca's router takes the segment as it came, encoded. */
struct bytes stepca_encode_segment(struct arena *arena, struct bytes text);
