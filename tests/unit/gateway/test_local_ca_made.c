/* SPDX-License-Identifier: Apache-2.0 */
/* The CA that acmegate makes: encrypted keys, name constraints, URLs, renewal. */
#include <stdio.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/pki/certificate.h"
#include "gateway/ca/local/local_ca_internal.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(local_ca_made);

enum { NOW = 1800000000, DAY_S = 24 * 3600, YEAR_S = 365 * DAY_S };

struct trial {
    struct arena *arena;
    struct local_ca_config config;
    struct local_ca *ca;
    struct fault fault;
};

static bool open_at(struct trial *trial, int64_t now)
{
    local_ca_free(trial->ca);
    trial->fault = (struct fault){0};
    trial->ca = local_ca_open(&trial->config, now, &trial->fault);
    return trial->ca != NULL;
}

static struct trial begin(struct local_ca_config config)
{
    struct trial trial = {.arena = arena_new(), .config = config};
    trial.config.directory = scratch_directory_new(trial.arena);
    cr_assert(open_at(&trial, NOW), "%s", trial.fault.message);
    return trial;
}

static void end(struct trial *trial)
{
    local_ca_free(trial->ca);
    scratch_directory_remove(trial->config.directory);
    arena_free(trial->arena);
}

static const char *path_of(struct trial *trial, const char *name)
{
    return arena_printf(trial->arena, "%s/%s", trial->config.directory, name);
}

static const char *text_of(struct trial *trial, const char *name)
{
    struct bytes text;
    cr_assert(file_read(trial->arena, path_of(trial, name), 65536, &text), "%s", name);
    return arena_string(trial->arena, text);
}

static enum local_ca_outcome sign_at(struct trial *trial, const char *names, int64_t now,
                                     struct local_ca_chain *chain, struct fault *fault)
{
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, names);
    struct validity_request validity = {0};
    *chain = (struct local_ca_chain){0};
    return local_ca_sign(trial->arena, trial->ca, csr, &validity, NULL, now, chain, fault);
}

static X509 *read_certificate(struct bytes der)
{
    const unsigned char *at = der.p;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.n);
    cr_assert_not_null(certificate);
    return certificate;
}

/* ---- keys at rest ---- */

static struct bytes secret(const char *text)
{
    return bytes_from_string(text);
}

Test(local_ca_made, keys_are_encrypted_where_a_password_is_configured)
{
    static const char *const names[] = {LOCAL_CA_ROOT_KEY, LOCAL_CA_INTERMEDIATE_KEY};
    struct trial trial = begin((struct local_ca_config){.key_password = secret("correct horse")});
    for (size_t i = 0; i < 2; i++) {
        cr_expect(strstr(text_of(&trial, names[i]), "BEGIN ENCRYPTED PRIVATE KEY") != NULL, "%s", names[i]);
    }
    cr_expect(open_at(&trial, NOW), "%s", trial.fault.message);
    end(&trial);
}

Test(local_ca_made, without_the_right_password_an_encrypted_key_is_an_error_that_says_so)
{
    static const struct {
        const char *password, *words;
    } cases[] = {
        {"", "is encrypted: set its password"},
        {"correct horsf", "cannot be opened with the password"},
        {"correct horse ", "cannot be opened with the password"},
    };
    struct trial trial = begin((struct local_ca_config){.key_password = secret("correct horse")});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trial.config.key_password = secret(cases[i].password);
        cr_expect_not(open_at(&trial, NOW));
        cr_expect(strstr(trial.fault.message, cases[i].words) != NULL, "%s", trial.fault.message);
        cr_expect(strstr(trial.fault.message, LOCAL_CA_INTERMEDIATE_KEY) != NULL, "%s", trial.fault.message);
        cr_expect(strstr(trial.fault.message, "correct") == NULL);
    }
    end(&trial);
}

Test(local_ca_made, a_key_that_is_not_encrypted_still_opens_beside_a_password)
{
    struct trial trial = begin((struct local_ca_config){0});
    trial.config.key_password = secret("later");
    cr_expect(open_at(&trial, NOW), "%s", trial.fault.message);
    end(&trial);
}

/* ---- names ---- */

static const char *const names_and_networks[] = {"internal", "b.example", "10.0.0.0/8", "2001:db8::/32"};
static const char *const only_names[] = {"internal"};
static const char *const only_networks[] = {"10.16.0.0/12"};

