/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations without an order: of a refused request, a cause, a type of event. */
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_explain.h"
#include "gateway/cli/terminal.h"
#include "store/events.h"

enum cause refused_cause(const struct event_row *row)
{
    return row->event.cause == CAUSE_NONE ? CAUSE_SERVER_FAULT : row->event.cause;
}

void show_refused(const struct story *story, const struct event_row *row)
{
    const struct event *event = &row->event;
    say("Refused %s: %s for %s", story_when(story, event->at), row->type_name, event->names);
    say("  from      %s, account %lld", event->actor, (long long)event->account_id);
    say("  because   %s", event->detail == NULL ? "unknown" : event->detail);
    story_say_cause(refused_cause(row));
}

static void say_event_type(const struct event_type_info *info)
{
    say("Event %s", info->name);
    say("  meaning   %s", info->meaning);
    say("  about     %s", event_subject_name(info->subject));
    say("  severity  %s", event_severity_name(info->severity));
    if (info->notify)
        say("  of note   a person should hear of it");
}

bool explain_word(const char *word)
{
    enum cause cause = cause_find(bytes_from_string(word));
    const struct event_type_info *type = event_type_info(event_type_find(bytes_from_string(word)));
    if (cause != CAUSE_NONE)
        story_say_cause(cause);
    if (type != NULL)
        say_event_type(type);
    return cause != CAUSE_NONE || type != NULL;
}
