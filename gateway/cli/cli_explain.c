/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "acme/urls.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_explain.h"
#include "gateway/cli/cli_json.h"
#include "gateway/cli/cli_watch.h"
#include "gateway/cli/terminal.h"
#include "gateway/runtime/clock.h"
#include "store/accounts.h"
#include "store/attempts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/orders.h"

enum { EARLIER_ORDERS_SHOWN = 10 };

/* ---- reading ---- */

static enum store_result load_certificate(struct store_reader *reader, struct story *story)
{
    int64_t id = story->order.certificate_id;
    for (size_t i = 0; i < story->event_count; i++) {
        if (id == 0 && story->events[i].event.type == EVENT_CERTIFICATE_REJECTED)
            id = story->events[i].event.certificate_id;
    }
    if (id == 0)
        return STORE_OK;
    enum store_result result = store_certificate_load(reader, story->arena, id, &story->certificate);
    story->has_certificate = result == STORE_OK;
    return result == STORE_NOT_FOUND ? STORE_OK : result;
}

static enum store_result load_story(struct store_reader *reader, int64_t id, struct story *story)
{
    struct order *order = &story->order;
    enum store_result result = store_order_load(reader, story->arena, id, order);
    if (result == STORE_OK)
        result = store_account_load(reader, story->arena, order->account_id, &story->account);
    story->authorizations =
        arena_alloc_array(story->arena, order->identifier_count, sizeof *story->authorizations);
    for (size_t i = 0; result == STORE_OK && i < order->identifier_count; i++)
        result = store_authorization_load(reader, story->arena, order->authorization_ids[i],
                                          &story->authorizations[i]);
    if (result == STORE_OK)
        result = store_attempts_of_order(reader, story->arena, id, &story->attempts, &story->attempt_count);
    if (result == STORE_OK)
        result = store_events_of_order(reader, story->arena, id, &story->events, &story->event_count);
    return result == STORE_OK ? load_certificate(reader, story) : result;
}

/* The meaning of the argument: an id (or an order's URL), or a name. */
struct asked {
    const char *word;
    int64_t id;             /* 0: a name */
    struct identifier name; /* empty: none that could be ordered */
};

static struct asked read_word(struct arena *arena, const char *word)
{
    const char *slash = strrchr(word, '/');
    struct asked asked = {word, url_parse_id(bytes_from_string(slash == NULL ? word : slash + 1)), {0}};
    struct bytes text = bytes_from_string(word);
    if (asked.id == 0 && !identifier_from_name(IDENTIFIER_DNS, text, &asked.name) &&
        identifier_parse(arena, BYTES_LITERAL("ip"), text, &asked.name) != NULL)
        asked.name.value[0] = '\0';
    return asked;
}

/* Finds the orders of a name, the newest first. */
static enum store_result find_orders(struct store_reader *reader, const struct asked *asked, int64_t *ids,
                                     size_t *count)
{
    *count = asked->id == 0 ? 0 : 1;
    ids[0] = asked->id;
    if (asked->id != 0 || asked->name.value[0] == '\0')
        return STORE_OK;
    return store_orders_of_name(reader, asked->name.value, ids, EARLIER_ORDERS_SHOWN + 1, count);
}

static int nothing_known(const struct cli_arguments *arguments)
{
    return cli_fail(
        arguments, CLI_FAILED,
        "no order of '%s' in %s, and no refused request for it.\n"
        "Check its spelling (a wildcard begins with \"*.\"), and that the client uses this server's "
        "directory URL.\n"
        "A request without a valid account leaves no record. Its problem names a \"cause\", which "
        "'acmegate explain CAUSE' explains",
        arguments->words[0], store_location_text(arguments->location));
}

/* The knowledge about the word. */
struct found {
    struct story story;
    bool has_order;
    bool has_refused;
    struct event_row refused; /* newer than the order, where there is one */
    struct order *earlier;
    size_t earlier_count;
};