static const struct {
    const char *const *permitted;
    size_t count;
    const char *names;
    bool good;
} name_cases[] = {
    {names_and_networks, 4, "DNS:a.internal", true},
    {names_and_networks, 4, "DNS:internal", true},
    {names_and_networks, 4, "DNS:*.a.internal", true},
    {names_and_networks, 4, "DNS:A.INTERNAL", true},
    {names_and_networks, 4, "DNS:xinternal", false},
    {names_and_networks, 4, "DNS:c.b.example,IP:10.9.8.7,IP:2001:db8::1", true},
    {names_and_networks, 4, "DNS:example", false},
    {names_and_networks, 4, "DNS:a.internal,IP:11.0.0.1", false},
    {names_and_networks, 4, "IP:2001:db9::1", false},
    {only_names, 1, "DNS:a.internal", true},
    {only_names, 1, "IP:10.0.0.1", false},
    {only_names, 1, "IP:::1", false},
    {only_networks, 1, "IP:10.31.255.255", true},
    {only_networks, 1, "IP:10.32.0.0", false},
    {only_networks, 1, "IP:10.15.255.255", false},
    {only_networks, 1, "DNS:a.internal", false},
    {only_networks, 1, "IP:::ffff:10.16.0.1", false},
};

Test(local_ca_made, permitted_names_are_in_the_intermediate_and_hold)
{
    for (size_t i = 0; i < sizeof name_cases / sizeof name_cases[0]; i++) {
        struct trial trial = begin((struct local_ca_config){.permitted_names = name_cases[i].permitted,
                                                            .permitted_name_count = name_cases[i].count});
        struct local_ca_chain chain;
        struct fault fault = {0};
        enum local_ca_outcome outcome = sign_at(&trial, name_cases[i].names, NOW, &chain, &fault);
        autofree_x509 X509 *intermediate = read_certificate(local_ca_intermediates(trial.ca).certificates[0]);
        int at = X509_get_ext_by_NID(intermediate, NID_name_constraints, -1);
        cr_assert(at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(intermediate, at)));
        cr_expect_eq(outcome, name_cases[i].good ? LOCAL_CA_DONE : LOCAL_CA_NAME_REFUSED, "%s: %s",
                     name_cases[i].names, fault.message);
        cr_expect(name_cases[i].good || strstr(fault.message, "is outside the name constraints") != NULL,
                  "%s", fault.message);
        end(&trial);
    }
}

Test(local_ca_made, permitted_names_that_the_intermediate_does_not_have_are_an_error)
{
    struct trial trial = begin((struct local_ca_config){0});
    trial.config.permitted_names = only_names;
    trial.config.permitted_name_count = 1;
    cr_expect_not(open_at(&trial, NOW));
    cr_expect(strstr(trial.fault.message, "permitted_names") != NULL, "%s", trial.fault.message);

    /* The advice of the words. */
    struct bytes root = bytes_from_string(text_of(&trial, LOCAL_CA_ROOT));
    cr_assert_eq(unlink(path_of(&trial, LOCAL_CA_INTERMEDIATE)), 0);
    cr_assert_eq(unlink(path_of(&trial, LOCAL_CA_INTERMEDIATE_KEY)), 0);
    cr_assert(open_at(&trial, NOW), "%s", trial.fault.message);
    cr_expect(bytes_equal(local_ca_root_pem(trial.ca), root));
    struct local_ca_chain chain;
    struct fault fault = {0};
    cr_expect_eq(sign_at(&trial, "DNS:a.example", NOW, &chain, &fault), LOCAL_CA_NAME_REFUSED);
    cr_expect_eq(sign_at(&trial, "DNS:a.internal", NOW, &chain, &fault), LOCAL_CA_DONE, "%s", fault.message);
    end(&trial);
}

Test(local_ca_made, an_intermediate_without_its_root_key_is_never_made)
{
    struct trial trial = begin((struct local_ca_config){0});
    static const char *const names[] = {LOCAL_CA_INTERMEDIATE, LOCAL_CA_INTERMEDIATE_KEY, LOCAL_CA_ROOT_KEY};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(unlink(path_of(&trial, names[i])), 0);
    }
    cr_expect_not(open_at(&trial, NOW));
    cr_expect(access(path_of(&trial, LOCAL_CA_INTERMEDIATE), F_OK) != 0);
    end(&trial);
}

/* ---- where revocation and issuers are found ---- */

