/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An issuer whose answers a test sets. It stands in an issuer of type local, which signs where a certificate
 * is wanted. Its health hears of each answer, as of every issuer's.
 */
#pragma once

#include "gateway/ca/issuer.h"

enum fake_ca_certificate {
    FAKE_CA_FITTING,
    FAKE_CA_OF_OTHER_NAMES, /* of "other.test", for the same key */
    FAKE_CA_OF_BEFORE,      /* what it gave out last, again */
    FAKE_CA_UNREADABLE,
    FAKE_CA_RESPONDER, /* for OCSPSigning */
};

struct fake_ca {
    struct issuer *issuer;
    const struct issuer_operations *own;
    struct issuer_operations operations;
    struct issuer_result answer; /* ISSUER_OK: of this kind */
    enum fake_ca_certificate gives;
    int64_t delay_ms; /* 0: in the next turn */
    /* Of its revocation list; ISSUER_LIST_READ without a list: what the issuer beneath says. */
    enum issuer_list_outcome list_outcome;
    struct bytes list;
    const char *list_message;
    /* Before the answer is made; NULL: nothing happens. */
    void (*meanwhile)(void *context);
    void *context;
    struct bytes *last_chain;
    size_t last_chain_count;
    struct arena *arena;
    /* what was asked */
    size_t signs, revokes, lists;
    int last_reason;
    char last_not_after[64], last_usages[64];
    int64_t last_deadline;
};

/* Takes the issuer over until it is freed. */
void fake_ca_take_over(struct fake_ca *ca, struct arena *arena, struct issuer *issuer);

/* A certificate that it signs without being asked by the server: DER, leaf first, in the arena. Turns the
 * queues. `names` as OpenSSL's configuration writes them. */
struct bytes *fake_ca_issue(struct fake_ca *ca, const char *names, size_t *count);
