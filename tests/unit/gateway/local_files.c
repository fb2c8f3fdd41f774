/* SPDX-License-Identifier: Apache-2.0 */
#include "local_files.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *scratch_directory_new(struct arena *arena)
{
    char *path = arena_duplicate(arena, "/tmp/acmegate-test-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

void scratch_directory_remove(const char *directory)
{
    cr_assert_eq(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void scratch_write(const char *directory, const char *name, const char *text)
{
    struct arena *arena = arena_new();
    FILE *file = fopen(arena_printf(arena, "%s/%s", directory, name), "w");
    cr_assert_not_null(file);
    cr_assert(fputs(text, file) >= 0);
    cr_assert_eq(fclose(file), 0);
    arena_free(arena);
}

X509_REQ *scratch_csr(const char *key_type, const char *common_name, const char *names)
{
    autofree_evp_pkey EVP_PKEY *key = strcmp(key_type, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(key_type);
    X509_REQ *csr = X509_REQ_new();
    cr_assert_eq(X509_REQ_set_pubkey(csr, key), 1);
    if (common_name != NULL) {
        cr_assert_eq(X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(csr), NID_commonName, MBSTRING_UTF8,
                                                (const unsigned char *)common_name, -1, -1, 0),
                     1);
    }
    if (names != NULL) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
        cr_assert(extension != NULL && sk_X509_EXTENSION_push(extensions, extension) == 1);
        cr_assert_eq(X509_REQ_add_extensions(csr, extensions), 1);
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    }
    cr_assert(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    return csr;
}