static void expect_url(X509 *leaf, int nid, const char *url)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int at = X509_get_ext_by_NID(leaf, nid, -1);
    char *text = NULL;
    cr_assert(at >= 0, "%s", url);
    cr_assert_eq(X509V3_EXT_print(bio, X509_get_ext(leaf, at), 0, 0), 1);
    BIO_write(bio, "", 1);
    cr_assert(BIO_get_mem_data(bio, &text) > 0);
    cr_expect(strstr(text, url) != NULL, "%s is not in: %s", url, text);
    BIO_free(bio);
}

Test(local_ca_made, urls_stand_in_leaves_when_they_are_configured_and_only_then)
{
    static const char crl[] = "http://acme.internal/.well-known/pki/crl/local";
    static const char ocsp[] = "http://acme.internal/ocsp?a=b;c";
    static const char issuers[] = "https://acme.internal:9443/ca.cer";
    for (unsigned i = 0; i < 8; i++) {
        struct trial trial = begin((struct local_ca_config){.crl_url = i & 1 ? crl : NULL,
                                                            .ocsp_url = i & 2 ? ocsp : NULL,
                                                            .ca_issuers_url = i & 4 ? issuers : NULL});
        struct local_ca_chain chain;
        struct fault fault = {0};
        cr_assert_eq(sign_at(&trial, "DNS:a.internal", NOW, &chain, &fault), LOCAL_CA_DONE, "%s",
                     fault.message);
        autofree_x509 X509 *leaf = read_certificate(chain.certificates[0]);
        cr_expect_eq(X509_get_ext_by_NID(leaf, NID_crl_distribution_points, -1) >= 0, (i & 1) != 0);
        cr_expect_eq(X509_get_ext_by_NID(leaf, NID_info_access, -1) >= 0, (i & 6) != 0);
        if (i & 1) {
            expect_url(leaf, NID_crl_distribution_points, arena_printf(trial.arena, "URI:%s", crl));
        }
        if (i & 2) {
            expect_url(leaf, NID_info_access, arena_printf(trial.arena, "OCSP - URI:%s", ocsp));
        }
        if (i & 4) {
            expect_url(leaf, NID_info_access, arena_printf(trial.arena, "CA Issuers - URI:%s", issuers));
        }
        end(&trial);
    }
}

/* ---- renewal ---- */

static bool verifies(struct trial *trial, struct bytes leaf, struct local_ca_chain chain)
{
    struct bytes *roots = NULL;
    size_t count = 0;
    cr_assert(certificates_from_pem(trial->arena, local_ca_root_pem(trial->ca), &roots, &count) &&
              count == 1);
    autofree_x509 X509 *root = read_certificate(roots[0]);
    autofree_x509_store X509_STORE *store = X509_STORE_new();
    cr_assert_eq(X509_STORE_add_cert(store, root), 1);
    const char *pem = certificate_to_pem(trial->arena, chain.certificates[0]);
    return certificate_chains_to(leaf, bytes_from_string(pem), store);
}

Test(local_ca_made, the_intermediate_is_renewed_when_a_third_of_its_life_is_left)
{
    struct trial trial = begin((struct local_ca_config){
        .permitted_names = only_names, .permitted_name_count = 1, .key_password = secret("correct horse")});
    const int64_t due = NOW + 5LL * YEAR_S / 3 * 2;
    struct bytes before = arena_copy(trial.arena, local_ca_intermediates(trial.ca).certificates[0]);
    struct local_ca_chain old_leaf, new_leaf;
    struct fault fault = {0};
    cr_assert_eq(sign_at(&trial, "DNS:a.internal", NOW, &old_leaf, &fault), LOCAL_CA_DONE, "%s",
                 fault.message);
    cr_assert(local_ca_tend(trial.ca, due - DAY_S, &trial.fault), "%s", trial.fault.message);
    cr_expect_eq(local_ca_end(trial.ca), NOW + 5LL * YEAR_S);

    cr_assert(local_ca_tend(trial.ca, due + DAY_S, &trial.fault), "%s", trial.fault.message);
    struct local_ca_chain after = local_ca_intermediates(trial.ca);
    cr_expect_eq(local_ca_end(trial.ca), due + DAY_S + 5LL * YEAR_S);
    cr_assert_eq(sign_at(&trial, "DNS:a.internal", due + DAY_S, &new_leaf, &fault), LOCAL_CA_DONE, "%s",
                 fault.message);
    cr_expect(bytes_equal(new_leaf.certificates[1], after.certificates[0]));
    /* Same key and name: either certificate vouches for earlier and later leaves. */
    struct local_ca_chain old_chain = {.certificates = &before, .count = 1};
    cr_expect(verifies(&trial, old_leaf.certificates[0], after));
    cr_expect(verifies(&trial, new_leaf.certificates[0], old_chain));
    cr_expect_eq(sign_at(&trial, "DNS:a.example", due + DAY_S, &new_leaf, &fault), LOCAL_CA_NAME_REFUSED);

    const char *kept =
        arena_printf(trial.arena, "intermediate_ca.%.16s.crt", certificate_fingerprint(trial.arena, before));
    cr_expect_str_eq(text_of(&trial, kept), certificate_to_pem(trial.arena, before));
    cr_expect(open_at(&trial, due + 2 * DAY_S), "%s", trial.fault.message);
    cr_expect_eq(local_ca_end(trial.ca), due + DAY_S + 5LL * YEAR_S);
    end(&trial);
}

