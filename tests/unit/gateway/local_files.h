/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of a test's own, and requests to sign, for the tests of issuers. */
#pragma once

#include "acme/base/arena.h"
#include "acme/jose/openssl_handles.h"
#include "leaks.h"

/* A new, empty directory; removed with everything in it by scratch_directory_remove. */
const char *scratch_directory_new(struct arena *arena);
void scratch_directory_remove(const char *directory);

void scratch_write(const char *directory, const char *name, const char *text);

/* "P-256" or "RSA"; `names` as openssl.cnf writes them, `common_name` may be NULL. */
X509_REQ *scratch_csr(const char *key_type, const char *common_name, const char *names);
