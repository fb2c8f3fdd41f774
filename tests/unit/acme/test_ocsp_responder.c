/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_cast.h"

LEAK_CHECKED_SUITE(ocsp_responder);

Test(ocsp_responder, a_delegated_responder_of_the_ca_is_taken)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_responder responder = ocsp_opened(&cast);
    cr_expect(responder.nocheck);
    cr_expect_not(responder.is_slow);
    cr_expect_eq(responder.not_after, NOW + DAY_S);
    cr_expect(ocsp_responder_is_of(&responder, pki_der(cast.arena, cast.ca)));
    cr_expect_not(ocsp_responder_is_of(&responder, pki_der(cast.arena, cast.root)));
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

static void refuse(struct ocsp_cast *cast, EVP_PKEY *key, const char *words)
{
    struct ocsp_responder responder;
    struct fault fault = {0};
    cr_expect_not(ocsp_open_with(cast, key, &responder, &fault), "%s", words);
    cr_expect(strstr(fault.message, words) != NULL, "%s does not say %s", fault.message, words);
    cr_expect_null(responder.certificate);
}

Test(ocsp_responder, any_other_certificate_is_refused)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct pki_certificate good = cast.certificate;
    refuse(&cast, cast.ca_key, "private key");
    cast.certificate.extended_key_usage = "serverAuth";
    refuse(&cast, cast.key, "OCSPSigning");
    cast.certificate.extended_key_usage = NULL;
    refuse(&cast, cast.key, "OCSPSigning");
    cast.certificate = good;
    cast.certificate.key_usage = "critical,keyEncipherment";
    refuse(&cast, cast.key, "keyUsage");
    cast.certificate = good;
    cast.certificate.not_after = NOW;
    refuse(&cast, cast.key, "not in force");
    cast.certificate = good;
    cast.certificate.signer_key = cast.root_key; /* signed by another than the CA whose name it has */
    refuse(&cast, cast.key, "unknown");
    cast.certificate = good;
    cast.certificate.signer = cast.root;
    cast.certificate.signer_key = cast.root_key;
    refuse(&cast, cast.key, "the CA that issued it is not");
    arena_free(cast.arena);
}

Test(ocsp_responder, a_responder_of_another_root_is_refused)
{
    struct ocsp_cast cast = ocsp_assemble();
    EVP_PKEY *key = pki_key(cast.arena, "P-256");
    X509 *foreign = ocsp_authority(cast.arena, key, NULL, NULL, "intermediate");
    cast.certificate.signer = foreign;
    cast.certificate.signer_key = key;
    cast.expected.candidates_pem = pki_pem(cast.arena, foreign);
    cast.expected.issuer = (struct bytes){0};
    refuse(&cast, cast.key, "pinned root");
    arena_free(cast.arena);
}

Test(ocsp_responder, a_renewed_ca_certificate_is_the_same_ca)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_responder responder;
    struct fault fault = {0};
    cast.expected.issuer = pki_der(
        cast.arena, ocsp_authority(cast.arena, cast.ca_key, cast.root, cast.root_key, "intermediate"));
    cr_assert(ocsp_open_with(&cast, cast.key, &responder, &fault), "%s", fault.message);
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}
