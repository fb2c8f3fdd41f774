/* SPDX-License-Identifier: Apache-2.0 */
/* Objects in a site's database. */
#include <stdio.h>

#include "acme/base/base64.h"
#include "site.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/eab_keys.h"
#include "store/orders.h"

enum { DAY_S = 86400, LEAF_DAYS = 30 };

struct bytes site_add_eab_key(struct eab_key *key)
{
    struct bytes mac_key =
        bytes_from_string(arena_printf(site.arena, "the key of %s, 32 octets long", key->kid));
    key->created_at = NOW;
    if (key->sealed_key.n == 0)
        cr_assert(secret_seal(site.parts.secrets, site.arena, mac_key,
                              eab_key_place(site.arena, key->endpoint, key->kid), &key->sealed_key));
    cr_assert_eq(store_eab_key_insert(site.database.writer, site.arena, key), STORE_OK);
    return mac_key;
}

struct authorization site_authorize(const struct site_client *client, const char *name,
                                    enum authorization_basis basis)
{
    bool wildcard = strncmp(name, "*.", 2) == 0, subdomains = *name == '.';
    struct authorization authorization = {
        .account_id = client->id,
        .identifier = dns(name + (wildcard ? 2 : 0) + (subdomains ? 1 : 0)),
        .wildcard = wildcard,
        .subdomains = subdomains,
        .status = basis == AUTHORIZATION_PROVEN ? AUTHORIZATION_PENDING : AUTHORIZATION_VALID,
        .basis = basis == AUTHORIZATION_PROVEN ? 0 : basis,
        .created_at = NOW,
        .expires_at = NOW + 2 * DAY_S,
        .validated_at = basis == AUTHORIZATION_PROVEN ? 0 : NOW,
        .token = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
        .offered = 1u << CHALLENGE_HTTP_01 | 1u << CHALLENGE_DNS_01,
    };
    struct store_writer *writer = site.database.writer;
    cr_assert_eq(store_authorization_insert(writer, &authorization), STORE_OK);
    if (basis != AUTHORIZATION_PROVEN)
        return authorization;
    authorization.chosen = wildcard || authorization.subdomains ? CHALLENGE_DNS_01 : CHALLENGE_HTTP_01;
    authorization.challenge_status = CHALLENGE_PROCESSING;
    cr_assert_eq(store_authorization_update(writer, &authorization, AUTHORIZATION_PENDING, 0), STORE_OK);
    authorization.status = AUTHORIZATION_VALID;
    authorization.basis = AUTHORIZATION_PROVEN;
    authorization.challenge_status = CHALLENGE_VALID;
    authorization.validated_at = NOW;
    cr_assert_eq(
        store_authorization_update(writer, &authorization, AUTHORIZATION_PENDING, CHALLENGE_PROCESSING),
        STORE_OK);
    return authorization;
}

static struct order insert_order(const struct site_client *client, struct authorization *authorization,
                                 const char *name)
{
    struct identifier *identifier = arena_alloc(site.arena, sizeof *identifier);
    int64_t *id = arena_alloc(site.arena, sizeof *id);
    *identifier = dns(name);
    *id = authorization->id;
    struct order order = {.account_id = client->id,
                          .endpoint = client->endpoint,
                          .profile = strcmp(client->endpoint, "keyed") == 0 ? "twin" : "default",
                          .status = ORDER_PENDING,
                          .status_since = NOW,
                          .created_at = NOW,
                          .expires_at = NOW + DAY_S,
                          .identifiers = identifier,
                          .authorization_ids = id,
                          .identifier_count = 1,
                          .client_address = client->address,
                          .user_agent = "unit/1"};
    cr_assert_eq(store_order_insert(site.database.writer, &order), STORE_OK);
    return order;
}

struct order site_ready_order(const struct site_client *client, const char *name)
{
    struct authorization authorization = site_authorize(client, name, AUTHORIZATION_PROVEN);
    struct order order = insert_order(client, &authorization, name);
    advance_order(&site.database, &order, ORDER_READY);
    return order;
}

const char *site_csr(const char *key_type, const char *names)
{
    const struct pki_csr csr = {.key = pki_key(site.arena, key_type), .names = names};
    return arena_printf(site.arena, "{\"csr\":\"%s\"}",
                        base64url_encode(site.arena, pki_csr(site.arena, &csr)));
}

void site_break_issuer(const char *id)
{
    const struct issuer_failure failure = {
        .contact = ISSUER_CONTACT_WORK, .trouble = ISSUER_NOT_REACHED, .message = "the CA is away"};
    struct issuer *issuer = issuers_find(site.parts.issuers, id);
    issuer_report_failure(issuer, failure, NULL);
    fake_clock_jump((ISSUER_FAILING_IS_DOWN_S + 1) * (int64_t)1000);
    issuer_report_failure(issuer, failure, NULL);
}

struct site_leaf site_leaf(const struct site_client *client, const char *names, const char *serial, bool kept)
{
    struct site_leaf leaf = {.key = pki_key(site.arena, "P-256")};
    const struct pki_certificate made = {.key = leaf.key,
                                         .signer_key = site.ca_key,
                                         .signer = site.ca,
                                         .names = names,
                                         .serial_hex = serial,
                                         .authority_key = site.ca_key,
                                         .not_before = NOW - DAY_S,
                                         .not_after = NOW + (int64_t)LEAF_DAYS * DAY_S};
    leaf.der = pki_der(site.arena, pki_certificate(site.arena, &made));
    if (!kept)
        return leaf;
    struct certificate_facts facts;
    const struct issuer *issuer = issuers_find(site.parts.issuers, "main");
    cr_assert(certificate_read_facts(site.arena, leaf.der, &facts));
    leaf.row = (struct certificate){
        .endpoint = client == NULL ? NULL : client->endpoint,
        .account_id = client == NULL ? 0 : client->id,
        .issuer = "main",
        .root_fingerprint = issuer->root_fingerprint,
        .serial = arena_duplicate(site.arena, facts.serial),
        .leaf = leaf.der,
        .chain_pem = site.ca_pem,
        .key_hash = arena_copy(site.arena, bytes_of(facts.key_hash, sizeof facts.key_hash)),
        .not_before = facts.not_before,
        .not_after = facts.not_after,
        .status = CERTIFICATE_GOOD,
        .origin = client == NULL ? CERTIFICATE_EXTERNAL : CERTIFICATE_FROM_ACME,
        .created_at = NOW};
    cr_assert_eq(
        store_certificate_insert(site.database.writer, &leaf.row, facts.identifiers, facts.identifier_count),
        STORE_OK);
    return leaf;
}
