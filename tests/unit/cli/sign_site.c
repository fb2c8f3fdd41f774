/* SPDX-License-Identifier: Apache-2.0 */
#include "sign_site.h"

#include "acme/pki.h"

EVP_PKEY *sign_key;

void sign_begin(void)
{
    shell_begin();
    sign_key = pki_key(shell.arena, "P-256");
    fake_log_to_stderr(false);
}

struct bytes sign_csr(const char *names)
{
    return pki_csr(shell.arena, &(struct pki_csr){.key = sign_key, .names = names});
}

const char *sign_csr_file(const char *names)
{
    return shell_write("host.csr", shell_pem("CERTIFICATE REQUEST", sign_csr(names)));
}

const char *sign_stored(const char *columns)
{
    return database_text(&shell.database,
                         text_of("SELECT coalesce(group_concat(%s), '') FROM certificates", columns));
}