static enum store_result load_earlier(struct store_reader *reader, struct found *found, const int64_t *ids,
                                      size_t count)
{
    enum store_result result = STORE_OK;
    found->earlier = arena_alloc_array(found->story.arena, count, sizeof *found->earlier);
    for (size_t i = 0; result != STORE_FAILED && i < count; i++) {
        result = store_order_load(reader, found->story.arena, ids[i], &found->earlier[found->earlier_count]);
        found->earlier_count += result == STORE_OK;
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* STORE_FAILED: the database cannot be read. */
static enum store_result find(struct store_reader *reader, const struct asked *asked, struct found *found)
{
    int64_t ids[EARLIER_ORDERS_SHOWN + 1];
    size_t count;
    struct story *story = &found->story;
    enum store_result result = find_orders(reader, asked, ids, &count);
    if (result == STORE_OK && count > 0) {
        result = load_story(reader, ids[0], story);
        found->has_order = result == STORE_OK;
        if (result == STORE_OK)
            result = load_earlier(reader, found, ids + 1, count - 1);
    }
    if (result != STORE_FAILED && asked->name.value[0] != '\0' && asked->id == 0) {
        result = store_event_of_name(reader, story->arena, asked->name.value,
                                     found->has_order ? story->order.id : 0, &found->refused);
        found->has_refused = result == STORE_OK;
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static void show_earlier(const struct found *found)
{
    if (found->earlier_count > 0)
        say("Earlier orders");
    for (size_t i = 0; i < found->earlier_count; i++)
        say("  %lld: %s since %s", (long long)found->earlier[i].id,
            order_status_name(found->earlier[i].status),
            story_when(&found->story, found->earlier[i].status_since));
}

static int show(const struct cli_arguments *arguments, const struct asked *asked, const struct found *found)
{
    if (found->has_order) {
        story_show(&found->story);
        show_earlier(found);
    }
    if (found->has_refused)
        show_refused(&found->story, &found->refused);
    bool known = found->has_order || found->has_refused || explain_word(asked->word);
    return known ? CLI_OK : nothing_known(arguments);
}

static void put_earlier(struct json_writer *writer, const struct found *found)
{
    json_key(writer, "earlier");
    json_begin_array(writer);
    for (size_t i = 0; i < found->earlier_count; i++) {
        json_begin_object(writer);
        json_put_integer(writer, "id", found->earlier[i].id);
        json_put_string(writer, "state", order_status_name(found->earlier[i].status));
        json_put_time(writer, "since", found->earlier[i].status_since);
        json_end_object(writer);
    }
    json_end_array(writer);
}

static int show_json(const struct cli_arguments *arguments, const struct asked *asked,
                     const struct found *found)
{
    struct json_writer *writer = cli_json_begin(arguments->arena);
    if (found->has_order) {
        explain_json_story(writer, &found->story);
        put_earlier(writer, found);
    }
    if (found->has_refused)
        explain_json_refused(writer, &found->story, &found->refused);
    bool known = found->has_order || found->has_refused || explain_json_word(writer, asked->word);
    return known ? cli_json_end(arguments, writer) : nothing_known(arguments);
}

static int explain(const struct cli_arguments *arguments, struct store_reader *reader)
{
    struct found found = {.story = {.arena = arguments->arena, .now = clock_now()}};
    const struct asked asked = read_word(arguments->arena, arguments->words[0]);
    if (find(reader, &asked, &found) == STORE_FAILED)
        return cli_fail(arguments, CLI_FAILED, "%s cannot be read", store_location_text(arguments->location));
    return cli_wants_json(arguments) ? show_json(arguments, &asked, &found) : show(arguments, &asked, &found);
}

static int look(const struct cli_arguments *arguments, void *context)
{
    (void)context;
    struct store_reader *reader = cli_open_reader(arguments);
    if (reader == NULL)
        return CLI_FAILED;
    int status = explain(arguments, reader);
    store_reader_close(reader);
    return status;
}

static int run(const struct cli_arguments *arguments)
{
    return cli_watch(arguments, look, NULL);
}

static const struct cli_option options[] = {CLI_JSON_OPTION, CLI_WATCH_OPTION, {0}};

static const char *const examples[] = {
    "acmegate explain host.internal", "acmegate explain https://acme.internal:9443/acme/acme/order/123",
    "acmegate explain host.internal --watch", "acmegate explain connection-failed", NULL};

static const struct cli_action actions[] = {
    {.words = "NAME|ORDER|CAUSE|EVENT",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = options,
     .help = "Shows the history of an order, or of the newest one for a name: whose turn it is, and the next "
             "step. Explains a problem's \"cause\" or a type of event, too.",
     .examples = examples,
     .run = run}};

const struct cli_command cli_explain = {"explain", "show what happened to an order and what to do next",
                                        actions, 1};
