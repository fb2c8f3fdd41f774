/* SPDX-License-Identifier: Apache-2.0 */
/* PUT and DELETE of an issuer. The background thread does the slow work; one change at a time. */
#include "gateway/admin/admin_internal.h"

#include "gateway/ca/issuer_overrides.h"
#include "gateway/runtime/background.h"
#include "gateway/runtime/clock.h"
#include "store/events.h"
#include "store/issuer_overrides.h"

enum { WORDS_MAX_BYTES = 4096, BUSY_RETRY_AFTER_S = 5 };

struct change_task {
    struct background_task task; /* first */
    struct http_message back;
    struct admin_exchange *exchange;
    const char *issuer;
    const char *actor;
    struct config_override override; /* PUT: the text that was sent; empty: return to the file */
    struct issuer_change change;
    struct issuer_override sealed;
    const char *words; /* for the event */
    struct json_writer *answer;
};

static bool is_reset(const struct change_task *task)
{
    return task->override.text.n == 0;
}

/* ---- on the background thread: recording ---- */

static enum store_apply_result write_change(void *context, struct store_writer *writer)
{
    const struct change_task *task = context;
    struct event event = {.at = clock_now(),
                          .type = is_reset(task) ? EVENT_ISSUER_RESET : EVENT_ISSUER_CHANGED,
                          .actor = task->actor,
                          .detail = task->words,
                          .known.issuer = task->issuer};
    enum store_result result = is_reset(task) ? store_issuer_override_delete(writer, task->issuer)
                                              : store_issuer_override_put(writer, &task->sealed);
    /* `acmegate issuer reset` may have removed it from the database: the server still has to return to the
     * file. */
    if (is_reset(task) && result == STORE_NOT_FOUND)
        result = STORE_OK;
    if (result == STORE_OK)
        result = store_event_insert(writer, &event);
    return store_applied(result);
}

static void describe(struct change_task *task, struct issuer *serving, struct issuer *fresh)
{
    struct buffer words;
    struct arena *arena = task->exchange->arena;
    buffer_init(&words, arena, WORDS_MAX_BYTES);
    buffer_append_string(&words, task->issuer);
    task->answer = json_writer_new(arena, ADMIN_REPLY_MAX_BYTES);
    json_begin_object(task->answer);
    json_put_string(task->answer, "id", task->issuer);
    json_put_string(task->answer, "source", is_reset(task) ? "file" : "override");
    json_key(task->answer, "changed");
    json_begin_object(task->answer);
    admin_put_differences(task->answer, &words, serving, fresh);
    json_end_object(task->answer);
    json_end_object(task->answer);
    task->words = buffer_string(&words);
}

static bool keep(struct issuer_change *change, struct issuer *serving, struct issuer *fresh)
{
    struct change_task *task = change->owner;
    const struct admin_parts *parts = &task->exchange->admin->parts;
    describe(task, serving, fresh);
    if (!is_reset(task)) {
        task->sealed = (struct issuer_override){.changed_at = clock_now(), .changed_by = task->actor};
        if (!issuer_override_seal(change->arena, parts->secrets, &task->override, &task->sealed))
            return false;
    }
    if (!store_write_and_wait(parts->store, write_change, task))
        return false;
    parts->issuer_written(parts->context, task->issuer, task->sealed.sealed);
    return true;
}

/* ---- on the background thread: the new section ---- */

static void set_refusal(struct change_task *task)
{
    const struct issuer_change *change = &task->change;
    if (change->fault_count == 0)
        admin_set_problem(task->exchange, 503,
                          "The database could not record the change; nothing was changed.", NULL, 0);
    else if (change->unread)
        admin_set_problem(task->exchange, 503,
                          "The database could not be read to check the change; nothing was changed.",
                          change->faults, change->fault_count);
    else
        admin_set_problem(task->exchange, 422,
                          "The new configuration failed its preflight; nothing was changed.", change->faults,
                          change->fault_count);
}

static void make_change(struct change_task *task)
{
    struct admin_exchange *exchange = task->exchange;
    const struct admin_parts *parts = &exchange->admin->parts;
    struct config_errors errors = {0};
    const struct issuer_config *section =
        issuer_section_read(exchange->arena, parts->config_path, &task->override, &errors);
    if (section == NULL) {
        admin_set_problem(exchange, 400, "This is not a valid section of an issuer; nothing was changed.",
                          errors.lines, errors.count);
        return;
    }
    if (section->type != ISSUER_STEPCA) {
        admin_set_problem(exchange, 422,
                          "An issuer's type can change only at a restart; nothing was changed.", NULL, 0);
        return;
    }
    task->change =
        (struct issuer_change){.arena = exchange->arena, .section = section, .keep = keep, .owner = task};
    if (!issuers_change(parts->issuers, &task->change)) {
        set_refusal(task);
        return;
    }
    parts->issuer_changed(parts->context, task->issuer);
    admin_set_json(exchange, 200, task->answer);
}

/* ---- to the background thread and back ---- */

static void on_changed(struct http_message *message)
{
    const struct change_task *task =
        (struct change_task *)((char *)message - offsetof(struct change_task, back));
    task->exchange->admin->changing = false;
    admin_finish(task->exchange);
}

static void run_task(struct background_task *background_task)
{
    struct change_task *task = (struct change_task *)background_task;
    make_change(task);
    task->back.run = on_changed;
    http_loop_post(task->exchange->request->loop, &task->back);
}

static const char *who_asks(const struct admin_exchange *exchange)
{
    const struct http_request *request = exchange->request;
    if (request->local_user == -1)
        return arena_printf(exchange->arena, "operator %s", request->client_address);
    return arena_printf(exchange->arena, "operator, user %lld", (long long)request->local_user);
}

/* `text` is empty to return to the file. */
static void begin_change(struct admin_exchange *exchange, const struct issuer *issuer, struct bytes text)
{
    struct admin *admin = exchange->admin;
    if (issuer->config->type != ISSUER_STEPCA) {
        admin_refuse(exchange, 422, "Change issuers of type local in the file, then restart.");
        return;
    }
    if (admin->changing) {
        http_reply_add_header(&exchange->reply, "Retry-After",
                              arena_printf(exchange->arena, "%d", BUSY_RETRY_AFTER_S));
        admin_refuse(exchange, 409, "Another change is in progress; this one was not begun.");
        return;
    }
    admin->changing = true;
    struct change_task *task = arena_alloc(exchange->arena, sizeof *task);
    task->task.run = run_task;
    task->exchange = exchange;
    task->issuer = arena_duplicate(exchange->arena, issuer->id);
    task->actor = who_asks(exchange);
    task->override = (struct config_override){task->issuer, text};
    if (background_post(admin->parts.background, &task->task))
        return;
    admin->changing = false;
    admin_refuse(exchange, 503, "The server is stopping; nothing was changed.");
}

void admin_put_issuer(struct admin_exchange *exchange)
{
    const struct issuer *issuer = admin_find_issuer(exchange);
    if (issuer == NULL)
        return;
    if (exchange->request->body.n == 0)
        admin_refuse(exchange, 400, "Send the issuer's section in the form of the configuration file.");
    else
        begin_change(exchange, issuer, exchange->request->body);
}

void admin_delete_issuer(struct admin_exchange *exchange)
{
    const struct issuer *issuer = admin_find_issuer(exchange);
    if (issuer == NULL)
        return;
    if (!issuer->config->overridden)
        admin_refuse(exchange, 404, "The issuer already follows the file; there is nothing to reset.");
    else
        begin_change(exchange, issuer, (struct bytes){0});
}
