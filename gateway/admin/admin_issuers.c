/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers in the form of the admin API. Nothing here is secret: only the key's id and its public facts. */
#include "acme/base/time_text.h"
#include "gateway/admin/admin_internal.h"

static void put_duration(struct json_writer *writer, const char *name, int64_t seconds)
{
    char text[DURATION_TEXT_BYTES];
    if (seconds <= 0)
        return;
    duration_format(text, seconds);
    json_put_string(writer, name, text);
}

static void put_health(struct json_writer *writer, const struct issuer_status *status)
{
    json_key(writer, "health");
    json_begin_object(writer);
    json_put_boolean(writer, "usable", status->usable);
    json_put_time(writer, "failing_since", status->failing_since);
    if (status->last_error[0] != '\0') {
        json_key(writer, "last_error");
        json_write_bytes(writer, bytes_from_string(status->last_error));
    }
    json_put_time(writer, "last_success", status->last_success_at);
    json_put_time(writer, "last_failure", status->last_failure_at);
    json_end_object(writer);
}

static void put_source(struct json_writer *writer, const char *name, const struct ca_fact *fact)
{
    if (fact->seconds == 0)
        return;
    json_key(writer, name);
    json_begin_object(writer);
    json_put_string(writer, "source", ca_fact_source_name(fact->source));
    json_put_time(writer, "since", fact->at);
    json_end_object(writer);
}

/* An assumed value has a source as well. */
static void put_limits(struct json_writer *writer, const struct issuer_status *status)
{
    const struct ca_knowledge *known = &status->knowledge;
    json_key(writer, "limits");
    json_begin_object(writer);
    put_duration(writer, "min_duration", known->min.seconds);
    put_duration(writer, "max_duration", known->max.seconds);
    put_duration(writer, "default_duration", known->usual.seconds);
    json_put_time(writer, "chain_not_after", status->limits.chain_not_after);
    put_duration(writer, "backdate", known->backdate.seconds);
    json_key(writer, "sources");
    json_begin_object(writer);
    put_source(writer, "min_duration", &known->min);
    put_source(writer, "max_duration", &known->max);
    put_source(writer, "default_duration", &known->usual);
    put_source(writer, "backdate", &known->backdate);
    json_end_object(writer);
    json_end_object(writer);
}

static void put_roots(struct json_writer *writer, const char *name, const struct issuer *issuer)
{
    json_key(writer, name);
    json_begin_array(writer);
    for (size_t i = 0; i < issuer->root_count; i++)
        json_write_string(writer, issuer->root_fingerprints[i]);
    json_end_array(writer);
}

static void put_root_list(struct json_writer *writer, const char *name, const struct issuer_root_list *list)
{
    json_key(writer, name);
    json_begin_array(writer);
    for (size_t i = 0; i < list->told; i++)
        json_write_string(writer, list->fingerprint[i]);
    json_end_array(writer);
}

/* Writes the differences when the CA lists its roots. */
static void put_root_differences(struct json_writer *writer,
                                 const struct issuer_root_differences *differences)
{
    if (!differences->known)
        return;
    put_root_list(writer, "roots_not_pinned", &differences->unpinned);
    put_root_list(writer, "roots_not_listed", &differences->unlisted);
}

static void put_calls(struct json_writer *writer, const struct issuer_status *status)
{
    json_key(writer, "calls");
    json_begin_object(writer);
    json_put_integer(writer, "running", (int64_t)status->calls_running);
    json_put_integer(writer, "waiting", (int64_t)status->calls_waiting);
    json_end_object(writer);
}

static void put_issuer(struct json_writer *writer, struct issuer *issuer)
{
    const struct issuer_config *config = issuer->config;
    struct issuer_status status;
    issuer_read_status(issuer, &status);
    json_begin_object(writer);
    json_put_string(writer, "id", issuer->id);
    json_put_string(writer, "type", config->type == ISSUER_STEPCA ? "stepca" : "local");
    json_put_string(writer, "source", config->overridden ? "override" : "file");
    json_put_string(writer, "ca_url", config->ca_url);
    json_put_string(writer, "provisioner_name", config->provisioner_name);
    json_put_string(writer, "kid", status.key_id[0] == '\0' ? NULL : status.key_id);
    put_roots(writer, "root_fingerprints", issuer);
    put_root_differences(writer, &status.roots);
    put_health(writer, &status);
    put_limits(writer, &status);
    put_calls(writer, &status);
    json_end_object(writer);
}

