/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate that an issuer signs for the server itself: asked for with a new key, checked, taken into use
 * and kept in two files, so that a restart needs no new one. When to ask is its owner's matter: the own
 * certificate, the OCSP responder. Outbound thread.
 */
#pragma once

#include "gateway/ca/issuer.h"
#include "gateway/issuance/issuance_check.h"
#include "gateway/keys/certificate_request.h"

/* A chain and its key, from files or just made. */
struct kept_pair {
    struct bytes chain_pem;
    struct bytes key_pem;       /* without encryption */
    struct bytes *certificates; /* DER, leaf first, one at least */
    size_t count;
    struct certificate_facts facts; /* of the leaf */
};

/* The result of a request. */
struct kept_end {
    bool taken;          /* it is in use, and kept */
    bool rejected;       /* a certificate was signed that nobody uses: another costs the CA one more */
    bool taught;         /* it was rejected, and the next request will differ */
    const char *serial;  /* of the certificate; "" when there is none or it cannot be read */
    const char *problem; /* why it is rejected */
};

/* Borrowed for its life. */
struct kept_parts {
    const char *what; /* begins its lines in the log */
    const char *chain_path;
    const char *key_path;
    const struct identifier *names; /* of the CSR, one at least */
    size_t name_count;
    bool any_names; /* the certificate may have others */
    /* Returns the issuer that serves when the certificate comes: its roots count. */
    const struct issuer *(*serving)(void *context);
    /* Takes the certificate into use. False with `fault`: it is then rejected. */
    bool (*use)(void *context, struct arena *arena, const struct kept_pair *pair, struct fault *fault);
    /* Records the certificate as rejected, and has it revoked. `chain` is DER, leaf first. */
    void (*rejected)(void *context, const struct issuer *asked, const struct bytes *chain, size_t count,
                     const char *why);
    void (*ended)(void *context, const struct kept_end *end);
    void *context;
};

struct kept_certificate {
    struct kept_parts parts;
    struct arena *work;    /* of the request in progress; NULL: none */
    struct issuer *issuer; /* the issuer that was asked; held by `work` */
    struct certificate_request request;
    struct issuer_sign_request sign_request;
};

/* Reads both files. All of it belongs to the arena, which cleanses the key. False with `fault`. */
[[gnu::warn_unused_result]] bool kept_pair_read(struct arena *arena, const char *chain_path,
                                                const char *key_path, struct kept_pair *out,
                                                struct fault *fault);

/* Asks the issuer, who is held meanwhile. `ended` is called once, perhaps before this returns; nothing else
 * may be under way. */
void kept_certificate_ask(struct kept_certificate *kept, struct issuer *issuer);

/* Frees the request that was in progress. Call it after outbound_stop. */
void kept_certificate_end(struct kept_certificate *kept);
