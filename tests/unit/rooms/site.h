/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACME front end with everything that it is handed, in one thread: four endpoints, three issuers, a
 * database, and clients that sign. Its time is NOW (store/database.h).
 *
 *   acme    every challenge, authorizations that are used again, subdomains; zone.test needs no proof and
 *           never.test is refused. Profiles: default (issuer main), short (issuer local, 1h at most, P-256)
 *   keyed   external account keys are required; http-01 alone; profile twin (issuer twin)
 *   brief   as a plain endpoint, with authorizations that are used again for 100 s
 *   net     external account keys are optional; terms of service; clients of 10.9.0.0/16 need no proof
 *
 * `main` and `twin` are step-cas under one root that cannot be reached; `local` signs by itself.
 */
#pragma once

#include "acme/pki.h"
#include "gateway/frontend/exchange.h"
#include "place.h"
#include "store/database.h"

enum { SITE_NUMBER = 1 }; /* of this gateway, where the database has a channel (fakes.h) */

struct site {
    struct place place;
    struct arena *arena;      /* the place's */
    struct database database; /* its writer is the committer's */
    const struct config *config;
    struct frontend_parts parts;
    struct frontend *frontend;
    struct readers *readers;
    struct loads *loads;
    struct status *status;
    struct http_server *http, *pki;
    EVP_PKEY *root_key, *ca_key;
    X509 *root, *ca;                    /* of main and twin; `ca` signs what they sign */
    struct bytes ca_pem, alternate_pem; /* main's other chain: the same CA under another root */
    bool is_alone;                      /* no other gateway is known of */
    int64_t leaves_in_ms;               /* the client of the next request; 0: it stays */
    const char *revoked;                /* by frontend_parts: the last issuer's id */
    const char
        *meanwhile; /* SQL that runs once, between the loop's step of the next request and the committer's */
};
extern struct site site;

/* `more`: further members of the configuration, each after a comma; "" for none. */
void site_begin(const char *more);
void site_end(void);

/* ---- clients ---- */

struct site_client {
    const char *endpoint;
    struct jwk jwk;
    int64_t id; /* the account's; 0: none yet */
    const char *address;
};
/* Without an account: it signs with its key. */
struct site_client *site_client(const char *endpoint);
/* With one. */
struct site_client *site_account(const char *endpoint);

/* The inner JWS of a key change to the key of `fresh`; `old`: whose key it calls the old one, NULL for the
 * client's. */
const char *site_key_change(const struct site_client *client, const struct site_client *fresh,
                            const struct site_client *old);

struct site_post {
    const struct site_client *client;
    const char *path;    /* below the endpoint */
    const char *payload; /* NULL: POST-as-GET */
    /* what differs from what a good client sends; NULL: nothing */
    const struct jwk *signer;
    const char *method, *host, *content_type, *target, *url, *nonce, *header, *body, *user_agent;
    bool with_key; /* in the header, in the place of the account */
    bool too_long;
};
/* Sends it, and waits for the reply while the clock moves on. The reply is in the site's arena. */
struct fake_reply *site_send(const struct site_post *post);
struct fake_reply *site_post(const struct site_client *client, const char *path, const char *payload);
/* Sends it again and again, each time with the next load hindered, then with the next statement of the
 * database failing, until none is. Each of those replies is 503 serverInternal with a time to come back. The
 * last reply, which met no fault. */
struct fake_reply *site_post_past_faults(const struct site_client *client, const char *path,
                                         const char *payload);
/* Without an envelope, by the listener of that number. */
struct fake_reply *site_get(size_t listener, const char *method, const char *target);

/* ---- what is expected ---- */

struct site_expected {
    int status;
    const char *type;   /* of the problem; NULL: none */
    const char *words;  /* that the body has, '|' between them; NULL: none are looked for */
    const char *events; /* types of those written since the last look, a blank between them; NULL: none */
};
void site_expect(const char *what, const struct fake_reply *reply, const struct site_expected *expected);
#define SITE_EXPECT(what, reply, ...) site_expect(what, reply, &(struct site_expected){__VA_ARGS__})
/* So without the headers that every reply of ACME has. */
void site_expect_plain(const char *what, const struct fake_reply *reply,
                       const struct site_expected *expected);
bool site_has_words(const struct fake_reply *reply, const char *words);
bool site_has_header(const struct fake_reply *reply, const char *name, const char *value);

int64_t site_count(const char *sql);
void site_run(const char *sql);
/* One text; "" for NULL. */
const char *site_text(const char *sql);
/* Forgets the events so far. */
void site_skip_events(void);
/* The number at the end of the Location header. */
int64_t site_location_id(const struct fake_reply *reply);

/* ---- objects in the database ---- */

/* Sets `key`'s id and sealed_key; returns the MAC key. */
struct bytes site_add_eab_key(struct eab_key *key);

/* A valid authorization, proven by a challenge unless `basis` says otherwise. A dot before the name: it holds
 * for the names below as well. */
struct authorization site_authorize(const struct site_client *client, const char *name,
                                    enum authorization_basis basis);
/* An order for names that are proven; ready. */
struct order site_ready_order(const struct site_client *client, const char *name);

/* A finalize's payload: a request for `names` ("DNS:a.test") by a new key of this type. */
const char *site_csr(const char *key_type, const char *names);

/* The issuer of this id has been failing for so long that it is not usable. */
void site_break_issuer(const char *id);

struct site_leaf {
    EVP_PKEY *key;
    struct bytes der;
    struct certificate row; /* its id is 0 where it was not inserted */
};
/* A certificate of main's CA for `names` ("DNS:a.test"), as an order of the client got it; without a client
 * it is no account's, and without `kept` it is in no database. */
struct site_leaf site_leaf(const struct site_client *client, const char *names, const char *serial,
                           bool kept);
