/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/housekeeping/account_export.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/account_export.h"
#include "acme/base/file.h"
#include "gateway/housekeeping/account_export_line.h"
#include "store/account_import.h"
#include "store/accounts.h"
#include "store/eab_keys.h"

enum { PER_PAGE = 100 };

struct writer {
    struct store_reader *reader;
    FILE *stream;
    EVP_MD_CTX *digest;
    struct account_export_summary *summary;
    struct fault *fault;
};

static bool write_line(struct writer *writer, struct arena *arena, const struct account_export_line *line)
{
    struct bytes text = account_export_render(arena, line);
    bool counts = line->type == EXPORT_EAB_KEY || line->type == EXPORT_ACCOUNT;
    if (text.p == NULL)
        return fault_set(writer->fault, "an account or a key is too long for a line: it was not written");
    if (counts && EVP_DigestUpdate(writer->digest, text.p, text.n) != 1)
        return fault_set(writer->fault, "OpenSSL: no SHA-256");
    if (fwrite(text.p, 1, text.n, writer->stream) != text.n)
        return fault_set(writer->fault, "the export cannot be written: %s", strerror(errno));
    return true;
}

static bool write_eab_keys_after(struct writer *writer, struct arena *arena, int64_t *after, size_t *count)
{
    struct eab_key keys[PER_PAGE];
    if (store_eab_keys_after(writer->reader, arena, *after, keys, PER_PAGE, count) != STORE_OK)
        return fault_set(writer->fault, "the external account keys: the database cannot be read");
    for (size_t i = 0; i < *count; i++) {
        const struct account_export_line line = {.type = EXPORT_EAB_KEY, .eab_key = keys[i]};
        if (!write_line(writer, arena, &line))
            return false;
        *after = keys[i].id;
        writer->summary->eab_keys++;
    }
    return true;
}

static bool write_account(struct writer *writer, struct arena *arena, const struct account *account)
{
    struct eab_key key = {0};
    if (account->eab_key_id != 0 &&
        store_eab_key_load(writer->reader, arena, account->eab_key_id, &key) != STORE_OK)
        return fault_set(writer->fault, "an account's external account key: the database cannot be read");
    const struct account_export_line line = {.type = EXPORT_ACCOUNT, .account = *account, .eab_kid = key.kid};
    return write_line(writer, arena, &line);
}

static bool write_accounts_after(struct writer *writer, struct arena *arena, int64_t *after, size_t *count)
{
    struct account accounts[PER_PAGE];
    if (store_accounts_after(writer->reader, arena, *after, accounts, PER_PAGE, count) != STORE_OK)
        return fault_set(writer->fault, "the accounts: the database cannot be read");
    for (size_t i = 0; i < *count; i++) {
        if (!write_account(writer, arena, &accounts[i]))
            return false;
        *after = accounts[i].id;
        writer->summary->accounts++;
    }
    return true;
}

static bool write_pages(struct writer *writer, bool (*write_page)(struct writer *writer, struct arena *arena,
                                                                  int64_t *after, size_t *count))
{
    int64_t after = 0;
    size_t count = PER_PAGE;
    bool good = true;
    while (good && count == PER_PAGE) {
        struct arena *arena = arena_new();
        good = write_page(writer, arena, &after, &count);
        arena_free(arena);
    }
    return good;
}

static bool write_one(struct writer *writer, struct account_export_line line)
{
    struct arena *arena = arena_new();
    bool good = write_line(writer, arena, &line);
    arena_free(arena);
    return good;
}

static bool write_all(struct writer *writer, int64_t now)
{
    struct account_export_summary *summary = writer->summary;
    return write_one(writer, (struct account_export_line){.type = EXPORT_HEAD, .exported_at = now}) &&
           write_pages(writer, write_eab_keys_after) && write_pages(writer, write_accounts_after) &&
           write_one(writer, (struct account_export_line){.type = EXPORT_END,
                                                          .accounts = summary->accounts,
                                                          .eab_keys = summary->eab_keys});
}

