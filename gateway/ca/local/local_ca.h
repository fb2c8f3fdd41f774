/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate authority in a directory: roots, an issuing CA with its key, and a register of what was
 * revoked. It is made there at the first start (a root of 10 years, an intermediate of 5 that signs leaves
 * only), or the operator has put a CA of theirs there: a sub-CA of a root that is elsewhere.
 *
 *   root_ca.crt           the root, or several; self-signed
 *   root_ca.key           its key; may be kept elsewhere, but then nothing is renewed
 *   intermediate_ca.crt   the CA that signs leaves, then what leads from it to the root
 *   intermediate_ca.key   the key of the first certificate in it
 *   revoked               the register
 *
 * Signing takes less than a millisecond; revoking and tending wait for the disk. One thread at a time.
 */
#pragma once

#include <openssl/x509.h>

#include "acme/base/arena.h"
#include "acme/base/fault.h"
#include "acme/validity.h"

#define LOCAL_CA_ROOT             "root_ca.crt"
#define LOCAL_CA_ROOT_KEY         "root_ca.key"
#define LOCAL_CA_INTERMEDIATE     "intermediate_ca.crt"
#define LOCAL_CA_INTERMEDIATE_KEY "intermediate_ca.key"

enum {
    LOCAL_CA_DEFAULT_S = 24 * 3600,
    LOCAL_CA_BACKDATE_S = 60, /* for clocks that are behind */
};

struct local_ca_config {
    const char *directory;
    struct bytes key_password; /* of both keys; empty: they are made without a password */
    const char *const
        *permitted_names; /* domain names and networks; none: the CA that is made signs for all */
    size_t permitted_name_count;
    const char *crl_url; /* for leaves: CRL distribution point, OCSP and caIssuers access; NULL: none */
    const char *ocsp_url;
    const char *ca_issuers_url;
    bool only_looking; /* nothing is made or renewed */
};

enum local_ca_outcome {
    LOCAL_CA_DONE,
    LOCAL_CA_REFUSED,      /* the request cannot be granted */
    LOCAL_CA_NAME_REFUSED, /* so for a name, by the path's name constraints */
    LOCAL_CA_ALREADY_REVOKED,
    LOCAL_CA_FAILED, /* disk, randomness: another time it may work */
};

struct local_ca;

/* DER, in the order of an ACME reply. */
struct local_ca_chain {
    struct bytes *certificates;
    size_t count;
};

/*
 * Opens the CA. Where the directory holds none of its files the CA is made; where it holds the root and its
 * key only, an intermediate. Any other part of a CA is an error and never replaced.
 *
 * What is there must be able to issue: the issuing certificate is a CA's and may sign certificates, its key
 * fits, its path to the root is complete, valid at `now` and long enough for leaves, and it has the name
 * constraints that `permitted_names` asks for. NULL with `fault`.
 */
[[gnu::warn_unused_result]] struct local_ca *local_ca_open(const struct local_ca_config *config, int64_t now,
                                                           struct fault *fault);
void local_ca_free(struct local_ca *ca);

/* Returns the roots. Borrowed from the CA; the same for as long as it is open. */
struct bytes local_ca_root_pem(const struct local_ca *ca);

/* Returns the issuing certificate and the path from it to the root, without the root. Borrowed until
 * local_ca_tend. */
struct local_ca_chain local_ca_intermediates(const struct local_ca *ca);

/* Returns NULL when the name constraints of the path permit the name, else the fault, in the arena. */
const char *local_ca_name_fault(struct arena *arena, const struct local_ca *ca, const char *name);

/* The earliest end on the path, the root's included: no leaf lives longer. */
int64_t local_ca_end(const struct local_ca *ca);

/*
 * Renews the intermediate when due; call it from time to time. When a third of the intermediate's life is
 * left and the root's key is there, it gets a new certificate for the same key and name. Earlier leaves, CRLs
 * and OCSP replies then verify by either. The old file is kept beside the new one under its own name. False
 * with `fault` on failure; the CA then continues with the old one.
 */
[[gnu::warn_unused_result]] bool local_ca_tend(struct local_ca *ca, int64_t now, struct fault *fault);

/*
 * Signs for the key and names of a CSR that acme/pki/csr.h has checked: names in its spelling, 24 hours
 * unless `validity` asks otherwise, in the forms that step-ca takes. A name outside the name constraints of
 * the path is LOCAL_CA_NAME_REFUSED. `chain` (leaf first) belongs to the arena. `fault` is filled unless the
 * outcome is LOCAL_CA_DONE.
 */
[[gnu::warn_unused_result]] enum local_ca_outcome local_ca_sign(
    struct arena *arena, const struct local_ca *ca, X509_REQ *csr, const struct validity_request *validity,
    const char *extended_key_usages, int64_t now, struct local_ca_chain *chain, struct fault *fault);

/* Records a revocation; LOCAL_CA_DONE means that it is on the disk. A reason may correct the present one
 * (revocation_reason_may_become); the time of the revocation stays. `serial_hex` is canonical. `not_after` is
 * the certificate's: lists need not contain it later. 0: not known. */
[[gnu::warn_unused_result]] enum local_ca_outcome local_ca_revoke(struct arena *arena, struct local_ca *ca,
                                                                  const char *serial_hex, int reason,
                                                                  int64_t not_after, int64_t now,
                                                                  struct fault *fault);

/* The CA's signing key and its revocations, borrowed. */
struct local_ca_signer {
    X509 *certificate;
    EVP_PKEY *key;
    const struct revoked_register *revoked;
};
struct local_ca_signer local_ca_signer(const struct local_ca *ca);