void admin_list_issuers(struct admin_exchange *exchange)
{
    const struct admin_parts *parts = &exchange->admin->parts;
    const struct config *config = config_now(parts->config);
    struct json_writer *writer = json_writer_new(exchange->arena, ADMIN_REPLY_MAX_BYTES);
    json_begin_object(writer);
    json_key(writer, "issuers");
    json_begin_array(writer);
    for (size_t i = 0; i < config->issuer_count; i++)
        put_issuer(writer, issuers_find(parts->issuers, config->issuers[i].id));
    json_end_array(writer);
    json_end_object(writer);
    admin_set_json(exchange, 200, writer);
    admin_finish(exchange);
}

struct issuer *admin_find_issuer(struct admin_exchange *exchange)
{
    const char *id = bytes_is_text(exchange->id) ? arena_string(exchange->arena, exchange->id) : "";
    struct issuer *issuer = issuers_find(exchange->admin->parts.issuers, id);
    if (issuer == NULL)
        admin_refuse(exchange, 404, "No issuer with this id.");
    return issuer;
}

void admin_show_issuer(struct admin_exchange *exchange)
{
    struct issuer *issuer = admin_find_issuer(exchange);
    if (issuer == NULL)
        return;
    struct json_writer *writer = json_writer_new(exchange->arena, ADMIN_REPLY_MAX_BYTES);
    put_issuer(writer, issuer);
    admin_set_json(exchange, 200, writer);
    admin_finish(exchange);
}

/* ---- the differences of a change ---- */

static void put_difference(struct json_writer *writer, struct buffer *words, const char *name,
                           const char *before, const char *after)
{
    if (strcmp(before, after) == 0)
        return;
    json_key(writer, name);
    json_begin_object(writer);
    json_put_string(writer, "from", before);
    json_put_string(writer, "to", after);
    json_end_object(writer);
    buffer_printf(words, "; %s from %s to %s", name, before, after);
}

static void put_number_difference(struct json_writer *writer, struct buffer *words, const char *name,
                                  int64_t before, int64_t after)
{
    put_difference(writer, words, name, arena_printf(words->arena, "%lld", (long long)before),
                   arena_printf(words->arena, "%lld", (long long)after));
}

static void put_duration_difference(struct json_writer *writer, struct buffer *words, const char *name,
                                    int64_t before_s, int64_t after_s)
{
    char before[DURATION_TEXT_BYTES];
    char after[DURATION_TEXT_BYTES];
    duration_format(before, before_s);
    duration_format(after, after_s);
    put_difference(writer, words, name, before, after);
}

static const char *roots_of(struct arena *arena, const struct issuer *issuer)
{
    return arena_join(arena, issuer->root_fingerprints, issuer->root_count, " and ");
}

static void put_root_difference(struct json_writer *writer, struct buffer *words, const struct issuer *before,
                                const struct issuer *after)
{
    const char *from = roots_of(words->arena, before);
    const char *to = roots_of(words->arena, after);
    if (strcmp(from, to) == 0)
        return;
    json_key(writer, "root_fingerprints");
    json_begin_object(writer);
    put_roots(writer, "from", before);
    put_roots(writer, "to", after);
    json_end_object(writer);
    buffer_printf(words, "; roots from %s to %s", from, to);
}

void admin_put_differences(struct json_writer *writer, struct buffer *words, struct issuer *before,
                           struct issuer *after)
{
    const struct issuer_config *old = before->config;
    const struct issuer_config *new = after->config;
    struct issuer_status was, is;
    issuer_read_status(before, &was);
    issuer_read_status(after, &is);
    put_difference(writer, words, "ca_url", old->ca_url, new->ca_url);
    put_difference(writer, words, "provisioner_name", old->provisioner_name, new->provisioner_name);
    put_difference(writer, words, "kid", was.key_id, is.key_id);
    if (strcmp(before->key_thumbprint, after->key_thumbprint) != 0)
        json_put_string(writer, "provisioner_key", "changed");
    put_root_difference(writer, words, before, after);
    put_duration_difference(writer, words, "validity", old->validity_s, new->validity_s);
    put_duration_difference(writer, words, "request_timeout", old->request_timeout_s, new->request_timeout_s);
    put_number_difference(writer, words, "max_concurrent", old->max_concurrent, new->max_concurrent);
    put_number_difference(writer, words, "alternate_chains", (int64_t)old->alternate_chain_count,
                          (int64_t)new->alternate_chain_count);
}
