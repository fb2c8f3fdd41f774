/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/event_log.h"

#include "gateway/runtime/log.h"

void event_log_configure(const struct config *config)
{
    log_set_level(config->log_level);
    log_set_format(config->log_format);
}

static enum log_level level_of(enum event_severity severity)
{
    return severity == SEVERITY_ERROR     ? LOG_LEVEL_ERROR
           : severity == SEVERITY_WARNING ? LOG_LEVEL_WARNING
                                          : LOG_LEVEL_INFO;
}

static void write_event(const struct event *event)
{
    const struct event_type_info *type = event_type_info(event->type);
    const struct log_field fields[] = {
        {"order", NULL, event->order_id},
        {"names", event->names == NULL ? event->known.names : event->names, 0},
        {"authorization", NULL, event->authorization_id},
        {"certificate", NULL, event->certificate_id},
        {"serial", event->known.serial, 0},
        {"issuer", event->known.issuer, 0},
        {"account", NULL, event->account_id},
        {"by", event->actor, 0},
        {"cause", cause_name(event->cause), 0},
        {"duration_ms", NULL, event->known.duration_ms},
        {"request", event->request, 0},
        {"detail", event->detail, 0},
    };
    log_fields(level_of(type->severity), fields, sizeof fields / sizeof *fields, "%s", type->name);
}

void event_log_write(const struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_event(&events[i]);
}
