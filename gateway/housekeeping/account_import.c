/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/housekeeping/account_export.h"
#include "gateway/housekeeping/account_export_line.h"
#include "store/account_import.h"
#include "store/events.h"

/* Lines of one transaction. A running server's own transactions wait for it. */
enum { PER_TRANSACTION = 100 };

struct item {
    int64_t number; /* of the line */
    struct account_export_line line;
    struct import_result result;
};

struct import {
    struct store_command *command;
    int64_t now;
    int64_t line_number;
    void (*refuse)(int64_t line, const char *what);
    struct account_import_summary *summary;
    struct account_export_line end; /* type 0 until it was read */
    int64_t accounts, eab_keys;     /* read, whether imported or not */
    /* of the next transaction */
    struct arena *arena;
    struct item *items;
    size_t count;
    size_t lines; /* read since the last transaction, including those that add nothing to it */
};

/* ---- writing ---- */

static const char *name_of(struct arena *arena, const struct account_export_line *line)
{
    if (line->type == EXPORT_ACCOUNT)
        return arena_printf(arena, "account %lld (%s, key %s)", (long long)line->account.id,
                            line->account.endpoint, line->account.thumbprint);
    return arena_printf(arena, "external account key %s (%s)", line->eab_key.kid, line->eab_key.endpoint);
}

static const char *detail_of(struct import *import, const struct item *item)
{
    const struct account *account = &item->line.account;
    if (item->line.type == EXPORT_EAB_KEY)
        return arena_printf(import->arena, "%s at %s", item->line.eab_key.kid, item->line.eab_key.endpoint);
    if (item->result.outcome == IMPORT_CHANGED)
        return arena_printf(import->arena, "the key that it changed to: %s", account->thumbprint);
    return item->result.outcome == IMPORT_ADDED ? NULL : account_status_name(account->status);
}

static enum store_result record(struct import *import, struct store_writer *writer, const struct item *item)
{
    bool is_account = item->line.type == EXPORT_ACCOUNT;
    const struct event event = {
        .at = import->now,
        .type = is_account ? EVENT_ACCOUNT_IMPORTED : EVENT_EAB_IMPORTED,
        .account_id = is_account ? item->line.account.id : 0,
        .actor = "operator",
        .detail = detail_of(import, item),
    };
    return store_event_insert(writer, &event);
}

static enum store_result take_item(struct import *import, struct store_writer *writer, struct item *item)
{
    const struct account_export_line *line = &item->line;
    enum store_result result =
        line->type == EXPORT_ACCOUNT
            ? store_account_import(writer, import->arena, &line->account, line->eab_kid, import->now,
                                   &item->result)
            : store_eab_key_import(writer, import->arena, &line->eab_key, import->now, &item->result);
    bool changed = item->result.outcome != IMPORT_PRESENT && item->result.outcome != IMPORT_REFUSED;
    return result == STORE_OK && changed ? record(import, writer, item) : result;
}

static enum store_apply_result apply(void *context, struct store_writer *writer)
{
    struct import *import = context;
    for (size_t i = 0; i < import->count; i++)
        if (take_item(import, writer, &import->items[i]) != STORE_OK)
            return STORE_DISCARD;
    return STORE_APPLIED;
}

static void count_result(struct import *import, const struct item *item)
{
    struct account_import_summary *summary = import->summary;
    summary->added += item->result.outcome == IMPORT_ADDED;
    summary->ended += item->result.outcome == IMPORT_ENDED;
    summary->changed += item->result.outcome == IMPORT_CHANGED;
    summary->present += item->result.outcome == IMPORT_PRESENT;
    if (item->result.outcome != IMPORT_REFUSED)
        return;
    summary->refused++;
    import->refuse(item->number, arena_printf(import->arena, "%s: %s", name_of(import->arena, &item->line),
                                              item->result.why));
}

static void begin_transaction(struct import *import)
{
    import->arena = arena_new();
    import->items = arena_alloc_array(import->arena, PER_TRANSACTION, sizeof *import->items);
    import->count = 0;
    import->lines = 0;
}

/* Writes the lines read so far. */
static bool end_transaction(struct import *import, struct fault *fault)
{
    bool written = import->count == 0 || store_write_now(import->command, apply, import, fault);
    for (size_t i = 0; written && i < import->count; i++)
        count_result(import, &import->items[i]);
    arena_free(import->arena);
    begin_transaction(import);
    return written;
}

/* ---- reading ---- */

static void read_line(struct import *import, const char *text)
{
    struct item *item = &import->items[import->count];
    struct fault fault;
    *item = (struct item){.number = import->line_number};
    if (!account_export_parse(import->arena, bytes_from_string(text), &item->line, &fault)) {
        import->summary->refused++;
        import->refuse(import->line_number, fault.message);
    } else if (item->line.type == EXPORT_END) {
        import->end = item->line;
    } else if (item->line.type != EXPORT_HEAD) {
        import->accounts += item->line.type == EXPORT_ACCOUNT;
        import->eab_keys += item->line.type == EXPORT_EAB_KEY;
        import->count++;
    }
}

/* Reads on only when the file begins as an export does. The wrong file then gives one complaint, not one a
 * line. */
static bool read_head(struct import *import, FILE *stream, char *text, struct fault *fault)
{
    struct account_export_line line;
    struct arena *arena = arena_new();
    import->line_number = 1;
    bool good = account_export_read_line(stream, text) || fault_set(fault, "it is empty");
    good = good && account_export_parse(arena, bytes_from_string(text), &line, fault) &&
           (line.type == EXPORT_HEAD || fault_set(fault, "its first line is not a head"));
    if (!good)
        fault_prefix(fault, "this is not an export of accounts: ");
    arena_free(arena);
    return good;
}

static bool is_whole(const struct import *import, FILE *stream, struct fault *fault)
{
    if (ferror(stream) != 0)
        fault_set(fault, "it cannot be read to its end: %s", strerror(errno));
    else if (import->end.type == 0)
        fault_set(fault, "it ends early, after line %lld: the lines before were imported, the rest is lost",
                  (long long)import->line_number);
    else if (import->end.accounts != import->accounts || import->end.eab_keys != import->eab_keys)
        fault_set(
            fault,
            "it had %lld accounts and %lld external account keys once; %lld and %lld of them could be read",
            (long long)import->end.accounts, (long long)import->end.eab_keys, (long long)import->accounts,
            (long long)import->eab_keys);
    else
        return true;
    return false;
}

bool account_import_from_stream(struct store_command *command, FILE *stream, int64_t now,
                                void (*refuse)(int64_t line, const char *what),
                                struct account_import_summary *out, struct fault *fault)
{
    struct import import = {.command = command, .now = now, .refuse = refuse, .summary = out};
    char *text = malloc(ACCOUNT_EXPORT_LINE_BYTES);
    if (text == NULL)
        end_without("memory");
    *out = (struct account_import_summary){0};
    begin_transaction(&import);
    bool good = read_head(&import, stream, text, fault);
    while (good && account_export_read_line(stream, text)) {
        import.line_number++;
        read_line(&import, text);
        if (++import.lines == PER_TRANSACTION)
            good = end_transaction(&import, fault);
    }
    good = good && end_transaction(&import, fault) && is_whole(&import, stream, fault);
    arena_free(import.arena);
    free(text);
    return good;
}
