/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fts.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "acme/base/line_reader.h"
#include "acme/base/unconst.h"
#include "acme/jose/pem.h"
#include "gateway/cli/import.h"
#include "stepca/request_log.h"

/* ---- PEM ---- */

static void take_block(struct import *import, const char *place, enum import_pass pass, const char *label,
                       struct bytes der)
{
    if (strcmp(label, PEM_STRING_X509) != 0) {
        if (pass == IMPORT_TAKE)
            import_skip(import, place, IMPORT_OTHER_PEM, label);
    } else if (pass == IMPORT_GATHER) {
        certificate_pool_add(import_authorities(import), der);
    } else {
        import_offer(import, place, der);
    }
}

/* The file's blocks one by one: a bundle need not fit in memory. */
static void read_blocks(struct import *import, const char *path, enum import_pass pass, BIO *file)
{
    enum pem_outcome outcome;
    size_t blocks = 0;
    do {
        struct arena *arena = arena_new();
        const char *place = arena_printf(arena, "%s, PEM block %zu", path, blocks + 1);
        struct pem_block block;
        outcome = pem_next(arena, file, &block);
        if (outcome == PEM_BLOCK)
            take_block(import, place, pass, block.label, block.der);
        else if (outcome == PEM_BROKEN && pass == IMPORT_TAKE)
            import_skip(import, place, IMPORT_BROKEN, NULL);
        blocks += outcome != PEM_END;
        arena_free(arena);
    } while (outcome != PEM_END);
    if (blocks == 0 && pass == IMPORT_TAKE)
        import_skip(import, path, IMPORT_NO_PEM, NULL);
}

static void read_file(struct import *import, const char *path, enum import_pass pass)
{
    autofree_bio BIO *file = BIO_new_file(path, "r");
    if (file != NULL)
        read_blocks(import, path, pass, file);
    else if (pass == IMPORT_TAKE)
        import_fail(import, path, strerror(errno));
    ERR_clear_error(); /* of a file that did not open */
}

static void visit(struct import *import, const FTSENT *entry, enum import_pass pass)
{
    switch (entry->fts_info) {
    case FTS_F:
        if (entry->fts_statp->st_size <= IMPORT_FILE_MAX_BYTES) {
            read_file(import, entry->fts_path, pass);
            return;
        }
        break;
    case FTS_D:
    case FTS_DP:
    case FTS_DC: /* a folder that leads back to itself: it is being visited */
        return;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        if (pass == IMPORT_TAKE)
            import_fail(import, entry->fts_path, strerror(entry->fts_errno));
        return;
    default:
        break;
    }
    if (pass == IMPORT_TAKE)
        import_skip(import, entry->fts_path, IMPORT_NO_FILE, NULL);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

void import_path(struct import *import, const char *path, enum import_pass pass)
{
    char *roots[] = {UNCONST(char *, path), NULL};
    FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (tree == NULL) {
        import_fail(import, path, strerror(errno));
        return;
    }
    for (const FTSENT *entry; (entry = fts_read(tree)) != NULL;)
        visit(import, entry, pass);
    fts_close(tree);
}

/* ---- step-ca's log ---- */

static bool take_line(struct import *import, const char *place, struct bytes line)
{
    struct arena *arena = arena_new();
    struct bytes der;
    enum request_log_line found = request_log_read(arena, line, &der);
    if (found == REQUEST_LOG_CERTIFICATE)
        import_offer(import, place, der);
    else if (found == REQUEST_LOG_SSH_CERTIFICATE)
        import_skip(import, place, IMPORT_SSH, NULL);
    else if (found == REQUEST_LOG_BROKEN)
        import_skip(import, place, IMPORT_BROKEN, NULL);
    arena_free(arena);
    return found != REQUEST_LOG_OTHER;
}

size_t import_request_log(struct import *import, const char *name, FILE *log)
{
    struct arena *arena = arena_new();
    struct line_reader reader;
    struct bytes line;
    enum line_result result;
    size_t certificates = 0;
    line_reader_init(&reader, arena, log, IMPORT_LINE_MAX_BYTES);
    while ((result = line_reader_next(&reader, &line)) == LINE_READ || result == LINE_TOO_LONG) {
        char place[256];
        snprintf(place, sizeof place, "%.200s, line %zu", name, reader.number);
        if (result == LINE_TOO_LONG)
            import_skip(import, place, IMPORT_LINE_TOO_LONG, NULL);
        else
            certificates += take_line(import, place, line);
    }
    if (result == LINE_FAILED)
        import_fail(import, name, strerror(errno));
    arena_free(arena);
    return certificates;
}
