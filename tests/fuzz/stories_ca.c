/* SPDX-License-Identifier: Apache-2.0 */
/* step-ca's own API, and what is told of revocations. */
#include <openssl/ocsp.h>
#include <stdlib.h>

#include "acme/pki/certificate.h"
#include "dice.h"
#include "odd.h"
#include "oracle.h"
#include "steps.h"
#include "stories.h"
#include "world.h"

/* ---- step-ca's own API ---- */

static void tell_stepca_api_sign(struct arena *arena)
{
    const char *name = world_name();
    const char *csr = step_csr_pem(arena, step_csr(arena, client_new_key(), &name, 1));
    const char *token = world_ca_token(arena, name, &name, dice_below(2));
    const char *body = arena_printf(arena, "{\"csr\":\"%s\",\"ott\":\"%s\"%s}", csr, token,
                                    dice_chance(70) ? "" : ",\"notAfter\":\"5m\",\"templateData\":null");
    if (dice_chance(30))
        body = odd_json_bend(arena, body);
    const struct client_plain plain = {.method = "POST",
                                       .target = dice_chance(50) ? "/1.0/sign" : "/sign",
                                       .body = bytes_from_string(body),
                                       .content_type = "application/json"};
    client_plain_call(arena, dice_below(CLIENTS), &plain);
}

static void tell_stepca_api_rest(struct arena *arena)
{
    static const char *const targets[] = {
        "/1.0/version",  "/roots",       "/1.0/provisioners?limit=1",
        "/provisioners", "/1.0/root/00", "/1.0/provisioners/k1/encrypted-key",
        "/1.0/health"};
    struct bytes leaf = {0};
    struct certificate_facts facts;
    if (dice_chance(40) && step_any_certificate(arena, &leaf) &&
        certificate_read_facts(arena, leaf, &facts)) {
        BIGNUM *number = NULL;
        BN_hex2bn(&number, facts.serial);
        char *decimal = BN_bn2dec(number);
        const char *body =
            arena_printf(arena, "{\"serial\":\"%s\",\"ott\":\"%s\",\"passive\":true,\"reasonCode\":1}",
                         decimal, world_ca_token(arena, decimal, NULL, 0));
        oracle_may_revoke(facts.serial); /* by a token of the CA's: that is the CA's to judge */
        if (dice_chance(20))
            body = odd_json_bend(arena, body);
        const struct client_plain plain = {.method = "POST",
                                           .target = dice_chance(80) ? "/1.0/revoke" : "/1.0/renew",
                                           .body = bytes_from_string(body),
                                           .content_type = "application/json",
                                           .authorization = dice_chance(50) ? NULL : odd_text()};
        client_plain_call(arena, dice_below(CLIENTS), &plain);
        OPENSSL_free(decimal);
        BN_free(number);
        return;
    }
    const struct client_plain plain = {.method = "GET", .target = DICE_TEXT(targets)};
    client_plain_call(arena, dice_below(CLIENTS), &plain);
}

/* A renewal token: the certificate in the header, signed with its key or with none. */
static void tell_stepca_api_renew(struct arena *arena)
{
    struct bytes leaf = {0};
    struct jwk jwk;
    struct jose_error error;
    char *token = NULL;
    if (!step_any_certificate(arena, &leaf) || !jwk_from_key(arena, client_new_key(), &jwk, &error))
        return;
    unsigned char *text = arena_alloc(arena, (leaf.n + 2) / 3 * 4 + 1);
    EVP_EncodeBlock(text, leaf.p, (int)leaf.n);
    const char *header =
        arena_printf(arena, "{\"alg\":\"ES256\",\"x5cInsecure\":[\"%s\"]}", (const char *)text);
    if (dice_chance(20))
        header = odd_json_bend(arena, header);
    if (!jws_sign_compact(arena, &jwk, bytes_from_string(header), BYTES_LITERAL("{\"sub\":\"x\"}"), &token))
        return;
    const struct client_plain plain = {.method = "POST",
                                       .target = dice_chance(80) ? "/1.0/renew" : "/rekey",
                                       .content_type = "application/json",
                                       .authorization = arena_printf(arena, "Bearer %s", token)};
    client_plain_call(arena, dice_below(CLIENTS), &plain);
}

/* ---- CRL and OCSP ---- */

static struct bytes ocsp_question(struct arena *arena, const struct known_certificate *certificate)
{
    const uint8_t *leaf_at = certificate->leaf.p, *issuer_at = certificate->issuer.p;
    autofree_x509 X509 *leaf = d2i_X509(NULL, &leaf_at, (long)certificate->leaf.n);
    autofree_x509 X509 *issuer = d2i_X509(NULL, &issuer_at, (long)certificate->issuer.n);
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    for (size_t i = dice_chance(90) ? 1 : dice_below(12); leaf != NULL && issuer != NULL && i != 0; i--)
        OCSP_request_add0_id(request,
                             OCSP_cert_to_id(dice_chance(80) ? EVP_sha1() : EVP_sha256(), leaf, issuer));
    if (dice_chance(30))
        OCSP_request_add1_nonce(request, NULL, (int)dice_below(40));
    unsigned char *der = NULL;
    int n = i2d_OCSP_REQUEST(request, &der);
    struct bytes copy = arena_copy(arena, bytes_of(der, n > 0 ? (size_t)n : 0));
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    return dice_chance(25) ? odd_octets(arena, copy) : copy;
}

static void tell_pki(struct arena *arena)
{
    static const char *const issuers[] = {"local", "local", "one", "two", "none"};
    const struct client_account *account = &clients.accounts[dice_below(CLIENTS)][dice_below(ENDPOINTS)];
    size_t n = account->certificate_count < CLIENT_KNOWS_MAX ? account->certificate_count : CLIENT_KNOWS_MAX;
    const char *issuer = DICE_TEXT(issuers);
    struct bytes question = BYTES_LITERAL("0\x03\x02\x01\x01");
    if (n != 0)
        question = ocsp_question(arena, &account->certificates[dice_below(n)]);
    unsigned char *text = arena_alloc(arena, (question.n + 2) / 3 * 4 + 1);
    EVP_EncodeBlock(text, question.p, (int)question.n);
    const struct client_plain plains[] = {
        {.method = "GET", .target = arena_printf(arena, "/.well-known/pki/crl/%s", issuer)},
        {.method = "GET",
         .target = arena_printf(arena, "/.well-known/pki/ocsp/%s/%s", issuer, (const char *)text)},
        {.method = "POST",
         .target = arena_printf(arena, "/.well-known/pki/ocsp/%s", issuer),
         .body = question,
         .content_type = dice_chance(90) ? "application/ocsp-request" : odd_text()},
    };
    struct client_plain plain = plains[dice_below(3)];
    plain.pki = dice_chance(60);
    client_plain_call(arena, account->client, &plain);
}

const struct story stories_ca[] = {
    {"stepca_api sign", 6, tell_stepca_api_sign},
    {"stepca_api renew", 4, tell_stepca_api_renew},
    {"stepca_api rest", 4, tell_stepca_api_rest},
    {"CRL and OCSP", 8, tell_pki},
};
const size_t stories_ca_count = sizeof stories_ca / sizeof stories_ca[0];
