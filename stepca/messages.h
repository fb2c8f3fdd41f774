/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of step-ca's API (its package api): requests and replies. No sockets here. */
#pragma once

#include <openssl/x509.h>

#include "acme/base/json.h"
#include "stepca/provisioner_key.h"

/* Limits of a reply. A page of a hundred provisioners with their templates is larger than any client's
 * request. */
extern const struct json_limits stepca_reply_limits;

/* POST /1.0/sign. The result of stepca_sign_body and stepca_revoke_body has p NULL when it would be
 * unreasonably long. */
struct stepca_sign_request {
    struct bytes csr_der;
    const char *token;
    /* RFC 3339 or a Go duration. NULL leaves it to the CA, which then backdates */
    const char *not_before;
    const char *not_after; /* the same; NULL asks for the provisioner's default */
};
struct bytes stepca_sign_body(struct arena *arena, const struct stepca_sign_request *request);

/* POST /1.0/revoke. It is always passive: step-ca has no other revocation. */
struct stepca_revoke_request {
    const char *serial_decimal;
    const char *token;
    int reason_code; /* RFC 5280 CRLReason, 0…10 */
    const char *reason;
};
struct bytes stepca_revoke_body(struct arena *arena, const struct stepca_revoke_request *request);

/* The reply to /sign: DER certificates, leaf first, with every intermediate. */
struct stepca_chain {
    struct bytes *certificates;
    size_t count;
};
[[gnu::warn_unused_result]] bool stepca_parse_chain(struct arena *arena, struct bytes body,
                                                    struct stepca_chain *out);

/* Writes the reply's `tlsOptions`, key and value, or nothing when it has none. It copies the members that
 * step reads: cipherSuites, minVersion, maxVersion and renegotiation, each of its type. Others are left out,
 * because clients act on them. */
void stepca_put_tls_options(struct json_writer *writer, const struct json *reply);

/* A page of GET /provisioners. JWK provisioners come with the parts that tokens need, others that sign X.509
 * certificates with their name. */
struct stepca_provisioner {
    const char *name;
    const char *key_id;
    const char *public_thumbprint;   /* of the advertised public key; NULL when it could not be read */
    int64_t min_s, max_s, default_s; /* its own claims; 0 where absent: the authority's claims then apply */
    bool disable_renewal;
    const char *encrypted_key; /* its private key as a compact JWE; NULL when the CA does not publish it */
};
struct stepca_other_provisioner {
    const char *name;
    const char *type; /* "ACME", "X5C"… */
};
struct stepca_provisioner_page {
    struct stepca_provisioner *provisioners;
    size_t count;
    /* all types but JWK and SSHPOP, which signs for SSH only */
    struct stepca_other_provisioner *others;
    size_t other_count;
    const char *next_cursor; /* "" at the end */
};
[[gnu::warn_unused_result]] bool stepca_parse_provisioners(struct arena *arena, struct bytes body,
                                                           struct stepca_provisioner_page *out);

/*
 * Writes the page again, without the `encryptedKey` of provisioners whose key has one of these ids. p is NULL
 * when the body is not such a page.
 */
struct bytes stepca_provisioners_without_keys(struct arena *arena, struct bytes body,
                                              const char *const *key_ids, size_t key_id_count);

/*
 * Reads the list page by page. A page may be too long, because templates are in it. It is then requested
 * again with fewer provisioners.
 */
enum { STEPCA_PROVISIONERS_MAX = 10000 };

#define STEPCA_PROVISIONER_TOO_LONG \
    "the CA's list of provisioners cannot be read: a provisioner is longer than 1 MiB; shorten its " \
    "template, " \
    "or keep it in a file"

struct stepca_paging {
    const char *cursor;  /* "": the first page; borrowed */
    size_t limit;        /* provisioners a page */
    size_t provisioners; /* provisioners requested so far, at most */
};
extern const struct stepca_paging stepca_paging_first;

/* Returns "provisioners?limit=100", without the leading slash, in the arena. */
const char *stepca_paging_path(struct arena *arena, const struct stepca_paging *paging);
/* Selects the same page with fewer provisioners. False: the page had only one. */
[[gnu::warn_unused_result]] bool stepca_paging_shorten(struct stepca_paging *paging);
/* Selects the next page. False: this was the last. */
[[gnu::warn_unused_result]] bool stepca_paging_next(struct stepca_paging *paging, const char *next_cursor);

/* Reads GET /intermediates (0.27.3 and later), /roots, /federation: {"crts":["PEM",…]} as DER, in the reply's
 * order. */
[[gnu::warn_unused_result]] bool stepca_parse_certificates(struct arena *arena, struct bytes body,
                                                           struct stepca_chain *out);

/* Reads GET /version. Returns the text; NULL when it is absent. */
const char *stepca_parse_version(struct arena *arena, struct bytes body);

/* Reads GET /root/{fingerprint}. Returns the DER only when its SHA-256 is `fingerprint_hex`. */
[[gnu::warn_unused_result]] bool stepca_parse_root(struct arena *arena, struct bytes body,
                                                   const char *fingerprint_hex, struct bytes *der);
