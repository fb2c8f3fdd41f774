/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(certificate_remarks);

#define LABEL_59    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define STAPLE      {NID_tlsfeature, "status_request"}
#define BASE_URL    {NID_netscape_base_url, "https://a.example/"}
#define COMMENT     {NID_netscape_comment, "a comment"}
#define TYPE        {NID_netscape_cert_type, "server"}
#define USAGE       {NID_key_usage, "digitalSignature"}
#define OTHER_USES  {NID_ext_key_usage, "serverAuth"}
#define LACKS(what) "the CSR asks for " what ", the certificate lacks it"

static const struct {
    const char *what;
    const char *asked_names, *names; /* of the CSR and of the certificate */
    struct pki_extension asked[PKI_MORE_EXTENSIONS];
    const char *key_usage, *common_name; /* of the certificate */
    const char *remarks;                 /* NULL: none */
} cases[] = {
    {.what = "as it was asked for", .asked_names = "DNS:a.example", .names = "DNS:a.example"},
    {.what = "nothing is asked for", .names = "DNS:a.example"},
    {.what = "a name twice",
     .asked_names = "DNS:a.example,DNS:b.example,DNS:A.EXAMPLE",
     .names = "DNS:a.example,DNS:b.example",
     .remarks = "the CSR names a.example 2 times, the certificate 1"},
    {.what = "an address three times, and kept so",
     .asked_names = "IP:10.0.0.1,IP:10.0.0.1,IP:10.0.0.1",
     .names = "IP:10.0.0.1,IP:10.0.0.1,IP:10.0.0.1",
     .remarks = "the CSR names 10.0.0.1 3 times, the certificate 3"},
    {.what = "a name of another type twice",
     .asked_names = "DNS:a.example,email:a@a.example,email:a@a.example",
     .names = "DNS:a.example"},
    {.what = "four names of five are told",
     .asked_names = "DNS:a.test,DNS:a.test,DNS:b.test,DNS:b.test,DNS:c.test,DNS:c.test,DNS:d.test,DNS:d.test,"
                    "DNS:e.test,DNS:e.test",
     .names = "DNS:a.test",
     .remarks = "the CSR names a.test 2 times, the certificate 1; the CSR names b.test 2 times, the "
                "certificate 0; the CSR names c.test 2 times, the certificate 0; the CSR names d.test 2 "
                "times, the certificate 0"},
    {.what = "must-staple",
     .asked_names = "DNS:a.example",
     .names = "DNS:a.example",
     .asked = {STAPLE},
     .remarks = LACKS("must-staple (TLS feature)")},
    {.what = "basicConstraints mean the same where they are left out",
     .asked_names = "DNS:a.example",
     .names = "DNS:a.example",
     .asked = {{NID_basic_constraints, "CA:FALSE"}}},
    {.what = "usages that are left out",
     .asked = {USAGE, OTHER_USES},
     .remarks = LACKS("X509v3 Key Usage") "; " LACKS("X509v3 Extended Key Usage")},
    {.what = "usages, as they were asked for", .asked = {USAGE}, .key_usage = "digitalSignature"},
    {.what = "four extensions of five are told",
     .asked = {STAPLE, BASE_URL, COMMENT, TYPE, USAGE},
     .remarks = LACKS("must-staple (TLS feature)") "; " LACKS("Netscape Base Url") "; " LACKS(
         "Netscape Comment") "; " LACKS("Netscape Cert Type")},
    {.what = "the longest common name", .common_name = LABEL_59 ".test"},
    {.what = "a longer one",
     .common_name = LABEL_59 ".tests",
     .remarks = "the certificate's common name has 65 octets, RFC 5280 allows 64 characters: a template at "
                "the CA can leave it out"},
    {.what = "one of each",
     .asked_names = "DNS:a.example,DNS:a.example",
     .asked = {STAPLE},
     .common_name = LABEL_59 ".tests",
     .remarks = "the CSR names a.example 2 times, the certificate 0; " LACKS(
         "must-staple (TLS feature)") "; the certificate's common name has 65 octets, RFC 5280 allows 64 "
                                      "characters: a template at the CA can leave it out"},
};

Test(certificate_remarks, tell_how_a_certificate_departs_from_its_csr)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct pki_csr csr = {.key = pki_key(arena, "P-256"), .names = cases[i].asked_names};
        memcpy(csr.more, cases[i].asked, sizeof csr.more);
        const struct pki_certificate leaf = {.key = csr.key,
                                             .names = cases[i].names,
                                             .key_usage = cases[i].key_usage,
                                             .common_name = cases[i].common_name,
                                             .not_after = 4000};
        const char *remarks =
            certificate_remarks(arena, pki_request(arena, &csr), pki_certificate(arena, &leaf));
        if (cases[i].remarks == NULL)
            cr_expect_null(remarks, "%s: %s", cases[i].what, remarks);
        else
            cr_expect_str_eq(remarks == NULL ? "none" : remarks, cases[i].remarks, "%s", cases[i].what);
        arena_free(arena);
    }
}