Test(local_ca_made, it_is_renewed_at_a_start_even_when_it_is_over)
{
    struct trial trial = begin((struct local_ca_config){0});
    cr_expect(open_at(&trial, NOW + 5LL * YEAR_S + DAY_S), "%s", trial.fault.message);
    cr_expect_eq(local_ca_end(trial.ca), NOW + 10LL * YEAR_S);
    end(&trial);
}

Test(local_ca_made, nothing_is_renewed_beyond_the_root_or_without_its_key_or_when_only_looking)
{
    const int64_t late = NOW + 4LL * YEAR_S;
    struct trial trial = begin((struct local_ca_config){0});
    trial.config.only_looking = true;
    cr_assert(open_at(&trial, late), "%s", trial.fault.message);
    cr_expect_eq(local_ca_end(trial.ca), NOW + 5LL * YEAR_S);
    trial.config.only_looking = false;

    const char *elsewhere = path_of(&trial, "elsewhere.key");
    cr_assert_eq(rename(path_of(&trial, LOCAL_CA_ROOT_KEY), elsewhere), 0);
    cr_assert(open_at(&trial, late), "%s", trial.fault.message);
    cr_assert(local_ca_tend(trial.ca, late, &trial.fault), "%s", trial.fault.message);
    cr_expect_eq(local_ca_end(trial.ca), NOW + 5LL * YEAR_S);

    cr_assert_eq(rename(elsewhere, path_of(&trial, LOCAL_CA_ROOT_KEY)), 0);
    cr_assert(local_ca_tend(trial.ca, NOW + 5LL * YEAR_S - 1, &trial.fault), "%s", trial.fault.message);
    cr_expect_eq(local_ca_end(trial.ca), NOW + 10LL * YEAR_S - 1);
    end(&trial);
}

/* A renewal gains a day at least: near the end of the root it would come every hour. */
Test(local_ca_made, a_renewal_gains_a_day_at_least)
{
    for (int64_t gain_s = DAY_S - 1; gain_s <= DAY_S; gain_s++) {
        struct trial trial = begin((struct local_ca_config){0});
        const int64_t root_end = NOW + 10LL * YEAR_S;
        cr_assert(local_ca_tend(trial.ca, NOW + 5LL * YEAR_S - gain_s, &trial.fault), "%s",
                  trial.fault.message);
        cr_assert_eq(local_ca_end(trial.ca), root_end - gain_s);
        cr_assert(local_ca_tend(trial.ca, root_end - YEAR_S, &trial.fault), "%s", trial.fault.message);
        cr_expect_eq(local_ca_end(trial.ca), gain_s < DAY_S ? root_end - gain_s : root_end);
        end(&trial);
    }
}

Test(local_ca_made, a_root_key_that_does_not_fit_is_told_when_it_is_needed)
{
    struct trial trial = begin((struct local_ca_config){0});
    scratch_write(trial.config.directory, LOCAL_CA_ROOT_KEY, text_of(&trial, LOCAL_CA_INTERMEDIATE_KEY));
    cr_assert(open_at(&trial, NOW), "%s", trial.fault.message);
    cr_expect_not(local_ca_tend(trial.ca, NOW + 4LL * YEAR_S, &trial.fault));
    cr_expect(strstr(trial.fault.message, "root_ca.key is not the key of root_ca.crt") != NULL, "%s",
              trial.fault.message);
    struct local_ca_chain chain;
    struct fault fault = {0};
    cr_expect_eq(sign_at(&trial, "DNS:a.internal", NOW + 4LL * YEAR_S, &chain, &fault), LOCAL_CA_DONE, "%s",
                 fault.message);
    end(&trial);
}