bool account_export_to_stream(struct store_reader *reader, FILE *stream, int64_t now,
                              struct account_export_summary *out, struct fault *fault)
{
    struct writer writer = {
        .reader = reader, .stream = stream, .digest = EVP_MD_CTX_new(), .summary = out, .fault = fault};
    *out = (struct account_export_summary){0};
    bool good = writer.digest != NULL && EVP_DigestInit_ex(writer.digest, EVP_sha256(), NULL) == 1;
    if (!good)
        fault_set(fault, "OpenSSL: no SHA-256");
    else if (!store_read_begin(reader))
        good = fault_set(fault, "the accounts: the database cannot be read");
    else {
        good = write_all(&writer, now);
        store_read_end(reader);
    }
    if (good && EVP_DigestFinal_ex(writer.digest, out->digest, NULL) != 1)
        good = fault_set(fault, "OpenSSL: no SHA-256");
    EVP_MD_CTX_free(writer.digest);
    return good;
}

/* ---- over an existing file ---- */

/* Most lines need no full check: their accounts are in the database unchanged. */
static bool is_here(struct store_reader *reader, struct arena *arena, const char *text)
{
    struct account exported, present;
    return account_export_peek(arena, bytes_from_string(text), &exported) &&
           store_account_load(reader, arena, exported.id, &present) == STORE_OK &&
           !store_account_lags(&present, &exported);
}

/* True when the line has something that the database lacks and an import would add, conflicts aside. An
 * account whose client has registered again is not needed any more. */
static bool is_missing(struct store_reader *reader, struct arena *arena, const char *text, int64_t now)
{
    struct account_export_line line;
    struct import_result result = {0};
    if (is_here(reader, arena, text) || !account_export_parse(arena, bytes_from_string(text), &line, NULL))
        return false;
    enum store_result read = STORE_OK;
    if (line.type == EXPORT_ACCOUNT)
        read = store_account_import_foresee(reader, arena, &line.account, line.eab_kid, now, &result);
    else if (line.type == EXPORT_EAB_KEY)
        read = store_eab_key_import_foresee(reader, arena, &line.eab_key, now, &result);
    return read != STORE_OK || result.lacking;
}

/* A file that cannot be read as an export has nothing that could be imported from it. */
static int64_t count_missing(struct store_reader *reader, FILE *old, int64_t now)
{
    int64_t missing = 0;
    char *text = malloc(ACCOUNT_EXPORT_LINE_BYTES);
    if (text == NULL)
        end_without("memory");
    while (account_export_read_line(old, text)) {
        struct arena *arena = arena_new();
        missing += is_missing(reader, arena, text, now);
        arena_free(arena);
    }
    free(text);
    return missing;
}

/* NULL with errno. It never waits, for instance for the other end of a pipe. */
static FILE *open_regular(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return NULL;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode))
        return fdopen(file, "r");
    close(file);
    errno = EINVAL;
    return NULL;
}

static bool may_replace(struct store_reader *reader, const char *path, int64_t now, struct fault *fault)
{
    FILE *old = open_regular(path);
    if (old == NULL && errno == ENOENT)
        return true;
    if (old == NULL)
        return fault_set(fault, "%s: %s", path,
                         errno == EINVAL ? "it is not a regular file" : strerror(errno));
    int64_t missing = count_missing(reader, old, now);
    fclose(old);
    if (missing > 0)
        fault_set(
            fault,
            "%s has %lld accounts or external account keys that this database lacks, or has an older state "
            "of, and is kept unchanged: import them with 'acmegate account import', or move the file away",
            path, (long long)missing);
    return missing == 0;
}

bool account_export_to_file(struct store_reader *reader, const char *path, int64_t now,
                            const struct account_export_summary *last, struct account_export_summary *out,
                            struct fault *fault)
{
    struct file_replacement replacement;
    struct arena *arena = arena_new();
    bool good = file_replacement_begin(arena, path, 0600, &replacement);
    if (!good) {
        fault_set(fault, "%s: %s", path, strerror(errno));
    } else if (!account_export_to_stream(reader, replacement.stream, now, out, fault)) {
        file_replacement_abandon(&replacement);
        good = false;
    } else if (last != NULL && memcmp(last->digest, out->digest, sizeof out->digest) == 0 &&
               access(path, F_OK) == 0) {
        file_replacement_abandon(&replacement);
    } else if (!may_replace(reader, path, now, fault)) {
        file_replacement_abandon(&replacement);
        good = false;
    } else if (!file_replacement_finish(&replacement)) {
        good = fault_set(fault, "%s: %s", path, strerror(errno));
    }
    arena_free(arena);
    return good;
}
