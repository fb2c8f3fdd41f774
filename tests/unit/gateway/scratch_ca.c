/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch_ca.h"

struct local_ca *scratch_ca_open(const char *directory, struct fault *fault)
{
    return local_ca_open(&(struct local_ca_config){.directory = directory}, NOW, fault);
}

struct scratch_ca scratch_ca_make(void)
{
    struct scratch_ca made = {.arena = arena_new()};
    struct fault fault = {0};
    made.directory = scratch_directory_new(made.arena);
    made.ca = scratch_ca_open(made.directory, &fault);
    cr_assert(made.ca != NULL, "%s", fault.message);
    return made;
}

void scratch_ca_drop(struct scratch_ca *made)
{
    local_ca_free(made->ca);
    scratch_directory_remove(made->directory);
    arena_free(made->arena);
}

void scratch_ca_reopen(struct scratch_ca *made)
{
    struct fault fault = {0};
    local_ca_free(made->ca);
    made->ca = scratch_ca_open(made->directory, &fault);
    cr_assert(made->ca != NULL, "%s", fault.message);
}

X509 *scratch_certificate(struct bytes der)
{
    const unsigned char *p = der.p;
    X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
    cr_assert_not_null(certificate);
    return certificate;
}

X509 *scratch_ca_sign(struct scratch_ca *ca, X509_REQ *csr, struct local_ca_chain *chain)
{
    struct validity_request validity = {0};
    struct fault fault = {0};
    cr_assert_eq(local_ca_sign(ca->arena, ca->ca, csr, &validity, NULL, NOW, chain, &fault), LOCAL_CA_DONE,
                 "%s", fault.message);
    return scratch_certificate(chain->certificates[0]);
}

int64_t scratch_time(const ASN1_TIME *time)
{
    struct tm parts;
    cr_assert_eq(ASN1_TIME_to_tm(time, &parts), 1);
    return timegm(&parts);
}
