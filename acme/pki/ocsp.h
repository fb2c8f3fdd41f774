/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answering the Online Certificate Status Protocol (RFC 6960, and RFC 5019 for what is cached): from the
 * octets of a request to the octets of a response, by a delegated responder. What is known of a serial number
 * is asked of the caller; what follows from it is decided here.
 */
#pragma once

#include <openssl/ocsp.h>

#include "acme/pki/crl.h"

enum {
    OCSP_MAX_QUESTIONS = 8,     /* each costs a look-up */
    OCSP_NONCE_MAX_OCTETS = 32, /* RFC 8954 §2.1 */
    OCSP_LISTED_S = 3600,       /* how long an answer that rests on a CRL holds, at most */
    OCSP_OWN_S = 900,           /* …and one that rests on our own records alone */
    OCSP_BACKDATE_S = 60,       /* of the latter, for clocks that are behind */
    OCSP_ID_MAX_BYTES = 160,    /* of a CertID with SHA-256 and the longest serial number: 104 */
};

/* ---- who answers ---- */

/* How requests name the CA: its name and key, by SHA-1 and SHA-256 (RFC 6960 §4.1.1). */
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
    struct ocsp_issuer issuer; /* of the certificate, and of all it speaks for (RFC 6960 §4.2.2.2) */
    int64_t not_before;
    int64_t not_after;
    bool nocheck; /* it says that it need not be checked itself (§4.2.2.2.1) */
    bool is_slow; /* RSA: signing takes so long that every response is made for many, without nonces */
};

/* What a responder must be. */
struct ocsp_expectation {
    struct bytes candidates_pem; /* where its issuer may be, beside `chain_pem` and the roots */
    X509_STORE *roots;
    struct bytes issuer; /* DER of the certificate that issues the leaves; empty: not known */
    int64_t now;
};

/*
 * Takes a responder's certificate (PEM, it first) and key. It must be in force, have the key, be for
 * OCSPSigning, be issued by the very CA that issues the leaves, and lead to a pinned root. False with `why`
 * in the arena, and nothing to free.
 */
[[gnu::warn_unused_result]] bool ocsp_responder_open(struct arena *arena, struct bytes chain_pem,
                                                     EVP_PKEY *key, const struct ocsp_expectation *expected,
                                                     struct ocsp_responder *out, const char **why);
/* True when its CA is that of this certificate (DER): the same name and key, though it may have been renewed.
 */
bool ocsp_responder_is_of(const struct ocsp_responder *responder, struct bytes issuer);
/* Also of one that was never opened, all zeros. */
void ocsp_responder_close(struct ocsp_responder *responder);

/* ---- what is asked ---- */

struct ocsp_question {
    const OCSP_CERTID *id;         /* borrowed from the request */
    char serial[SERIAL_HEX_BYTES]; /* canonical; "" when no certificate can have it */
};

struct ocsp_request {
    struct ocsp_question questions[OCSP_MAX_QUESTIONS];
    size_t count;
    struct bytes nonce; /* empty: none */
};

/*
 * OCSP_RESPONSE_STATUS_SUCCESSFUL, or what to answer with: malformedRequest for anything but one OCSPRequest,
 * for too many questions, for a nonce out of bounds and for critical extensions (there is none that is known
 * here). A signature of the request is not looked at: everybody may ask. The arena owns it.
 */
[[gnu::warn_unused_result]] int ocsp_request_read(struct arena *arena, struct bytes der,
                                                  struct ocsp_request *out);

/* The request that asks, by SHA-1, for one serial number (canonical hexadecimal) of the responder's CA. False
 * when OpenSSL fails. */
[[gnu::warn_unused_result]] bool ocsp_request_for_serial(struct arena *arena,
                                                         const struct ocsp_responder *responder,
                                                         const char *serial, struct ocsp_request *out);

enum ocsp_path { OCSP_PATH_SERIAL, OCSP_PATH_REQUEST };

/*
 * What stands behind the responder's URL in a GET: a serial number in hexadecimal (colons may stand in it),
 * or a request in base64 (RFC 6960 §A.1). They cannot be confused: a request is a SEQUENCE, so that its
 * base64 begins with "M", which is no hexadecimal digit. Escapes (%2F) are undone. What is neither is a
 * request of no octets. `serial` is canonical.
 */
enum ocsp_path ocsp_path_read(struct arena *arena, struct bytes path, char serial[static SERIAL_HEX_BYTES],
                              struct bytes *request);

/* ---- what is known, and what follows ---- */

struct ocsp_knowledge {
    const struct crl *crl; /* the CA's last, NULL when there is none; over, it tells of revocations only */
    bool crl_is_kept; /* the CA keeps a list: without it in force nobody can say that a certificate is good */
    bool is_ours;     /* the inventory has the certificate */
    int64_t revoked_at; /* confirmed by the CA; 0: not */
    int reason;
};

struct ocsp_answer {
    int status; /* V_OCSP_CERTSTATUS_… */
    int64_t revoked_at;
    int reason; /* CRL_NO_REASON: none */
    int64_t this_update;
    int64_t next_update;
};

/* False when nobody can say at present: tryLater. */
[[gnu::warn_unused_result]] bool ocsp_decide(const struct ocsp_knowledge *known, const char *serial,
                                             int64_t now, struct ocsp_answer *out);

/* ---- the response ---- */

struct ocsp_response {
    struct bytes der;
    int status;          /* OCSP_RESPONSE_STATUS_… */
    int64_t this_update; /* of a successful one: the latest… */
    int64_t next_update; /* …and the earliest of its answers */
    bool is_for_anyone;  /* no nonce in it: it may be cached */
};

/* Fills what is known of a serial number. False when that cannot be found out now. */
typedef bool ocsp_look_up(void *context, const char *serial, struct ocsp_knowledge *out);

/*
 * Answers. A question about another CA's certificate is `unknown` beside ones of ours (RFC 6960 §2.2); where
 * all are, the response is `unauthorized` (RFC 5019 §2.2.3): a signature of ours says nothing about other
 * CAs, and costs. `out` is always filled, at worst with tryLater or internalError.
 */
void ocsp_respond(struct arena *arena, const struct ocsp_responder *responder,
                  const struct ocsp_request *request, ocsp_look_up *look_up, void *context, int64_t now,
                  struct ocsp_response *out);

/* A response that is its status and nothing else. */
void ocsp_refuse(struct arena *arena, int status, struct ocsp_response *out);

/* The DER of a question's CertID, to find an answer by; false when it is longer than OCSP_ID_MAX_BYTES. */
[[gnu::warn_unused_result]] bool ocsp_question_key(const struct ocsp_question *question,
                                                   uint8_t out[static OCSP_ID_MAX_BYTES], size_t *n);
