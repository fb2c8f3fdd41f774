/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of step-ca's API (its package api): what is sent, and what comes back. No sockets here. */
#pragma once

#include <openssl/x509.h>

#include "acme/base/json.h"
#include "stepca/provisioner_key.h"

/* A page of a hundred provisioners with their templates is more than a client's request may be. */
extern const struct json_limits stepca_reply_limits;

/* POST /1.0/sign. What stepca_sign_body and stepca_revoke_body return has p NULL when it would be
 * unreasonably long. */
struct stepca_sign_request {
    struct bytes csr_der;
    const char *token;
    /* RFC 3339 or a Go duration; NULL leaves it to the CA, which alone backdates then */
    const char *not_before;
    const char *not_after; /* the same; NULL asks for the provisioner's default */
};
struct bytes stepca_sign_body(struct arena *arena, const struct stepca_sign_request *request);

/* POST /1.0/revoke; always passive, step-ca knows no other. */
struct stepca_revoke_request {
    const char *serial_decimal;
    const char *token;
    int reason_code; /* RFC 5280 CRLReason, 0…10 */
    const char *reason;
};
struct bytes stepca_revoke_body(struct arena *arena, const struct stepca_revoke_request *request);

/* The reply to /sign: DER certificates, leaf first, every intermediate, whatever their number. */
struct stepca_chain {
    struct bytes *certificates;
    size_t count;
};
[[gnu::warn_unused_result]] bool stepca_parse_chain(struct arena *arena, struct bytes body,
                                                    struct stepca_chain *out);

/* The reply's `tlsOptions` as step reads them: cipherSuites, minVersion, maxVersion and renegotiation, each
 * of its type. Other members are left out, for clients act on what they get. Writes key and value, or nothing
 * where there are none. */
void stepca_put_tls_options(struct json_writer *writer, const struct json *reply);

/* A page of GET /provisioners: of JWK provisioners what tokens need, of the others that sign X.509
 * certificates the names. */
struct stepca_provisioner {
    const char *name;
    const char *key_id;
    const char *public_thumbprint;   /* of the advertised public key; NULL when it could not be read */
    int64_t min_s, max_s, default_s; /* its own claims; 0 where absent: those of the whole authority hold */
    bool disable_renewal;
};
struct stepca_other_provisioner {
    const char *name;
    const char *type; /* "ACME", "X5C"… */
};
struct stepca_provisioner_page {
    struct stepca_provisioner *provisioners;
    size_t count;
    /* all types but JWK, and but SSHPOP, which signs for SSH alone */
    struct stepca_other_provisioner *others;
    size_t other_count;
    const char *next_cursor; /* "" at the end */
};
[[gnu::warn_unused_result]] bool stepca_parse_provisioners(struct arena *arena, struct bytes body,
                                                           struct stepca_provisioner_page *out);

/*
 * The page again, without the `encryptedKey` of provisioners whose key has one of these ids. p is NULL when
 * the body is no such page.
 */
struct bytes stepca_provisioners_without_keys(struct arena *arena, struct bytes body,
                                              const char *const *key_ids, size_t key_id_count);

/*
 * Asking for the list page by page. A page may be too long: templates stand in it. It is then asked for with
 * fewer provisioners.
 */
enum { STEPCA_PROVISIONERS_MAX = 10000 };

#define STEPCA_PROVISIONER_TOO_LONG \
    "the CA's list of provisioners cannot be read: one provisioner alone is longer than a reply may be (1 " \
    "MiB); shorten " \
    "its template, or keep it in a file"

struct stepca_paging {
    const char *cursor;  /* "": the first page; borrowed */
    size_t limit;        /* provisioners a page */
    size_t provisioners; /* asked for so far, at most */
};
extern const struct stepca_paging stepca_paging_first;

/* "provisioners?limit=100", without the leading slash, in the arena. */
const char *stepca_paging_path(struct arena *arena, const struct stepca_paging *paging);
/* The same page with fewer provisioners. False: it held one alone. */
[[gnu::warn_unused_result]] bool stepca_paging_shorten(struct stepca_paging *paging);
/* The next page. False: there is none. */
[[gnu::warn_unused_result]] bool stepca_paging_next(struct stepca_paging *paging, const char *next_cursor);

/* GET /intermediates (0.27.3 on), /roots, /federation: {"crts":["PEM",…]} as DER, in the reply's order. */
[[gnu::warn_unused_result]] bool stepca_parse_certificates(struct arena *arena, struct bytes body,
                                                           struct stepca_chain *out);

/* GET /version: the text, NULL when it is not there. */
const char *stepca_parse_version(struct arena *arena, struct bytes body);

/* GET /root/{fingerprint}: the DER, only when its SHA-256 is `fingerprint_hex`. */
[[gnu::warn_unused_result]] bool stepca_parse_root(struct arena *arena, struct bytes body,
                                                   const char *fingerprint_hex, struct bytes *der);
