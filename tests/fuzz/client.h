/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACME clients: keys, accounts and what they learned, and the requests that they sign. A request may be bent
 * in many ways before it is signed or after.
 */
#pragma once

#include "acme/jose/jwk.h"
#include "fakes.h"

enum { CLIENTS = 5, ENDPOINTS = 3, CLIENT_KNOWS_MAX = 48 };

/* The endpoints of house.c's configuration, by number. */
enum { ENDPOINT_OPEN, ENDPOINT_KEYED, ENDPOINT_NET };
extern const char *const endpoint_names[ENDPOINTS];

/* A token that the gateway gave out, and to whom. */
struct known_challenge {
    int64_t authorization_id;
    const char *name;
    const char *token;
    bool wildcard;
};

struct known_certificate {
    int64_t id;
    struct bytes leaf;   /* DER */
    struct bytes issuer; /* DER */
    const char *serial;
    EVP_PKEY *key;
};

struct client_account {
    int64_t id; /* 0: none yet */
    size_t endpoint;
    size_t client;
    EVP_PKEY *key;
    struct jwk jwk;
    const char *eab_kid; /* NULL: none */
    bool eab_trusted;
    struct known_challenge challenges[CLIENT_KNOWS_MAX];
    size_t challenge_count; /* ever; the newest are kept */
    int64_t orders[CLIENT_KNOWS_MAX];
    size_t order_count;
    struct known_certificate certificates[CLIENT_KNOWS_MAX];
    size_t certificate_count;
    size_t requests; /* since the server started */
    size_t order_requests;
};

/* Of the epoch; `clients_begin` makes them anew. */
struct clients {
    struct arena *arena; /* the epoch's */
    struct client_account accounts[CLIENTS][ENDPOINTS];
    const char *addresses[CLIENTS];
};
extern struct clients clients;

void clients_begin(void);
void clients_end(void);
/* The account with this id, by any client; NULL when none has it. */
struct client_account *clients_find(int64_t account_id);
/* A key of a kind that accounts may have. Owned by the epoch. */
EVP_PKEY *client_new_key(void);
/* The account signs with this key from now on. */
void client_set_key(struct client_account *account, EVP_PKEY *key);

/* ---- requests ---- */

enum client_signer { SIGNER_KID, SIGNER_JWK };

struct client_call {
    struct client_account *account;
    const char *path;    /* below /acme/{endpoint}; with '/' twice at its beginning: below the host */
    const char *payload; /* NULL: POST-as-GET */
    enum client_signer signer;
    EVP_PKEY *key; /* in the place of the account's; NULL: that one */
    bool straight; /* nothing of it is bent */
};

/* Sends it and waits for the reply; checks the reply's form. In the arena. */
struct fake_reply *client_call(struct arena *arena, const struct client_call *call);
/* Sends it and does not wait: the arena lives until client_await has returned. */

struct fake_reply *client_begin(struct arena *arena, const struct client_call *call);
void client_await(struct fake_reply *reply);

/* Any request, without an envelope. */
struct client_plain {
    const char *method;
    const char *target;
    struct bytes body;
    const char *content_type;
    const char *authorization;
    bool pki; /* on the listener of pki_listen */
};
struct fake_reply *client_plain_call(struct arena *arena, size_t client, const struct client_plain *plain);

const char *fake_reply_header(const struct fake_reply *reply, const char *name);
/* The decimal number behind the last '/' of the Location header; 0 for none. */
int64_t fake_reply_location_id(const struct fake_reply *reply);
