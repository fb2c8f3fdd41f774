/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/private_key.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

enum { PASSWORD_ITERATIONS = 600000 }; /* of PBKDF2-HMAC-SHA256: OWASP's password storage cheat sheet */

struct password {
    struct bytes text;
    bool asked;
};

static int give_password(char *out, int size, int writing, void *context)
{
    (void)writing;
    struct password *password = context;
    password->asked = true;
    if (size < 0 || password->text.n == 0 || password->text.n > (size_t)size) {
        return -1;
    }
    memcpy(out, password->text.p, password->text.n);
    return (int)password->text.n;
}

/* ---- the PRF of old keys ---- */

/* AlgorithmIdentifier {OID 1.2.840.113549.2.…, 00 00}; the last octet of the OID names the hash. */
static const uint8_t prf_begin[] = {0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02};
enum { PRF_BYTES = sizeof prf_begin + 3 };

/* Returns the length of EncryptedPrivateKeyInfo's first member with its head (RFC 5958 §3); 0 for anything
 * else. */
static size_t algorithm_end(const uint8_t *der, long n)
{
    const uint8_t *at = der;
    long length = 0;
    int tag = 0;
    int class = 0;
    if (ASN1_get_object(&at, &length, &tag, &class, n) != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE) {
        return 0;
    }
    if (ASN1_get_object(&at, &length, &tag, &class, length) != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE) {
        return 0;
    }
    return (size_t)(at - der) + (size_t)length;
}

/* Turns `00 00` into `05 00`. The length stays the same. */
static void mend_prf(uint8_t *der, long n)
{
    size_t end = algorithm_end(der, n);
    for (size_t i = 0; i + PRF_BYTES <= end; i++) {
        uint8_t *null = der + i + PRF_BYTES - 2;
        if (memcmp(der + i, prf_begin, sizeof prf_begin) == 0 && null[0] == 0x00 && null[1] == 0x00) {
            null[0] = V_ASN1_NULL;
            return;
        }
    }
}

/* Returns NULL also when the text holds no encrypted PKCS #8. */
static EVP_PKEY *read_encrypted(BIO *bio, struct password *password)
{
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long n = 0;
    EVP_PKEY *key = NULL;
    if (PEM_bytes_read_bio(&der, &n, &name, PEM_STRING_PKCS8, bio, openssl_no_password, NULL) == 1) {
        mend_prf(der, n);
        autofree_bio BIO *memory = BIO_new_mem_buf(der, (int)n);
        key = memory == NULL ? NULL : d2i_PKCS8PrivateKey_bio(memory, NULL, give_password, password);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    return key;
}

EVP_PKEY *private_key_read(struct bytes pem, struct bytes text, bool *encrypted)
{
    struct password password = {.text = text};
    EVP_PKEY *key = NULL;
    autofree_bio BIO *bio = pem.n > INT_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
    if (bio != NULL) {
        key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &password);
    }
    if (key == NULL && bio != NULL && BIO_reset(bio) == 1) {
        key = read_encrypted(bio, &password);
    }
    ERR_clear_error();
    *encrypted = password.asked;
    return key;
}

/* ---- writing ---- */

/* PEM_write_bio_PKCS8PrivateKey would encrypt with 2,048 iterations. */
static bool write_encrypted(BIO *bio, EVP_PKEY *key, struct bytes password)
{
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
    X509_ALGOR *scheme =
        PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PASSWORD_ITERATIONS, NULL, 0, NULL, NID_hmacWithSHA256);
    X509_SIG *sealed = plain == NULL || scheme == NULL
                           ? NULL
                           : PKCS8_set0_pbe((const char *)password.p, (int)password.n, plain, scheme);
    if (sealed == NULL) {
        X509_ALGOR_free(scheme);
    }
    bool written = sealed != NULL && PEM_write_bio_PKCS8(bio, sealed) == 1;
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return written;
}

struct bytes private_key_to_pem(struct arena *arena, EVP_PKEY *key, struct bytes password)
{
    autofree_bio BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    bool made = bio != NULL &&
                (password.n == 0 ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
                                 : write_encrypted(bio, key, password));
    ERR_clear_error();
    if (!made) {
        return (struct bytes){0};
    }
    long n = BIO_get_mem_data(bio, &text);
    return arena_copy_secret(arena, bytes_of(text, (size_t)n));
}
