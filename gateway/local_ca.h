/*
 * A small certificate authority in a directory: a root (10 years), an intermediate (5 years, it signs leaves
 * only) and a register of what was revoked. Signing takes less than a millisecond; revoking waits for the
 * disk.
 */
#pragma once

#include <openssl/x509.h>

#include "acme/base/arena.h"
#include "acme/validity.h"

enum {
    LOCAL_CA_WHY_BYTES = 256,
    LOCAL_CA_CHAIN = 2, /* leaf and intermediate */
    LOCAL_CA_DEFAULT_S = 24 * 3600,
    LOCAL_CA_BACKDATE_S = 60, /* for clocks that are behind */
};

enum local_ca_outcome {
    LOCAL_CA_DONE,
    LOCAL_CA_REFUSED, /* what is asked for cannot be */
    LOCAL_CA_ALREADY_REVOKED,
    LOCAL_CA_FAILED, /* disk, randomness: another time it may work */
};

struct local_ca;

/*
 * Opens the CA; makes it first when the directory is not there or holds none of its files (root_ca.crt,
 * root_ca.key, intermediate_ca.crt, intermediate_ca.key). A part of a CA is an error, never replaced. Only
 * root_ca.key may be missing: it is not used after the start. NULL with `why`.
 */
[[gnu::warn_unused_result]] struct local_ca *local_ca_open(const char *directory, int64_t now,
                                                           char why[static LOCAL_CA_WHY_BYTES]);
void local_ca_free(struct local_ca *ca);

/* Borrowed from the CA. */
struct bytes local_ca_root_pem(const struct local_ca *ca);

/* The end of the intermediate: no leaf lives longer. */
int64_t local_ca_end(const struct local_ca *ca);

/*
 * Signs for the key and names of a CSR that acme/csr.h has checked: names in its spelling, 24 hours unless
 * `validity` asks otherwise, in the forms that step-ca takes. `chain` (DER, leaf first) and `why` belong to
 * the arena.
 */
[[gnu::warn_unused_result]] enum local_ca_outcome local_ca_sign(struct arena *arena,
                                                                const struct local_ca *ca, X509_REQ *csr,
                                                                const struct validity_request *validity,
                                                                const char *extended_key_usages, int64_t now,
                                                                struct bytes chain[static LOCAL_CA_CHAIN],
                                                                const char **why);

/* Recorded on the disk when it answers LOCAL_CA_DONE. `serial_hex` is canonical; `not_after` is the certificate's, after
 * which it need not stand in lists, 0 when it is not known. */
[[gnu::warn_unused_result]] enum local_ca_outcome local_ca_revoke(struct arena *arena, struct local_ca *ca,
                                                                  const char *serial_hex, int reason, int64_t not_after,
                                                                  int64_t now, const char **why);

/* Borrowed from the CA: what it signs with, and what it has revoked. */
struct local_ca_signer {
    X509 *certificate;
    EVP_PKEY *key;
    const struct revoked_register *revoked;
};
struct local_ca_signer local_ca_signer(const struct local_ca *ca);
