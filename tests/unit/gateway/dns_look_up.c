/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_look_up.h"

#include "gateway/outbound/outbound_wait.h"

struct look_up {
    struct outbound_errand errand; /* first */
    struct outbound *outbound;
    struct arena *arena;
    const char *name;
    int64_t timeout_ms;
    struct outbound_addresses addresses;
    struct outbound_texts texts;
    struct outbound_caa caa;
    struct outbound_server_report *reports;
    size_t report_count;
};

static struct look_up look_up(struct outbound *outbound, struct arena *arena, const char *name,
                              int64_t timeout_ms, void (*run)(struct outbound_message *message))
{
    struct look_up made = {.outbound = outbound, .arena = arena, .name = name, .timeout_ms = timeout_ms};
    outbound_wait(outbound, &made.errand, run);
    return made;
}

static void found_addresses(void *context, const struct outbound_addresses *addresses)
{
    struct look_up *look_up = context;
    look_up->addresses = *addresses;
    look_up->addresses.error = arena_duplicate(look_up->arena, addresses->error);
    look_up->addresses.alias = arena_duplicate(look_up->arena, addresses->alias);
    outbound_errand_end(&look_up->errand);
}

static void find_addresses(struct outbound_message *message)
{
    struct look_up *look_up = (struct look_up *)(void *)message;
    outbound_resolve(look_up->outbound, look_up->name, look_up->timeout_ms, found_addresses, look_up);
}

struct outbound_addresses dns_look_up_addresses(struct outbound *outbound, struct arena *arena,
                                                const char *host, int64_t timeout_ms)
{
    return look_up(outbound, arena, host, timeout_ms, find_addresses).addresses;
}

static void found_texts(void *context, const struct outbound_texts *texts)
{
    struct look_up *look_up = context;
    look_up->texts = *texts;
    look_up->texts.error = arena_duplicate(look_up->arena, texts->error);
    look_up->texts.alias = arena_duplicate(look_up->arena, texts->alias);
    look_up->texts.texts = arena_alloc_array(look_up->arena, texts->count, sizeof texts->texts[0]);
    for (size_t i = 0; i < texts->count; i++)
        look_up->texts.texts[i] = arena_copy(look_up->arena, texts->texts[i]);
    outbound_errand_end(&look_up->errand);
}

static void find_texts(struct outbound_message *message)
{
    struct look_up *look_up = (struct look_up *)(void *)message;
    outbound_resolve_txt(look_up->outbound, look_up->name, look_up->timeout_ms, found_texts, look_up);
}

struct outbound_texts dns_look_up_texts(struct outbound *outbound, struct arena *arena, const char *name,
                                        int64_t timeout_ms)
{
    return look_up(outbound, arena, name, timeout_ms, find_texts).texts;
}

static void found_caa(void *context, const struct outbound_caa *found)
{
    struct look_up *look_up = context;
    struct caa_record *records = arena_alloc_array(look_up->arena, found->count, sizeof *records);
    for (size_t i = 0; i < found->count; i++)
        records[i] = (struct caa_record){.critical = found->records[i].critical,
                                         .tag = arena_copy(look_up->arena, found->records[i].tag),
                                         .value = arena_copy(look_up->arena, found->records[i].value)};
    look_up->caa =
        (struct outbound_caa){records, found->count, arena_duplicate(look_up->arena, found->error)};
    outbound_errand_end(&look_up->errand);
}

static void find_caa(struct outbound_message *message)
{
    struct look_up *look_up = (struct look_up *)(void *)message;
    outbound_resolve_caa(look_up->outbound, look_up->name, look_up->timeout_ms, found_caa, look_up);
}

struct outbound_caa dns_look_up_caa(struct outbound *outbound, struct arena *arena, const char *name,
                                    int64_t timeout_ms)
{
    return look_up(outbound, arena, name, timeout_ms, find_caa).caa;
}

static void found_servers(void *context, const struct outbound_server_report *reports, size_t count)
{
    struct look_up *look_up = context;
    look_up->reports = arena_alloc_array(look_up->arena, count, sizeof *reports);
    look_up->report_count = count;
    for (size_t i = 0; i < count; i++)
        look_up->reports[i] = (struct outbound_server_report){
            arena_duplicate(look_up->arena, reports[i].server),
            arena_duplicate(look_up->arena, reports[i].error), reports[i].fault};
    outbound_errand_end(&look_up->errand);
}

static void find_servers(struct outbound_message *message)
{
    struct look_up *look_up = (struct look_up *)(void *)message;
    outbound_ask_each_server(look_up->outbound, look_up->name, look_up->timeout_ms, found_servers, look_up);
}

size_t dns_look_up_servers(struct outbound *outbound, struct arena *arena, const char *name,
                           int64_t timeout_ms, struct outbound_server_report **reports)
{
    struct look_up made = look_up(outbound, arena, name, timeout_ms, find_servers);
    *reports = made.reports;
    return made.report_count;
}
