/* SPDX-License-Identifier: Apache-2.0 */
/* A reload from its file to its verdict, which the log and an event have. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "acme/base/buffer.h"
#include "acme/base/file.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "gateway/server/server.h"
#include "store/events.h"

/* The detail ends with room for the count of lines that were left out. */
enum { DIGEST_BYTES = 32, DETAIL_MAX_BYTES = 16 * 1024, LEFT_OUT_BYTES = 64 };

const char *server_digest_of(struct arena *arena, struct bytes text)
{
    uint8_t octets[DIGEST_BYTES];
    struct buffer hex;
    buffer_init(&hex, arena, 2 * DIGEST_BYTES + 1);
    if (EVP_Digest(text.p, text.n, octets, NULL, EVP_sha256(), NULL) != 1)
        end_without("SHA-256");
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        buffer_printf(&hex, "%02x", octets[i]);
    return buffer_string(&hex);
}

struct verdict {
    struct arena *arena;
    struct buffer detail;
    size_t left_out; /* lines; the log has them */
    bool taken;
};

static void add_line(struct verdict *verdict, const char *line)
{
    size_t after = verdict->detail.n + strlen(SERVER_VERDICT_SEPARATOR) + strlen(line);
    if (verdict->left_out != 0 || after > DETAIL_MAX_BYTES - LEFT_OUT_BYTES)
        verdict->left_out++;
    else
        buffer_printf(&verdict->detail, SERVER_VERDICT_SEPARATOR "%s", line);
}

static const char *detail_of(struct verdict *verdict)
{
    if (verdict->left_out != 0)
        buffer_printf(&verdict->detail, SERVER_VERDICT_SEPARATOR "and %zu more, which the server's log has",
                      verdict->left_out);
    return buffer_string(&verdict->detail);
}

static enum store_apply_result record(void *context, struct store_writer *writer)
{
    struct verdict *verdict = context;
    const struct event event = {.at = clock_now(),
                                .type = verdict->taken ? EVENT_CONFIGURATION_LOADED
                                                       : EVENT_CONFIGURATION_REJECTED,
                                .actor = "operator",
                                .detail = detail_of(verdict)};
    return store_applied(store_event_insert(writer, &event));
}

/* NULL with the reasons in the log and the verdict. */
static const struct config *read_file(struct verdict *verdict, const char *path)
{
    struct bytes text;
    struct config_errors errors = {0};
    if (!file_read(verdict->arena, path, CONFIG_FILE_MAX_BYTES, &text)) {
        const char *reason = arena_printf(verdict->arena, "%s: cannot be read: %s", path, strerror(errno));
        log_error("%s", reason);
        buffer_append_string(&verdict->detail, path);
        add_line(verdict, reason);
        return NULL;
    }
    buffer_printf(&verdict->detail, "%s (sha256 %s)", path, server_digest_of(verdict->arena, text));
    const struct config *fresh = config_parse(verdict->arena, path, text, environ, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        log_error("%s", errors.lines[i]);
        add_line(verdict, errors.lines[i]);
    }
    for (size_t i = 0; fresh != NULL && i < fresh->warning_count; i++)
        log_warning("%s", fresh->warnings[i]);
    return fresh;
}

static void take_in(struct server *server, struct verdict *verdict, const struct config *fresh)
{
    struct fault fault;
    struct config_changes changes;
    verdict->taken = server_reload(server, verdict->arena, fresh, &changes, &fault);
    for (size_t i = 0; verdict->taken && i < changes.count; i++)
        add_line(verdict, server_change_text(server, verdict->arena, &changes.items[i]));
    if (verdict->taken && changes.count == 0)
        add_line(verdict, "no key has changed");
    if (verdict->taken)
        return;
    log_error("reload: %s", fault.message);
    add_line(verdict, fault.message);
}

static void free_arena(void *arena)
{
    arena_free(arena);
}

bool server_reload_file(struct server *server, struct arena *taken)
{
    const char *path = server->config_path;
    const struct config *before = config_now(server->config);
    struct verdict verdict = {.arena = arena_new()};
    buffer_init(&verdict.detail, verdict.arena, DETAIL_MAX_BYTES);
    const struct config *fresh = read_file(&verdict, path);
    if (fresh != NULL)
        take_in(server, &verdict, fresh);
    if (verdict.taken)
        log_info("reload: %s was taken in", path);
    else
        log_error("reload: %s is refused; the running configuration stays", path);
    if (!store_write_and_wait(server->store, record, &verdict))
        log_warning("the verdict on %s is in the log only: the database could not store the event", path);
    if (config_now(server->config) != before)
        arena_on_free(taken, free_arena, verdict.arena);
    else
        arena_free(verdict.arena);
    return verdict.taken;
}
