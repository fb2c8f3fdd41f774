/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that were refused before they became an order. */
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_explain.h"

static void show(const struct story *story, const struct event *event)
{
    say("Refused %s: %s for %s", story_when(story, event->at), event->kind, event->names);
    say("  from      %s, account %lld", event->who, (long long)event->account_id);
    say("  because   %s", event->detail == NULL ? "unknown" : event->detail);
}

enum store_result explain_refused(struct store_session *session, const struct story *story, const char *name,
                                  int64_t after)
{
    struct event_row row;
    enum store_result result = store_event_of_name(session, story->arena, name, after, &row);
    if (result != STORE_OK)
        return result;
    show(story, &row.event);
    story_say_cause(row.event.cause == CAUSE_NONE ? CAUSE_SERVER_FAULT : row.event.cause);
    return STORE_OK;
}

bool explain_cause(const char *word)
{
    enum cause cause = cause_find(bytes_from_string(word));
    if (cause == CAUSE_NONE)
        return false;
    story_say_cause(cause);
    return true;
}
