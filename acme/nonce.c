/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/nonce.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    KEY_OCTETS = 16,
    IV_OCTETS = 12,
    COUNTER_OCTETS = 8,
    TAG_OCTETS = 16,
    SEALED_OCTETS = COUNTER_OCTETS + TAG_OCTETS,
    TEXT_CHARACTERS = SEALED_OCTETS / 3 * 4,
    WORD_BITS = 64,
    COUNT_BITS =
        58, /* of a counter; above them is the number of the gateway, the first character of the text */
};
_Static_assert(SEALED_OCTETS % 3 == 0, "the text needs no padding");
_Static_assert(TEXT_CHARACTERS + 1 == NONCE_TEXT_BYTES, "the header's size is this one");

struct nonce_source {
    EVP_CIPHER *cipher; /* fetched once: a look-up for each request would take locks that all threads share */
    uint8_t key[KEY_OCTETS];
    unsigned number;
    _Atomic uint64_t issued; /* the last count issued */
    uint64_t newest_spent;   /* the window ends here; the owner's lock protects this and the following */
    uint64_t spent[NONCE_WINDOW / WORD_BITS]; /* a ring of bits, counter modulo NONCE_WINDOW */
};

struct nonce_source *nonce_source_new(unsigned number)
{
    struct nonce_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return NULL;
    }
    source->number = number % NONCE_GATEWAYS;
    source->cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    if (source->cipher == NULL || RAND_bytes(source->key, sizeof source->key) != 1) {
        nonce_source_free(source);
        return NULL;
    }
    return source;
}

void nonce_source_free(struct nonce_source *source)
{
    if (source == NULL) {
        return;
    }
    EVP_CIPHER_free(source->cipher);
    OPENSSL_cleanse(source->key, sizeof source->key);
    free(source);
}

/* The counter is the whole IV. It is never used twice under one key. */
static void make_iv(uint8_t iv[static IV_OCTETS], const uint8_t counter[static COUNTER_OCTETS])
{
    memset(iv, 0, IV_OCTETS - COUNTER_OCTETS);
    memcpy(iv + IV_OCTETS - COUNTER_OCTETS, counter, COUNTER_OCTETS);
}

/* GCM over the counter as associated data. Nothing in a nonce is secret; it must only be impossible to
 * guess. */
static bool seal(const struct nonce_source *source, const uint8_t counter[static COUNTER_OCTETS],
                 uint8_t tag[static TAG_OCTETS])
{
    uint8_t iv[IV_OCTETS];
    uint8_t nothing[1];
    int length;
    make_iv(iv, counter);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool sealed = context != NULL &&
                  EVP_EncryptInit_ex2(context, source->cipher, source->key, iv, NULL) == 1 &&
                  EVP_EncryptUpdate(context, NULL, &length, counter, COUNTER_OCTETS) == 1 &&
                  EVP_EncryptFinal_ex(context, nothing, &length) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_OCTETS, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    return sealed;
}

static void encode_text(char out[static NONCE_TEXT_BYTES], const uint8_t sealed[static SEALED_OCTETS])
{
    EVP_EncodeBlock((unsigned char *)out, sealed, SEALED_OCTETS);
    for (size_t i = 0; i < TEXT_CHARACTERS; i++) {
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    }
}

static bool decode_text(uint8_t sealed[static SEALED_OCTETS], struct bytes text)
{
    unsigned char standard[TEXT_CHARACTERS];
    if (text.n != TEXT_CHARACTERS) {
        return false;
    }
    for (size_t i = 0; i < TEXT_CHARACTERS; i++) {
        unsigned char c = text.p[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '_') {
            return false;
        }
        standard[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    return EVP_DecodeBlock(sealed, standard, TEXT_CHARACTERS) == SEALED_OCTETS;
}

static void write_counter(uint8_t out[static COUNTER_OCTETS], uint64_t counter)
{
    for (size_t i = COUNTER_OCTETS; i > 0; i--) {
        out[i - 1] = (uint8_t)counter;
        counter >>= 8;
    }
}

static uint64_t read_counter(const uint8_t octets[static COUNTER_OCTETS])
{
    uint64_t counter = 0;
    for (size_t i = 0; i < COUNTER_OCTETS; i++) {
        counter = counter << 8 | octets[i];
    }
    return counter;
}

bool nonce_issue(struct nonce_source *source, char out[static NONCE_TEXT_BYTES])
{
    uint8_t sealed[SEALED_OCTETS];
    uint64_t count = atomic_fetch_add_explicit(&source->issued, 1, memory_order_relaxed) + 1;
    write_counter(sealed, (uint64_t)source->number << COUNT_BITS | count);
    if (!seal(source, sealed, sealed + COUNTER_OCTETS)) {
        ERR_clear_error();
        return false;
    }
    encode_text(out, sealed);
    return true;
}

static uint64_t bit_of(uint64_t counter)
{
    return UINT64_C(1) << (counter % WORD_BITS);
}

static uint64_t *word_of(struct nonce_source *source, uint64_t counter)
{
    return &source->spent[counter % NONCE_WINDOW / WORD_BITS];
}

/* The bits between the old end of the window and the new one belonged to counters that are now too old. */
static void slide_window(struct nonce_source *source, uint64_t newest)
{
    if (newest - source->newest_spent >= NONCE_WINDOW) {
        memset(source->spent, 0, sizeof source->spent);
    } else {
        for (uint64_t counter = source->newest_spent + 1; counter <= newest; counter++) {
            *word_of(source, counter) &= ~bit_of(counter);
        }
    }
    source->newest_spent = newest;
}

int nonce_home(struct bytes text)
{
    uint8_t sealed[SEALED_OCTETS];
    if (!decode_text(sealed, text))
        return -1;
    uint64_t number = read_counter(sealed) >> COUNT_BITS;
    return number < NONCE_GATEWAYS ? (int)number : -1;
}

bool nonce_spend(struct nonce_source *source, struct bytes text)
{
    uint8_t sealed[SEALED_OCTETS];
    uint8_t tag[TAG_OCTETS];
    if (!decode_text(sealed, text) || !seal(source, sealed, tag) ||
        CRYPTO_memcmp(tag, sealed + COUNTER_OCTETS, TAG_OCTETS) != 0) {
        ERR_clear_error();
        return false;
    }
    uint64_t counter = read_counter(sealed);
    if (counter >> COUNT_BITS != source->number)
        return false;
    counter &= (UINT64_C(1) << COUNT_BITS) - 1;
    if (counter > source->newest_spent) {
        slide_window(source, counter);
    } else if (source->newest_spent - counter >= NONCE_WINDOW ||
               (*word_of(source, counter) & bit_of(counter)) != 0) {
        return false;
    }
    *word_of(source, counter) |= bit_of(counter);
    return true;
}
