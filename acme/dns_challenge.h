/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The challenges that a TXT record answers: dns-01 (RFC 8555 §8.4), dns-account-01
 * (draft-ietf-acme-dns-account-label) and dns-persist-01 (draft-ietf-acme-dns-persist-01). It gives the name
 * and the content of the record.
 */
#pragma once

#include "acme/objects.h"

struct dns_challenge {
    enum challenge_type type;
    const char *name; /* the identifier without "*." */
    bool wildcard;
    bool subdomains;                 /* the proof must hold for the names below too (RFC 9444) */
    const char *key_authorization;   /* dns-01, dns-account-01 */
    const char *const *account_urls; /* the account's URL under each name of this server; at least one */
    size_t account_url_count;
    const char *const *issuer_names; /* dns-persist-01: the domain names that stand for this server */
    size_t issuer_name_count;
    int64_t now;
};

/* Returns the number of names that may have the record. dns-account-01 has one for each account URL. */
size_t dns_challenge_name_count(const struct dns_challenge *challenge);

/* Returns the n-th name. */
char *dns_challenge_name(struct arena *arena, const struct dns_challenge *challenge, size_t n);

/* Returns the expected content of the record. NULL only when OpenSSL fails. */
char *dns_challenge_expected(struct arena *arena, const struct dns_challenge *challenge);

/* Returns NULL when a record, its strings joined, proves control. Else it returns why not; "" for a record
 * with an unrelated content. */
const char *dns_challenge_fault(struct arena *arena, const struct dns_challenge *challenge,
                                struct bytes record);
