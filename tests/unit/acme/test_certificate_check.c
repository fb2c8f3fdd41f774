/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate_scene.h"

LEAK_CHECKED_SUITE(certificate_check);

Test(certificate_check, that_answers_the_order_is_accepted)
{
    struct scene scene;
    scene_begin(&scene);
    struct pki_certificate leaf = scene_leaf(&scene);
    cr_expect_null(scene_fault_of(&scene, &leaf));
    leaf.common_name = NULL;
    cr_expect_null(scene_fault_of(&scene, &leaf));
    leaf.names = "IP:10.0.0.1,DNS:A.EXAMPLE";
    cr_expect_null(scene_fault_of(&scene, &leaf));
    leaf.not_after = now + DAY_S + CERTIFICATE_SLACK_S;
    cr_expect_null(scene_fault_of(&scene, &leaf));
    leaf.not_after = now + 1;
    cr_expect_null(scene_fault_of(&scene, &leaf));
    leaf.not_before = now + CERTIFICATE_SLACK_S;
    leaf.not_after = now + HOUR_S;
    cr_expect_null(scene_fault_of(&scene, &leaf), "the CA's clock may be a little ahead");
    scene_end(&scene);
}

Test(certificate_check, defect_11_that_does_not_answer_the_order_is_refused)
{
    struct scene scene;
    scene_begin(&scene);
    struct {
        EVP_PKEY *key;
        const char *common_name, *names;
        int64_t not_before, not_after;
        bool is_ca;
        const char *why;
    } cases[] = {
        {.key = scene.ca.stranger_key, .why = "public key is not that of the CSR"},
        {.names = "DNS:a.example", .why = "identifier 10.0.0.1 is not in the certificate"},
        {.names = "DNS:a.example,IP:10.0.0.1,DNS:b.example",
         .why = "holds b.example, which is not in the order"},
        {.names = "DNS:a.example,IP:10.0.0.2", .why = "10.0.0.1 is not in the certificate"},
        {.names = "DNS:*.example,IP:10.0.0.1", .why = "*.example, which is not in the order"},
        {.names = "IP:10.0.0.1", .why = "identifier a.example is not in the certificate"},
        {.names = "DNS:a.example,IP:10.0.0.1,email:x@a.example", .why = "an e-mail address"},
        {.names = "DNS:a.example,IP:10.0.0.1,URI:spiffe://a/b", .why = "a URI"},
        {.common_name = "b.example", .why = "common name b.example of the certificate is not in the order"},
        {.common_name = "Some Body", .why = "the common name \"Some Body\""},
        {.not_after = now + DAY_S + CERTIFICATE_SLACK_S + 1, .why = "later than 2027-01-16T08:01:00Z"},
        {.not_after = now, .why = "already ended, at 2027-01-15T08:00:00Z"},
        {.not_before = now + CERTIFICATE_SLACK_S + 1, .why = "compare the clocks"},
        {.is_ca = true, .why = "is a CA certificate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_certificate leaf = scene_leaf(&scene);
        leaf.key = cases[i].key != NULL ? cases[i].key : leaf.key;
        leaf.common_name = cases[i].common_name != NULL ? cases[i].common_name : leaf.common_name;
        leaf.names = cases[i].names != NULL ? cases[i].names : leaf.names;
        leaf.not_before = cases[i].not_before != 0 ? cases[i].not_before : leaf.not_before;
        leaf.not_after = cases[i].not_after != 0 ? cases[i].not_after : leaf.not_after;
        leaf.is_ca = cases[i].is_ca;
        scene_expect_fault(scene_fault_of(&scene, &leaf), cases[i].why);
    }
    struct pki_certificate nameless = scene_leaf(&scene);
    nameless.names = NULL;
    scene_expect_fault(scene_fault_of(&scene, &nameless), "is not in the certificate");
    scene_end(&scene);
}

Test(certificate_check, must_begin_when_the_order_said)
{
    struct scene scene;
    scene_begin(&scene);
    int64_t ordered = now + 10 * HOUR_S;
    scene.expectation.earliest_not_before = ordered - CERTIFICATE_SLACK_S;
    scene.expectation.latest_not_before = ordered;
    struct pki_certificate leaf = scene_leaf(&scene);
    leaf.not_before = ordered;
    cr_expect_null(scene_fault_of(&scene, &leaf));
    leaf.not_before = ordered - CERTIFICATE_SLACK_S;
    cr_expect_null(scene_fault_of(&scene, &leaf));
    leaf.not_before = ordered - CERTIFICATE_SLACK_S - 1;
    scene_expect_fault(scene_fault_of(&scene, &leaf), "before the requested notBefore");
    leaf.not_before = ordered + CERTIFICATE_SLACK_S + 1;
    scene_expect_fault(scene_fault_of(&scene, &leaf), "only begins at");
    scene_end(&scene);
}

Test(certificate_check, without_an_order_keeps_to_the_policy)
{
    static const char *const allow[] = {"*.example", "10.0.0.0/8"}, *const deny[] = {"secret.example"};
    static const struct {
        const char *common_name, *names, *why;
    } cases[] = {
        {"a.example", "DNS:a.example,IP:10.0.0.1", NULL},
        {"b.example", "DNS:a.example", NULL},
        {"a.example", "DNS:a.example,DNS:secret.example", "secret.example is refused: the profile denies"},
        {"secret.example", "DNS:a.example", "secret.example is refused"},
        {"a.example", "DNS:a.other", "a.other is not allowed"},
        {"a.example", "DNS:a.example,IP:192.0.2.1", "192.0.2.1 is not allowed"},
        {"a.example", "DNS:a.example,email:x@a.example", "holds an e-mail address"},
        {"Acme Server 1", "DNS:a.example", "the common name \"Acme Server 1\""},
        {NULL, NULL, "has no names"},
    };
    const struct name_policy policy = {.allow = allow, .allow_count = 2, .deny = deny, .deny_count = 1};
    struct scene scene;
    scene_begin(&scene);
    scene.expectation.csr = NULL;
    scene.expectation.key = scene.ca.leaf_key;
    scene.expectation.policy = &policy;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_certificate leaf = scene_leaf(&scene);
        leaf.common_name = cases[i].common_name;
        leaf.names = cases[i].names;
        if (cases[i].why == NULL)
            cr_expect_null(scene_fault_of(&scene, &leaf), "%s", cases[i].names);
        else
            scene_expect_fault(scene_fault_of(&scene, &leaf), cases[i].why);
    }
    struct pki_certificate leaf = scene_leaf(&scene);
    leaf.key = scene.ca.stranger_key;
    scene_expect_fault(scene_fault_of(&scene, &leaf), "is not the requested one");
    scene_end(&scene);
}
