/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of clients, one request or a few at a time. Stories are made of them. */
#pragma once

#include "client.h"
#include "house.h"

enum { STEP_NAMES_MAX = 4 };

/* An order as the client learned it. */
struct step_order {
    int64_t id; /* 0: there is none */
    const char *names[STEP_NAMES_MAX];
    size_t name_count;
    int64_t authorizations[STEP_NAMES_MAX];
    EVP_PKEY *key;
    int64_t certificate_id;
};

/* Any client's account that exists at the endpoint, else at any; registers where there is none. */
struct client_account *step_account(struct arena *arena);
struct client_account *step_account_at(struct arena *arena, size_t client, size_t endpoint);
/* Registers unless it is; at "keyed" with a new external account key. */
bool step_register(struct arena *arena, struct client_account *account);
/* With this key, and these members behind the binding's own. */
bool step_register_with(struct arena *arena, struct client_account *account, const struct house_eab_key *key,
                        const char *extra);

/* newOrder for the names set in `order`; `extra` members such as ",\"profile\":\"x\"". */
struct fake_reply *step_new_order(struct arena *arena, struct client_account *account,
                                  struct step_order *order, const char *extra);
/* newAuthz; the authorization's id, 0 when refused. */
int64_t step_new_authorization(struct arena *arena, struct client_account *account, const char *name,
                               bool subdomains);
/* Reads it and learns its token; the types that it offers as bits. */
challenge_set step_read_authorization(struct arena *arena, struct client_account *account, int64_t id);
struct fake_reply *step_challenge(struct arena *arena, struct client_account *account, int64_t id,
                                  enum challenge_type type);
/* Proves it by one of the types that it offers. */
void step_prove(struct arena *arena, struct client_account *account, int64_t id);
/* The CSR is for the order's names, or for others. */
struct fake_reply *step_finalize(struct arena *arena, struct client_account *account,
                                 struct step_order *order);
/* Reads the order; its status' name, "" when it cannot be read. Learns the certificate. */
const char *step_read_order(struct arena *arena, struct client_account *account, struct step_order *order);
/* Downloads the certificate and keeps it. False when there is none. */
bool step_download(struct arena *arena, struct client_account *account, struct step_order *order);
/* All of it. */
bool step_issue(struct arena *arena, struct client_account *account, struct step_order *order,
                const char *extra);
/* Finalizes, reads, downloads. */
bool step_obtain(struct arena *arena, struct client_account *account, struct step_order *order);

/* revokeCert by the account, or by `key` where there is one. Notes beforehand whether it is right. */
struct fake_reply *step_revoke(struct arena *arena, struct client_account *account, struct bytes leaf,
                               EVP_PKEY *key);
/* Somebody's: of any account, of the CA's own, or the gateway's. False when there is none. */
bool step_any_certificate(struct arena *arena, struct bytes *leaf);
/* Gets a certificate for the name from the CA, through step-ca's API: without an account. */
bool step_external_certificate(struct arena *arena, const char *name, struct bytes *leaf);
/* DER of a CSR. */
struct bytes step_csr(struct arena *arena, EVP_PKEY *key, const char *const *names, size_t count);
/* A CSR as PEM within a JSON string. */
const char *step_csr_pem(struct arena *arena, struct bytes der);
/* The certificate with its ECDSA signature written as the other one that verifies: s → n − s. */
struct bytes step_encode_again(struct arena *arena, struct bytes leaf);

const struct json *step_json(const struct fake_reply *reply);
