/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/import.h"

#include <stdarg.h>
#include <stdlib.h>

#include "acme/base/visible.h"
#include "gateway/ca/issuer_certificate.h"
#include "gateway/ca/recognition.h"
#include "gateway/runtime/clock.h"
#include "store/certificates.h"
#include "store/events.h"

enum { LINE_BYTES = 1024 };

/* A certificate to be written, in the arena of its batch. */
struct import_item {
    const char *place;
    struct issuer *issuer; /* the issuer that signed it */
    struct certificate certificate;
    struct certificate_facts facts;
};

struct import {
    struct import_setting setting;
    struct certificate_pool *authorities;
    struct import_counts counts;
    struct arena *arena; /* of the batch */
    struct import_item *items;
    size_t item_count;
    size_t skips; /* of all kinds */
    bool failed;
    bool stopped; /* the database failed: nothing more is read */
    /* Of the transaction under way: */
    bool last;
    bool applied;
    size_t taken;
    size_t known;
};

const char *import_skip_name(enum import_skip skip)
{
    static const char *const names[IMPORT_SKIPS] = {
        [IMPORT_NO_PEM] = "no PEM block in it",
        [IMPORT_OTHER_PEM] = "not a certificate",
        [IMPORT_BROKEN] = "a certificate that cannot be read",
        [IMPORT_AUTHORITY] = "an authority's own certificate",
        [IMPORT_FOREIGN] = "it leads to no pinned root of an issuer by the known intermediates",
        [IMPORT_DISPUTED] = "several issuers pin its root, and no CA that answers confirms it",
        [IMPORT_SERIAL_TAKEN] = "its issuer has another certificate with this serial number",
        [IMPORT_SSH] = "an SSH certificate",
        [IMPORT_LINE_TOO_LONG] = "a line that is too long",
        [IMPORT_NO_FILE] = "neither a folder nor a file of at most 256 MiB",
    };
    return names[skip];
}

[[gnu::format(printf, 2, 3)]] static void tell(const struct import *import, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    /* A file's name, and what a certificate holds, may have line feeds. */
    line[visible_clean(line, strlen(line), VISIBLE_ONE_LINE)] = '\0';
    import->setting.tell(line);
}

static void begin_batch(struct import *import)
{
    arena_free(import->arena);
    import->arena = arena_new();
    import->items = arena_alloc_array(import->arena, IMPORT_BATCH, sizeof *import->items);
    import->item_count = 0;
}

struct import *import_new(const struct import_setting *setting)
{
    struct import *import = calloc(1, sizeof *import);
    if (import == NULL)
        end_without("memory");
    import->setting = *setting;
    import->authorities = certificate_pool_new();
    begin_batch(import);
    if (recognition_gather(store_command_reader(setting->command), import->authorities) != STORE_OK) {
        import->stopped = true;
        import_fail(import, "database", "it cannot be read");
    }
    return import;
}

void import_free(struct import *import)
{
    certificate_pool_free(import->authorities);
    arena_free(import->arena);
    free(import);
}

struct certificate_pool *import_authorities(struct import *import)
{
    return import->authorities;
}

void import_skip(struct import *import, const char *place, enum import_skip why, const char *more)
{
    import->counts.skipped[why]++;
    if (import->skips++ < IMPORT_SAID)
        tell(import, "skipped: %s: %s%s%s", place, import_skip_name(why), more == NULL ? "" : ": ",
             more == NULL ? "" : more);
    else if (import->skips == IMPORT_SAID + 1)
        tell(import, "skipped: more, counted below");
}

void import_fail(struct import *import, const char *place, const char *why)
{
    import->failed = true;
    tell(import, "failed: %s: %s", place, why);
}

static void fail_at_database(struct import *import, const char *why)
{
    import->stopped = true;
    import_fail(import, "database", why);
}

/* ---- writing ---- */

static enum store_result write_item(struct import *import, struct store_writer *writer,
                                    struct import_item *item)
{
    struct certificate known, other;
    struct certificate *certificate = &item->certificate;
    enum store_result result = store_certificate_by_leaf(store_reader_of(writer), import->arena,
                                                         certificate->serial, certificate->leaf, &known);
    if (result == STORE_OK)
        import->known++;
    if (result != STORE_NOT_FOUND)
        return result;
    result = issuer_certificate_find(store_reader_of(writer), import->arena, item->issuer,
                                     certificate->serial, &other);
    bool taken = result == STORE_OK;
    if (result == STORE_NOT_FOUND) {
        result = store_certificate_insert(writer, certificate, item->facts.identifiers,
                                          item->facts.identifier_count);
        taken = result == STORE_KNOWN;
    }
    if (taken) {
        import_skip(import, item->place, IMPORT_SERIAL_TAKEN, certificate->serial);
        return STORE_OK;
    }
    import->taken += result == STORE_OK;
    return result;
}

static size_t skipped_in_all(const struct import_counts *counts)
{
    size_t sum = 0;
    for (size_t i = 0; i < IMPORT_SKIPS; i++)
        sum += counts->skipped[i];
    return sum;
}

