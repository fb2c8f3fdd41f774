/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/x509_read.h"

#include <openssl/asn1t.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <time.h>

#include "acme/jose/private_key.h"

#if OPENSSL_VERSION_NUMBER < 0x30200000L

/* ---- a library context with few decoders (provider(7), provider-decoder(7)) ---- */

static const char *const key_types[] = {"EC", "RSA", "RSA-PSS", "ED25519", "ED448"};

enum { DECODERS_MAX = sizeof key_types / sizeof key_types[0] };

static OSSL_PROVIDER *whole; /* OpenSSL's default provider, which does the work */
static OSSL_ALGORITHM few_decoders[DECODERS_MAX + 1];
static OSSL_LIB_CTX *context; /* NULL: OpenSSL's own */

static bool is_wanted(const OSSL_ALGORITHM *decoder)
{
    if (strstr(decoder->property_definition, "structure=SubjectPublicKeyInfo") == NULL) {
        return false;
    }
    for (size_t i = 0; i < DECODERS_MAX; i++) {
        size_t n = strlen(key_types[i]);
        const char *name = decoder->algorithm_names; /* or a list of names, with colons between */
        if (strncmp(name, key_types[i], n) == 0 && (name[n] == '\0' || name[n] == ':')) {
            return true;
        }
    }
    return false;
}

static void choose_decoders(void)
{
    int no_cache = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, OSSL_OP_DECODER, &no_cache);
    size_t count = 0;
    for (; all != NULL && all->algorithm_names != NULL && count < DECODERS_MAX; all++) {
        if (is_wanted(all)) {
            few_decoders[count++] = *all;
        }
    }
}

static const OSSL_ALGORITHM *query_operation(void *unused, int operation, int *no_cache)
{
    (void)unused;
    if (operation != OSSL_OP_DECODER) {
        return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
    }
    *no_cache = 0;
    return few_decoders;
}

static const OSSL_DISPATCH dispatch[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation}, {0, NULL}};

static int begin_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                          void **provider_context)
{
    (void)handle;
    (void)in;
    *out = dispatch;
    *provider_context = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

/* Makes the context. After a failure OpenSSL's own context is used: slower, with the same results. */
static void make_context(void)
{
    whole = OSSL_PROVIDER_load(NULL, "default");
    OSSL_LIB_CTX *made = whole == NULL ? NULL : OSSL_LIB_CTX_new();
    if (made == NULL) {
        return;
    }
    choose_decoders();
    if (OSSL_PROVIDER_add_builtin(made, "acmegate", begin_provider) == 1 &&
        OSSL_PROVIDER_load(made, "acmegate") != NULL) {
        context = made;
    } else {
        OSSL_LIB_CTX_free(made);
    }
}

static OSSL_LIB_CTX *reading_context(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_context);
    return context;
}

#else

static OSSL_LIB_CTX *reading_context(void)
{
    return NULL;
}

#endif

/* ---- reading ---- */

static void *read_item(struct bytes der, const ASN1_ITEM *type)
{
    const unsigned char *end = der.p;
    ASN1_VALUE *item =
        der.n > LONG_MAX ? NULL : ASN1_item_d2i_ex(NULL, &end, (long)der.n, type, reading_context(), NULL);
    if (item != NULL && end != der.p + der.n) {
        ASN1_item_free(item, type);
        return NULL;
    }
    return item;
}

X509 *x509_read(struct bytes der)
{
    return read_item(der, ASN1_ITEM_rptr(X509));
}

X509_REQ *x509_request_read(struct bytes der)
{
    return read_item(der, ASN1_ITEM_rptr(X509_REQ));
}

/* Verifies in the key's own context: another one would copy the key first. */
bool x509_request_is_signed(X509_REQ *request)
{
    return X509_REQ_verify_ex(request, X509_REQ_get0_pubkey(request), reading_context(), NULL) == 1;
}

bool x509_key_fits(const X509 *certificate, const EVP_PKEY *key)
{
    bool fits = X509_check_private_key(certificate, key) == 1;
    ERR_clear_error();
    return fits;
}

EVP_PKEY *x509_key_read(struct bytes pem)
{
    bool encrypted;
    return private_key_read(pem, (struct bytes){0}, &encrypted);
}

bool x509_read_time(const ASN1_TIME *time, int64_t *out)
{
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *out = timegm(&parts);
    return true;
}
