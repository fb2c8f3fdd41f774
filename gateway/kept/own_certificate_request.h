/* What the gateway's own certificate is asked for with: its names, a key, a request. */
#pragma once

#include "acme/certificate.h"
#include "gateway/config/config.h"

/* True when the certificate has these names and no others. */
bool own_certificate_covers(const struct certificate_facts *facts, const struct identifier *names,
                            size_t count);

struct own_certificate_request {
    EVP_PKEY *key; /* new; the arena owns it and the request */
    X509_REQ *csr;
    struct bytes csr_der;
};

/* False when OpenSSL cannot. */
[[gnu::warn_unused_result]] bool own_certificate_request_make(struct arena *arena,
                                                              const struct identifier *names, size_t count,
                                                              struct own_certificate_request *out);

/* As PEM, cleansed with the arena; empty when OpenSSL cannot. */
struct bytes own_certificate_key_pem(struct arena *arena, EVP_PKEY *key);
