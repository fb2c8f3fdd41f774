/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and what is made of them. */
#include <openssl/ec.h>
#include <stdlib.h>

#include "acme/base/base64.h"
#include "acme/base/file.h"
#include "acme/base/json.h"
#include "acme/pki/certificate.h"
#include "dice.h"
#include "odd.h"
#include "oracle.h"
#include "steps.h"
#include "world.h"

struct bytes step_csr(struct arena *arena, EVP_PKEY *key, const char *const *names, size_t count)
{
    const char *list = "";
    for (size_t i = 0; i < count; i++) {
        bool is_address =
            strchr(names[i], ':') != NULL || strspn(names[i], "0123456789.") == strlen(names[i]);
        list = arena_printf(arena, "%s%s%s:%s", list, i == 0 ? "" : ",", is_address ? "IP" : "DNS", names[i]);
    }
    autofree_x509_req X509_REQ *request = X509_REQ_new();
    X509_EXTENSION *extension =
        count == 0 ? NULL : X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, list);
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    if (extension != NULL)
        sk_X509_EXTENSION_push(extensions, extension);
    X509_REQ_set_pubkey(request, key);
    if (dice_chance(15))
        X509_NAME_add_entry_by_txt(
            X509_REQ_get_subject_name(request), dice_chance(70) ? "CN" : "O", MBSTRING_UTF8,
            (const unsigned char *)(dice_chance(50) && count != 0 ? names[0] : odd_text()), -1, -1, 0);
    X509_REQ_add_extensions(request, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_sign(request, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256());
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(request, &der);
    struct bytes copy = arena_copy(arena, bytes_of(der, n > 0 ? (size_t)n : 0));
    OPENSSL_free(der);
    return copy;
}

const char *step_csr_pem(struct arena *arena, struct bytes der)
{
    size_t n = (der.n + 2) / 3 * 4;
    unsigned char *text = arena_alloc(arena, n + 1);
    EVP_EncodeBlock(text, der.p, (int)der.n);
    const char *out = "-----BEGIN CERTIFICATE REQUEST-----\\n";
    for (size_t i = 0; i < n; i += 64)
        out = arena_printf(arena, "%s%.*s\\n", out, (int)(n - i < 64 ? n - i : 64), text + i);
    return arena_printf(arena, "%s-----END CERTIFICATE REQUEST-----\\n", out);
}

static bool own_certificate(struct arena *arena, struct bytes *leaf)
{
    struct bytes pem, *chain = NULL;
    size_t count = 0;
    const char *path = config_file_beside(arena, house_server()->config, "tls.crt");
    bool read = file_read(arena, path, 64 * 1024, &pem) &&
                certificates_from_pem(arena, pem, &chain, &count) && count != 0;
    if (read)
        *leaf = chain[0];
    return read;
}

bool step_any_certificate(struct arena *arena, struct bytes *leaf)
{
    if (dice_chance(12))
        return own_certificate(arena, leaf);
    if (dice_chance(15)) {
        *leaf = world_ca_sign_stepca_api(arena, dice_below(WORLD_CAS), client_new_key(), world_name());
        return true;
    }
    for (size_t tries = 0; tries < 8; tries++) {
        const struct client_account *owner = &clients.accounts[dice_below(CLIENTS)][dice_below(ENDPOINTS)];
        size_t n = owner->certificate_count < CLIENT_KNOWS_MAX ? owner->certificate_count : CLIENT_KNOWS_MAX;
        if (n == 0)
            continue;
        *leaf = owner->certificates[dice_below(n)].leaf;
        return true;
    }
    return false;
}

bool step_external_certificate(struct arena *arena, const char *name, struct bytes *leaf)
{
    const char *csr = step_csr_pem(arena, step_csr(arena, client_new_key(), &name, 1));
    const char *body =
        arena_printf(arena, "{\"csr\":\"%s\",\"ott\":\"%s\"}", csr, world_ca_token(arena, name, &name, 1));
    const struct client_plain plain = {.method = "POST",
                                       .target = "/1.0/sign",
                                       .body = bytes_from_string(body),
                                       .content_type = "application/json"};
    struct fake_reply *reply = client_plain_call(arena, 0, &plain);
    struct bytes pem, *chain = NULL;
    size_t count = 0;
    bool made = reply->status == 201 && json_member_string(step_json(reply), "crt", &pem) &&
                certificates_from_pem(arena, pem, &chain, &count) && count == 1;
    if (made)
        *leaf = chain[0];
    return made;
}

struct fake_reply *step_revoke(struct arena *arena, struct client_account *account, struct bytes leaf,
                               EVP_PKEY *key)
{
    struct certificate_facts facts;
    static const int reasons[] = {0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1};
    bool read = certificate_read_facts(arena, leaf, &facts);
    autofree_x509 X509 *certificate = NULL;
    const uint8_t *at = leaf.p;
    certificate = d2i_X509(NULL, &at, (long)leaf.n);
    bool by_its_key =
        key != NULL && certificate != NULL && EVP_PKEY_eq(X509_get0_pubkey(certificate), key) == 1;
    if (read && (by_its_key || (key == NULL && oracle_account_may_revoke(account->id, leaf))))
        oracle_may_revoke(facts.serial);
    const struct client_call call = {
        .account = account,
        .path = "/revoke-cert",
        .payload =
            arena_printf(arena, "{\"certificate\":\"%s\",\"reason\":%d}", base64url_encode(arena, leaf),
                         reasons[dice_chance(80) ? dice_below(4) : dice_below(12)]),
        .signer = key != NULL ? SIGNER_JWK : SIGNER_KID,
        .key = key};
    return client_call(arena, &call);
}

struct bytes step_encode_again(struct arena *arena, struct bytes leaf)
{
    const uint8_t *at = leaf.p;
    autofree_x509 X509 *certificate = d2i_X509(NULL, &at, (long)leaf.n);
    const ASN1_BIT_STRING *signature = NULL;
    if (certificate == NULL)
        return leaf;
    X509_get0_signature(&signature, NULL, certificate);
    const uint8_t *der = ASN1_STRING_get0_data(signature);
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, ASN1_STRING_length(signature));
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    struct bytes copy = leaf;
    if (pair != NULL) {
        BIGNUM *r = BN_dup(ECDSA_SIG_get0_r(pair)), *s = BN_new();
        uint8_t *again = NULL, *out = NULL;
        BN_sub(s, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(pair));
        ECDSA_SIG_set0(pair, r, s);
        int n = i2d_ECDSA_SIG(pair, &again);
        ASN1_STRING_set((ASN1_STRING *)(uintptr_t)signature, again, n);
        int length = i2d_X509(certificate, &out);
        copy = arena_copy(arena, bytes_of(out, length > 0 ? (size_t)length : 0));
        OPENSSL_free(again);
        OPENSSL_free(out);
    }
    ECDSA_SIG_free(pair);
    EC_GROUP_free(group);
    return copy;
}
