/* SPDX-License-Identifier: Apache-2.0 */
#include "exports.h"

#include "acme/jose/jwk.h"
#include "store/accounts.h"
#include "store/eab_keys.h"

struct fault exports_fault;
int64_t exports_refused_line;
char exports_refused_what[512];

void exports_begin(struct database *database)
{
    database_begin(database);
    database_connect(database);
    exports_fault.message[0] = '\0';
}

struct eab_key exports_make_key(struct database *database, const char *kid)
{
    struct eab_key key = {
        .endpoint = "acme", .kid = kid, .sealed_key = BYTES_LITERAL("sealed"), .created_at = NOW};
    cr_assert_eq(store_eab_key_insert(database->writer, database->arena, &key), STORE_OK);
    return key;
}

struct account exports_make_account(struct database *database, int64_t eab_key_id)
{
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    struct jwk jwk;
    struct jose_error error;
    cr_assert(jwk_from_key(database->arena, key, &jwk, &error));
    struct account account = {.endpoint = "acme",
                              .status = ACCOUNT_VALID,
                              .key = jwk.canonical,
                              .thumbprint = arena_duplicate(database->arena, jwk.thumbprint),
                              .contacts_json = "[]",
                              .created_at = NOW,
                              .eab_key_id = eab_key_id};
    cr_assert_eq(store_account_insert(database->writer, &account), STORE_OK);
    return account;
}

FILE *exports_write(struct database *database, int64_t now, struct account_export_summary *summary)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    cr_assert(account_export_to_stream(store_reader_of(database->writer), file, now, summary, &exports_fault),
              "%s", exports_fault.message);
    rewind(file);
    return file;
}

int64_t exports_count_lines(FILE *file)
{
    int64_t lines = 0;
    for (int c; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    rewind(file);
    return lines;
}

/* ---- an import's report ---- */

static void refuse(int64_t line, const char *what)
{
    exports_refused_line = line;
    snprintf(exports_refused_what, sizeof exports_refused_what, "%s", what);
}

bool exports_read_back(struct database *database, FILE *file, struct account_import_summary *summary)
{
    exports_refused_line = 0;
    exports_refused_what[0] = '\0';
    exports_fault.message[0] = '\0';
    struct store_command command = {database->writer};
    return account_import_from_stream(&command, file, NOW + LATER, refuse, summary, &exports_fault);
}