static enum store_result write_event(struct import *import, struct store_writer *writer)
{
    const struct import_counts *counts = &import->counts;
    const char *detail =
        import->last ? arena_printf(import->arena, "%zu taken, %zu already known, %zu skipped; from %s",
                                    counts->taken + import->taken, counts->known + import->known,
                                    skipped_in_all(counts), import->setting.source)
                     : arena_printf(import->arena, "%zu taken, more of the same run follow", import->taken);
    const struct event event = {
        .at = clock_now(), .type = EVENT_CERTIFICATE_IMPORTED, .actor = "operator", .detail = detail};
    return store_event_insert(writer, &event);
}

static enum store_apply_result write_batch(void *context, struct store_writer *writer)
{
    struct import *import = context;
    enum store_result result = STORE_OK;
    for (size_t i = 0; result == STORE_OK && i < import->item_count; i++)
        result = write_item(import, writer, &import->items[i]);
    if (result == STORE_OK && (import->last || import->taken != 0))
        result = write_event(import, writer);
    import->applied = result == STORE_OK;
    return import->applied && !import->setting.dry_run ? STORE_APPLIED : STORE_DISCARD;
}

static void flush(struct import *import, bool last)
{
    struct fault fault;
    import->last = last;
    import->applied = false;
    import->taken = import->known = 0;
    bool written = store_write_now(import->setting.command, write_batch, import, &fault);
    if (written || (import->setting.dry_run && import->applied)) {
        import->counts.taken += import->taken;
        import->counts.known += import->known;
    } else {
        fail_at_database(import, fault.message);
    }
    begin_batch(import);
}

/* ---- what is found ---- */

/* False when the inventory has it, which is counted, or cannot be read, which is reported. */
static bool is_new(struct import *import, struct arena *arena, struct bytes der,
                   const struct certificate_facts *facts)
{
    struct certificate known;
    enum store_result result = store_certificate_by_leaf(store_command_reader(import->setting.command), arena,
                                                         facts->serial, der, &known);
    if (result == STORE_OK)
        import->counts.known++;
    if (result == STORE_FAILED)
        fail_at_database(import, "it cannot be read");
    return result == STORE_NOT_FOUND;
}

static enum recognition_outcome recognize(const struct import *import, struct arena *arena, struct bytes der,
                                          const struct certificate_facts *facts, struct issuer **issuer,
                                          struct certificate *out)
{
    const struct import_setting *setting = &import->setting;
    const struct recognition_candidates candidates = {
        .issuers = setting->issuers,
        .count = setting->issuer_count,
        .others = setting->issuers,
        .other_count = setting->issuer_count,
    };
    enum recognition_outcome recognition =
        certificate_recognize(&candidates, import->authorities, arena, der, facts, issuer, out);
    if (recognition == RECOGNIZED)
        out->origin = CERTIFICATE_IMPORTED;
    return recognition;
}

/* Copies the certificate into the batch, the only thing that outlives the look at it. */
static void keep(struct import *import, const char *place, struct issuer *issuer,
                 const struct certificate *certificate, const struct certificate_facts *facts)
{
    struct arena *arena = import->arena;
    struct import_item *item = &import->items[import->item_count];
    item->place = arena_duplicate(arena, place);
    item->issuer = issuer;
    item->facts = *facts;
    item->facts.identifiers = arena_alloc_array(arena, facts->identifier_count, sizeof *facts->identifiers);
    if (facts->identifier_count != 0)
        memcpy(item->facts.identifiers, facts->identifiers,
               facts->identifier_count * sizeof *facts->identifiers);
    item->certificate = *certificate;
    item->certificate.issuer = arena_duplicate(arena, certificate->issuer);
    item->certificate.root_fingerprint = arena_duplicate(arena, certificate->root_fingerprint);
    item->certificate.serial = item->facts.serial;
    item->certificate.key_hash = bytes_of(item->facts.key_hash, sizeof item->facts.key_hash);
    item->certificate.leaf = arena_copy(arena, certificate->leaf);
    item->certificate.chain_pem = arena_copy(arena, certificate->chain_pem);
    if (++import->item_count == IMPORT_BATCH)
        flush(import, false);
}

static void look_at(struct import *import, struct arena *arena, const char *place, struct bytes der)
{
    struct certificate_facts facts;
    struct certificate certificate;
    struct issuer *issuer = NULL;
    if (der.n > IMPORT_CERTIFICATE_MAX_BYTES || !certificate_read_facts(arena, der, &facts)) {
        import_skip(import, place, IMPORT_BROKEN, NULL);
        return;
    }
    if (certificate_is_authority(der)) {
        import_skip(import, place, IMPORT_AUTHORITY, NULL);
        return;
    }
    if (!is_new(import, arena, der, &facts))
        return;
    switch (recognize(import, arena, der, &facts, &issuer, &certificate)) {
    case RECOGNIZED:
        keep(import, place, issuer, &certificate, &facts);
        return;
    case RECOGNITION_UNKNOWN:
        import_skip(import, place, IMPORT_FOREIGN, NULL);
        return;
    case RECOGNITION_DISPUTED:
        import_skip(import, place, IMPORT_DISPUTED, NULL);
        return;
    }
}

void import_offer(struct import *import, const char *place, struct bytes der)
{
    struct arena *arena = arena_new();
    if (!import->stopped)
        look_at(import, arena, place, der);
    arena_free(arena);
}

bool import_finish(struct import *import, struct import_counts *counts)
{
    if (!import->stopped)
        flush(import, true);
    *counts = import->counts;
    return !import->failed;
}
