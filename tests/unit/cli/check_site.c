/* SPDX-License-Identifier: Apache-2.0 */
#include "check_site.h"

#include <openssl/pem.h>

#include "acme/pki.h"
#include "gateway/cli/cli.h"

EVP_PKEY *check_key;

void check_begin(const struct shell_configuration *more)
{
    shell_begin();
    shell_configure(more);
    check_key = pki_key(shell.arena, "P-256");
}

/* A certificate that signs itself. */
X509 *make_certificate_of(const char *common_name, const char *names, int64_t not_after)
{
    const struct pki_certificate wanted = {.key = check_key,
                                           .common_name = common_name,
                                           .names = names,
                                           .not_before = NOW - DAY_S,
                                           .not_after = not_after};
    return pki_certificate(shell.arena, &wanted);
}

X509 *make_root(int64_t not_after)
{
    const struct pki_certificate wanted = {.key = check_key,
                                           .common_name = "Root",
                                           .is_ca = true,
                                           .not_before = NOW - DAY_S,
                                           .not_after = not_after};
    return pki_certificate(shell.arena, &wanted);
}

const char *write_certificate(const char *name, X509 *certificate)
{
    return shell_write(name, arena_string(shell.arena, pki_pem(shell.arena, certificate)));
}

const char *key_pem(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    cr_assert_eq(PEM_write_bio_PrivateKey(bio, check_key, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(bio, &text);
    const char *kept = text_of("%.*s", (int)n, text);
    BIO_free(bio);
    return kept;
}

void expect_line(const char *what, const struct output *output, const char *line)
{
    cr_expect(has_line(output->text, line), "%s: '%s' is missing:\n%s%s", what, line, output->text,
              output->errors);
}

void expect_words(const char *what, const struct output *output, const char *words)
{
    cr_expect_not_null(strstr(output->text, words), "%s: '%s' is missing:\n%s%s", what, words, output->text,
                       output->errors);
}

/* Only with the local CA: nothing is asked outside. */
const char *local_only(const char *top, const char *inner)
{
    return shell_write(
        "local.json",
        text_of("{\"base_url\":\"https://acme.test\",\"listen\":[\"127.0.0.1:1\"],\"database\":\"%s\","
                "\"issuers\":{\"inner\":{\"type\":\"local\",\"directory\":\"%s\"%s}},"
                "\"profiles\":{\"inside\":{\"issuer\":\"inner\",\"max_ttl\":\"12h\"}},"
                "\"endpoints\":{\"acme\":{\"profiles\":[\"inside\"]}}%s}",
                shell.database.path, shell_path("ca"), inner, top));
}

const char own_of_inner[] = ",\"tls\":{\"issuer\":\"inner\"}";

/* `acmegate sign` makes the CA. */
void make_local_ca(void)
{
    struct bytes csr = pki_csr(shell.arena, &(struct pki_csr){.key = check_key, .names = "DNS:www.test"});
    struct output output = run("sign %s --profile inside", shell_write_bytes("x.csr", csr));
    cr_assert_eq(output.status, CLI_OK, "%s", output.errors);
}
