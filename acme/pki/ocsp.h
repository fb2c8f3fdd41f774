/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers the Online Certificate Status Protocol (RFC 6960, and RFC 5019 for caching), from the octets of a
 * request to the octets of a response, as a delegated responder. The caller looks up the facts of a serial
 * number; this code decides the answer.
 */
#pragma once

#include <openssl/ocsp.h>

#include "acme/base/fault.h"
#include "acme/pki/crl.h"

enum {
    OCSP_MAX_QUESTIONS = 8,     /* each costs a look-up */
    OCSP_NONCE_MAX_OCTETS = 32, /* RFC 8954 §2.1 */
    OCSP_LISTED_S = 3600,       /* longest validity of an answer that rests on a CRL */
    OCSP_OWN_S = 900,           /* longest validity of an answer that rests on our own records only */
    OCSP_BACKDATE_S = 60,       /* backdate of the latter, for clocks that are behind */
    OCSP_ID_MAX_BYTES = 160,    /* of a CertID with SHA-256 and the longest serial number: 104 */
};

/* ---- the responder ---- */

/* The CA as requests name it: its name and key, by SHA-1 and SHA-256 (RFC 6960 §4.1.1). */
struct ocsp_issuer {
    uint8_t name_sha1[20];
    uint8_t key_sha1[20];
    uint8_t name_sha256[32];
    uint8_t key_sha256[32];
};

struct ocsp_responder {
    X509 *certificate;
    EVP_PKEY *key;
    X509 *issuer_certificate;
    struct ocsp_issuer issuer; /* CA of the certificate, and of all certificates that it answers for (RFC
                                * 6960 §4.2.2.2) */
    int64_t not_before;
    int64_t not_after;
    bool nocheck; /* the certificate says that its own status need not be checked (§4.2.2.2.1) */
    bool is_slow; /* RSA: signing is slow, so every response is made for many clients, without nonces */
};

/* The requirements of a responder's certificate. */
struct ocsp_expectation {
    struct bytes candidates_pem; /* where its issuer is looked for, beside `chain_pem` and the roots */
    X509_STORE *roots;
    struct bytes issuer; /* DER of the certificate that issues the leaves; empty: unknown */
    int64_t now;
};

/*
 * Opens a responder with its certificate (PEM, it first) and key. The certificate must be in force, have the
 * key, be for OCSPSigning, be issued by the CA that issues the leaves, and lead to a pinned root. False with
 * `fault`, and nothing to free.
 */
[[gnu::warn_unused_result]] bool ocsp_responder_open(struct arena *arena, struct bytes chain_pem,
                                                     EVP_PKEY *key, const struct ocsp_expectation *expected,
                                                     struct ocsp_responder *out, struct fault *fault);
/* True when its CA is that of this certificate (DER): the same name and key. The CA's certificate may have
 * been renewed. */
bool ocsp_responder_is_of(const struct ocsp_responder *responder, struct bytes issuer);
/* Closes the responder. It may be all zeros, never opened. */
void ocsp_responder_close(struct ocsp_responder *responder);

/* ---- the request ---- */

struct ocsp_question {
    const OCSP_CERTID *id;         /* borrowed from the request */
    char serial[SERIAL_HEX_BYTES]; /* canonical; "" when no certificate can have it */
};

struct ocsp_request {
    struct ocsp_question questions[OCSP_MAX_QUESTIONS];
    size_t count;
    struct bytes nonce; /* empty when absent */
};

/*
 * Reads a request. Returns OCSP_RESPONSE_STATUS_SUCCESSFUL, or the status to answer with. malformedRequest is
 * for anything but one OCSPRequest, for too many questions, for a nonce out of bounds and for critical
 * extensions (none is supported). The signature of a request is ignored: everybody may ask. The arena owns
 * `out`.
 */
[[gnu::warn_unused_result]] int ocsp_request_read(struct arena *arena, struct bytes der,
                                                  struct ocsp_request *out);

/* Makes the request that asks, by SHA-1, for one serial number (canonical hexadecimal) of the responder's CA.
 * False when OpenSSL fails. */
[[gnu::warn_unused_result]] bool ocsp_request_for_serial(struct arena *arena,
                                                         const struct ocsp_responder *responder,
                                                         const char *serial, struct ocsp_request *out);

enum ocsp_path { OCSP_PATH_SERIAL, OCSP_PATH_REQUEST };

/*
 * Reads the part of a GET's path behind the responder's URL: a serial number in hexadecimal (colons are
 * allowed), or a request in base64 (RFC 6960 §A.1). The two cannot be confused: a request is a SEQUENCE, so
 * its base64 begins with "M", which is not a hexadecimal digit. Escapes (%2F) are decoded. Any other path is
 * a request of no octets. `serial` is canonical.
 */
enum ocsp_path ocsp_path_read(struct arena *arena, struct bytes path, char serial[static SERIAL_HEX_BYTES],
                              struct bytes *request);

/* ---- the facts, and the decision ---- */

struct ocsp_knowledge {
    const struct crl *crl; /* the CA's last list, NULL when there is none; an expired list proves
                            * revocations only */
    bool crl_is_kept;      /* the CA keeps a list: without a list in force no certificate is certainly good */
    bool is_ours;          /* the inventory has the certificate */
    int64_t revoked_at;    /* confirmed by the CA; 0: not revoked */
    int reason;
};

struct ocsp_answer {
    int status; /* V_OCSP_CERTSTATUS_… */
    int64_t revoked_at;
    int reason; /* CRL_NO_REASON: no reason */
    int64_t this_update;
    int64_t next_update;
};

/* Decides the answer. False when the status is unknown at present: tryLater. */
[[gnu::warn_unused_result]] bool ocsp_decide(const struct ocsp_knowledge *known, const char *serial,
                                             int64_t now, struct ocsp_answer *out);

/* ---- the response ---- */

struct ocsp_response {
    struct bytes der;
    int status;          /* OCSP_RESPONSE_STATUS_… */
    int64_t this_update; /* of a successful response: the latest… */
    int64_t next_update; /* …and the earliest of its answers */
    bool is_for_anyone;  /* it has no nonce and may be cached */
};

/* Fills in the facts of a serial number. False when they cannot be found out now. */
typedef bool ocsp_look_up(void *context, const char *serial, struct ocsp_knowledge *out);

/*
 * Makes the response. A question about another CA's certificate is `unknown` beside questions about ours (RFC
 * 6960 §2.2). When all are about others, the response is `unauthorized` (RFC 5019 §2.2.3): our signature
 * means nothing for other CAs, and it costs time. `out` is always filled, at worst with tryLater or
 * internalError.
 */
void ocsp_respond(struct arena *arena, const struct ocsp_responder *responder,
                  const struct ocsp_request *request, ocsp_look_up *look_up, void *context, int64_t now,
                  struct ocsp_response *out);

/* Makes a response that consists of a status only. */
void ocsp_refuse(struct arena *arena, int status, struct ocsp_response *out);

/* Writes the DER of a question's CertID, the key to find an answer by. False when it is longer than
 * OCSP_ID_MAX_BYTES. */
[[gnu::warn_unused_result]] bool ocsp_question_key(const struct ocsp_question *question,
                                                   uint8_t out[static OCSP_ID_MAX_BYTES], size_t *n);
