/* SPDX-License-Identifier: Apache-2.0 */
/* What `acmegate check` looks at: certificates, files and a configuration with the local CA alone. */
#pragma once

#include "acme/jose/openssl_handles.h"
#include "shell.h"

extern EVP_PKEY *check_key; /* of all certificates */

void check_begin(const struct shell_configuration *more);

/* Certificates that sign themselves, from a day before NOW on. Either text may be NULL. */
X509 *make_certificate_of(const char *common_name, const char *names, int64_t not_after);
X509 *make_root(int64_t not_after);
const char *write_certificate(const char *name, X509 *certificate);
const char *key_pem(void);

/* A configuration file where only the local CA signs: nothing is asked outside. `top` and `inner` as in
 * struct shell_configuration. */
const char *local_only(const char *top, const char *inner);
extern const char own_of_inner[]; /* for `top`: the local CA signs the server's own certificate */
/* `acmegate sign` makes the CA. */
void make_local_ca(void);

/* The output has this line, or these words. */
void expect_line(const char *what, const struct output *output, const char *line);
void expect_words(const char *what, const struct output *output, const char *words);
