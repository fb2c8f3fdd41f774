/* SPDX-License-Identifier: Apache-2.0 */
/* A site that passes step-ca's API on, to a CA that answers as a test says. */
#pragma once

#include "gateway/ca/issuer_api.h"
#include "site.h"

struct stepca_answer {
    enum issuer_api_outcome outcome;
    int status;
    const char *reply;
};
#define ANSWERED(status, reply) {ISSUER_API_ANSWERED, status, reply}

/* The answers of issuer main's CA. */
extern struct stepca_answer stepca_says;
/* The last request, "GET /1.0/…"; NULL: none. */
extern const char *stepca_asked, *stepca_asked_body;
/* How long a request waits for its turn; 0 at the beginning. */
extern int64_t stepca_waited_s;

/* The API is passed on for the profile "default"; the key that its issuer signs with has the id "own-kid". */
void stepca_api_begin(void);

/* The answer comes with the turns of the queues. */
struct fake_reply *stepca_send(const char *method, const char *target, const char *body,
                               const char *authorization);
/* It must come at once. */
struct fake_reply *stepca_ask(const char *method, const char *target, const char *body,
                              const char *authorization);
/* Refusals must have step-ca's form; `events` as site_expect has them. */
void stepca_expect(const char *what, const struct fake_reply *reply, int status, const char *words,
                   const char *events);

/* base64url. */
const char *stepca_text(const char *text);
/* A one-time token of the provisioner "people" for this name. */
const char *stepca_token(const char *name);

/* A PEM CSR for `names` ("DNS:a.test"), as JSON has it. */
const char *stepca_csr(EVP_PKEY *key, const char *names);
/* A certificate of main's CA. */
struct bytes stepca_leaf(EVP_PKEY *key, const char *names, const char *serial, int64_t begin, int64_t end);
/* The CA's answer to a signature, with this certificate; or with one for a day. */
const char *stepca_chain_of(struct bytes der);
const char *stepca_chain(EVP_PKEY *key, const char *names, const char *serial);
/* `Authorization` of a renewal of this certificate. */
const char *stepca_renewal_token(struct bytes der);
