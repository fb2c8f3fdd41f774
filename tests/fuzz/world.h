/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everybody else: who holds which names, the web and name servers that show it, and the CA behind the
 * gateway. What a server shows is noted, so that the oracles know who has proven what.
 */
#pragma once

#include "client.h"
#include "surroundings.h"

/* A fresh world: names are dealt out to the clients. */
void world_begin(void);

/* ---- names ---- */

/* One of the names that exist, wildcards among them; sometimes one that nobody could hold. */
const char *world_name(void);
/* Returns a name that this client holds. */
const char *world_name_of(size_t client);
/* Whether the client holds the host, or the zone that it lies in. */
bool world_holds_host(size_t client, const char *name);
bool world_holds_zone(size_t client, const char *name);
/* Deals the names out anew: what was shown for them stays shown. */
void world_deal(void);
/* How many of a hundred answers are odd. */
void world_set_oddness(unsigned percent);

/* ---- what was shown ---- */

enum proof_scope {
    PROOF_NAME,    /* this name alone */
    PROOF_SUBTREE, /* and its wildcard and the names below it */
};

/* Whether the world has ever shown that the account holds the name in this scope. */
bool world_has_proof(int64_t account_id, const char *name, enum proof_scope scope);
/* True when the last CAA answer for exactly this name forbids issuance. */
bool world_caa_forbids(const char *name);

/* ---- the CA: world_ca.c ---- */

enum { WORLD_CAS = 2 };

/* Makes the keys and certificates, and writes what a configuration names to the folder. Once. */
void world_ca_make(const char *folder);
void world_ca_free(void);
void world_ca_answer(struct arena *arena, const struct outbound_http_request *request,
                     struct outbound_http_reply *reply, int64_t *delay_ms);
/* A certificate that the CA signs for anybody, without the gateway. DER in the arena. */
struct bytes world_ca_sign_stepca_api(struct arena *arena, size_t ca, EVP_PKEY *key, const char *name);
/* A one-time token as step makes it: signed with the provisioner's key. */
char *world_ca_token(struct arena *arena, const char *subject, const char *const *sans, size_t san_count);
