/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups: the name servers are asked one after the other, so that each one's answer is known. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>

#include "acme/base/buffer.h"
#include "gateway/outbound/dns_message.h"
#include "gateway/outbound/outbound_internal.h"
#include "gateway/runtime/crash_record.h"

#define MALFORMED_ANSWER "gave a malformed answer"

enum { FAILURES_MAX_BYTES = 1024, IPV4_BYTES = 4, IPV6_BYTES = 16 };

/* ---- one query to one server after the other ---- */

struct look_up;

/* A query that c-ares has. It outlives its look-up's query when that turns to another server. */
struct ask {
    struct cares_question question; /* first */
    struct query *query;            /* NULL: nobody waits for the answer any more */
};

struct query {
    struct look_up *look_up;
    enum dns_type type;
    size_t asked; /* number of servers asked, the present one included */
    size_t end;   /* number of servers that it may ask */
    struct ask *ask;
    struct outbound_timer timer;
    struct buffer failures;        /* the failures of the servers */
    enum outbound_dns_fault fault; /* the first server's */
    const char *error; /* the outcome: all servers failed, and how; else `message` is the answer */
    struct dns_message message;
};

/* A look-up. It owns its arena, which it is in. */
struct look_up {
    struct arena *arena;
    struct outbound *outbound;
    struct name_servers *names; /* those that it asks */
    const char *name;
    int64_t owner; /* the object that it works for (crash_record.h) */
    int64_t deadline_ms;
    struct query *query;
    size_t count;
    size_t under_way;
    void (*tell)(struct look_up *look_up);
    union {
        void (*addresses)(void *context, const struct outbound_addresses *addresses);
        void (*texts)(void *context, const struct outbound_texts *texts);
        void (*caa)(void *context, const struct outbound_caa *found);
        void (*servers)(void *context, const struct outbound_server_report *reports, size_t count);
    } done;
    void *context;
};

static void ask_next(struct query *query);

/* A part of it has ended. `tell`: false when the thread ends. */
static void end_part(struct look_up *look_up, bool tell)
{
    if (--look_up->under_way != 0)
        return;
    if (tell)
        look_up->tell(look_up);
    look_up->names->look_ups--;
    arena_free(look_up->arena);
}

static void end_query(struct query *query, bool tell)
{
    outbound_timer_cancel(query->look_up->outbound, &query->timer);
    end_part(query->look_up, tell);
}

static void note_failure(struct query *query, enum outbound_dns_fault fault, const char *what)
{
    query->fault = query->fault == OUTBOUND_DNS_NO_FAULT ? fault : query->fault;
    const struct name_server *server = &query->look_up->names->server[query->asked - 1];
    buffer_printf(&query->failures, "%s%s %s", query->failures.n == 0 ? "" : "; ", server->text, what);
    ask_next(query);
}

static bool is_sound(struct arena *arena, enum dns_type type, struct bytes record)
{
    struct bytes text;
    struct caa_record caa;
    switch (type) {
    case DNS_TYPE_A:
        return record.n == IPV4_BYTES;
    case DNS_TYPE_AAAA:
        return record.n == IPV6_BYTES;
    case DNS_TYPE_TXT:
        return dns_text_read(arena, record, &text);
    case DNS_TYPE_CAA:
        return dns_caa_read(record, &caa);
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
        break;
    }
    return true;
}

/* Returns why an answer is unusable, in words and as `fault`; NULL when it is usable. The absence of a name
 * or a record is a usable answer. */
static const char *answer_fault(struct query *query, struct bytes octets, enum outbound_dns_fault *fault)
{
    struct arena *arena = query->look_up->arena;
    struct dns_message *message = &query->message;
    *fault = OUTBOUND_DNS_MALFORMED;
    if (!dns_message_read(arena, octets, query->type, message))
        return MALFORMED_ANSWER;
    for (size_t i = 0; i < message->record_count; i++)
        if (!is_sound(arena, query->type, message->records[i]))
            return MALFORMED_ANSWER;
    *fault = message->rcode == DNS_REFUSED ? OUTBOUND_DNS_REFUSED : OUTBOUND_DNS_FAILED;
    if (message->rcode != DNS_NOERROR && message->rcode != DNS_NXDOMAIN)
        return arena_printf(arena, "answered %s", dns_rcode_name(arena, message->rcode));
    *fault = OUTBOUND_DNS_NOT_RECURSIVE;
    if (message->referral)
        return "gave a referral to other name servers: it does not recurse; validation.resolvers needs "
               "servers "
               "that do";
    if (message->record_count == 0 && message->alias != NULL && !message->recurses)
        return arena_printf(arena,
                            "answered that the name is an alias (CNAME) of %s only: it does not recurse; "
                            "validation.resolvers needs servers that do",
                            message->alias);
    return NULL;
}

static const char *status_words(int status, enum outbound_dns_fault *fault)
{
    switch (status) {
    case ARES_ETIMEOUT:
        *fault = OUTBOUND_DNS_SILENT;
        return "did not answer";
    case ARES_ECONNREFUSED:
        *fault = OUTBOUND_DNS_UNREACHABLE;
        return "could not be reached";
    case ARES_EBADRESP: /* c-ares could not make sense of it */
        *fault = OUTBOUND_DNS_MALFORMED;
        return MALFORMED_ANSWER;
    default:
        *fault = OUTBOUND_DNS_FAILED;
        return ares_strerror(status);
    }
}

static void take_answer(struct query *query, int status, struct bytes octets)
{
    enum outbound_dns_fault fault;
    const char *words = octets.n == 0
                            ? status_words(status, &fault)
                            : answer_fault(query, arena_copy(query->look_up->arena, octets), &fault);
    if (words == NULL)
        end_query(query, true);
    else
        note_failure(query, fault, words);
}

static void on_answered(struct cares_question *question, int status, struct bytes octets)
{
    struct ask *ask = (struct ask *)(void *)question;
    struct query *query = ask->query;
    free(ask);
    if (query == NULL)
        return;
    query->ask = NULL;
    if (status == ARES_EDESTRUCTION) {
        end_query(query, false);
        return;
    }
    int64_t before = crash_record_set_owner(query->look_up->owner);
    take_answer(query, status, octets);
    crash_record_set_owner(before);
}

static void on_late(void *argument)
{
    struct query *query = argument;
    int64_t before = crash_record_set_owner(query->look_up->owner);
    query->ask->query = NULL;
    query->ask = NULL;
    note_failure(query, OUTBOUND_DNS_SILENT, "did not answer in time");
    crash_record_set_owner(before);
}

/* Each server that it may ask gets an equal share of the time that is left. */
static void ask_next(struct query *query)
{
    struct look_up *look_up = query->look_up;
    struct outbound *outbound = look_up->outbound;
    int64_t left_ms = look_up->deadline_ms - outbound_now_ms();
    if (query->asked == query->end || (query->failures.n != 0 && left_ms <= 0)) {
        query->error = buffer_string(&query->failures);
        end_query(query, true);
        return;
    }
    int64_t share_ms = left_ms / (int64_t)(query->end - query->asked);
    struct name_server *server = &look_up->names->server[query->asked++];
    query->ask = malloc(sizeof *query->ask);
    if (query->ask == NULL)
        end_without("memory");
    *query->ask = (struct ask){.question.answered = on_answered, .query = query};
    outbound_timer_set(outbound, &query->timer, share_ms > 0 ? share_ms : 0);
    cares_query(server->channel, look_up->name, (int)query->type, &query->ask->question);
}

static struct look_up *make_look_up(struct outbound *outbound, const char *name, int64_t timeout_ms,
                                    void (*tell)(struct look_up *look_up), void *context)
{
    struct arena *arena = arena_new();
    struct look_up *look_up = arena_alloc(arena, sizeof *look_up);
    *look_up = (struct look_up){.arena = arena,
                                .outbound = outbound,
                                .names = outbound->names,
                                .name = arena_duplicate(arena, name),
                                .owner = crash_record_owner(),
                                .deadline_ms = outbound_now_ms() + timeout_ms,
                                .tell = tell,
                                .context = context};
    look_up->names->look_ups++;
    return look_up;
}

static void prepare(struct look_up *look_up, size_t count)
{
    look_up->query = arena_alloc_array(look_up->arena, count, sizeof look_up->query[0]);
    look_up->count = count;
    look_up->under_way = count + 1; /* one for this function: a query that ends at once must not end the
                                     * look-up */
}

static void begin_query(struct look_up *look_up, size_t place, enum dns_type type, size_t first, size_t end)
{
    struct query *query = &look_up->query[place];
    *query = (struct query){.look_up = look_up,
                            .type = type,
                            .asked = first,
                            .end = end,
                            .timer = {.run = on_late, .argument = query}};
    buffer_init(&query->failures, look_up->arena, FAILURES_MAX_BYTES);
    ask_next(query);
}

static void begin(struct look_up *look_up, const enum dns_type *types, size_t count)
{
    prepare(look_up, count);
    for (size_t i = 0; i < count; i++)
        begin_query(look_up, i, types[i], 0, look_up->names->count);
    end_part(look_up, true);
}

/* ---- addresses ---- */

static void add_address(struct outbound_addresses *out, int family, struct bytes octets)
{
    if (out->count == OUTBOUND_MAX_ADDRESSES)
        return;
    struct sockaddr_storage *address = &out->address[out->count++];
    address->ss_family = (sa_family_t)family;
    if (family == AF_INET6)
        memcpy(&((struct sockaddr_in6 *)address)->sin6_addr, octets.p, IPV6_BYTES);
    else
        memcpy(&((struct sockaddr_in *)address)->sin_addr, octets.p, IPV4_BYTES);
}

static const char *both_errors(struct arena *arena, const char *aaaa, const char *a)
{
    if (aaaa == NULL || a == NULL)
        return aaaa == NULL ? a : aaaa;
    return strcmp(aaaa, a) == 0 ? a : arena_printf(arena, "AAAA: %s; A: %s", aaaa, a);
}

/* Reports addresses, IPv6 first. The answers to one query are used, whatever happened to the other. */
static void tell_addresses(struct look_up *look_up)
{
    struct outbound_addresses found = {0};
    for (size_t i = 0; i < look_up->count; i++) {
        const struct query *query = &look_up->query[i];
        for (size_t n = 0; query->error == NULL && n < query->message.record_count; n++)
            add_address(&found, query->type == DNS_TYPE_AAAA ? AF_INET6 : AF_INET, query->message.records[n]);
        if (query->message.alias != NULL)
            found.alias = query->message.alias;
    }
    if (found.count == 0)
        found.error = both_errors(look_up->arena, look_up->query[0].error, look_up->query[1].error);
    if (found.error != NULL)
        found.fault = look_up->query[look_up->query[0].error == NULL ? 1 : 0].fault;
    look_up->done.addresses(look_up->context, &found);
}

static void add_from_hosts_file(struct outbound *outbound, const char *host, int family,
                                struct outbound_addresses *out)
{
    struct hostent *found = NULL;
    if (ares_gethostbyname_file(outbound->names->server[0].channel, host, family, &found) != ARES_SUCCESS)
        return;
    for (char **address = found->h_addr_list; *address != NULL; address++)
        add_address(out, family, bytes_of(*address, (size_t)found->h_length));
    ares_free_hostent(found);
}

static bool is_known_without_asking(struct outbound *outbound, const char *host,
                                    struct outbound_addresses *out)
{
    uint8_t octets[IPV6_BYTES];
    *out = (struct outbound_addresses){0};
    if (inet_pton(AF_INET6, host, octets) == 1) {
        add_address(out, AF_INET6, bytes_of(octets, IPV6_BYTES));
    } else if (inet_pton(AF_INET, host, octets) == 1) {
        add_address(out, AF_INET, bytes_of(octets, IPV4_BYTES));
    } else {
        add_from_hosts_file(outbound, host, AF_INET6, out);
        add_from_hosts_file(outbound, host, AF_INET, out);
    }
    return out->count != 0;
}

void outbound_resolve(struct outbound *outbound, const char *host, int64_t timeout_ms,
                      void (*done)(void *context, const struct outbound_addresses *addresses), void *context)
{
    struct outbound_addresses known;
    if (is_known_without_asking(outbound, host, &known)) {
        done(context, &known);
        return;
    }
    struct look_up *look_up = make_look_up(outbound, host, timeout_ms, tell_addresses, context);
    look_up->done.addresses = done;
    begin(look_up, (const enum dns_type[]){DNS_TYPE_AAAA, DNS_TYPE_A}, 2);
}

/* ---- TXT ---- */

static void tell_texts(struct look_up *look_up)
{
    const struct query *query = &look_up->query[0];
    struct outbound_texts found = {
        .error = query->error, .fault = query->fault, .alias = query->message.alias};
    if (query->error == NULL) {
        found.texts = arena_alloc_array(look_up->arena, query->message.record_count, sizeof found.texts[0]);
        for (size_t i = 0; i < query->message.record_count; i++)
            if (dns_text_read(look_up->arena, query->message.records[i], &found.texts[found.count]))
                found.count++;
    }
    look_up->done.texts(look_up->context, &found);
}

void outbound_resolve_txt(struct outbound *outbound, const char *name, int64_t timeout_ms,
                          void (*done)(void *context, const struct outbound_texts *texts), void *context)
{
    struct look_up *look_up = make_look_up(outbound, name, timeout_ms, tell_texts, context);
    look_up->done.texts = done;
    begin(look_up, (const enum dns_type[]){DNS_TYPE_TXT}, 1);
}

/* ---- CAA ---- */

static void tell_caa(struct look_up *look_up)
{
    const struct query *query = &look_up->query[0];
    struct outbound_caa found = {.error = query->error};
    if (query->error == NULL) {
        struct caa_record *records =
            arena_alloc_array(look_up->arena, query->message.record_count, sizeof records[0]);
        for (size_t i = 0; i < query->message.record_count; i++)
            if (dns_caa_read(query->message.records[i], &records[found.count]))
                found.count++;
        found.records = records;
    }
    look_up->done.caa(look_up->context, &found);
}

void outbound_resolve_caa(struct outbound *outbound, const char *name, int64_t timeout_ms,
                          void (*done)(void *context, const struct outbound_caa *found), void *context)
{
    struct look_up *look_up = make_look_up(outbound, name, timeout_ms, tell_caa, context);
    look_up->done.caa = done;
    begin(look_up, (const enum dns_type[]){DNS_TYPE_CAA}, 1);
}

/* ---- the servers themselves ---- */

static void tell_servers(struct look_up *look_up)
{
    struct outbound_server_report *reports =
        arena_alloc_array(look_up->arena, look_up->count, sizeof reports[0]);
    for (size_t i = 0; i < look_up->count; i++)
        reports[i] = (struct outbound_server_report){
            .server = look_up->names->server[i].text,
            .error = look_up->query[i].error,
            .fault = look_up->query[i].error == NULL ? OUTBOUND_DNS_NO_FAULT : look_up->query[i].fault};
    look_up->done.servers(look_up->context, reports, look_up->count);
}

void outbound_ask_each_server(struct outbound *outbound, const char *name, int64_t timeout_ms,
                              void (*done)(void *context, const struct outbound_server_report *reports,
                                           size_t count),
                              void *context)
{
    struct look_up *look_up = make_look_up(outbound, name, timeout_ms, tell_servers, context);
    look_up->done.servers = done;
    prepare(look_up, look_up->names->count);
    for (size_t i = 0; i < look_up->names->count; i++)
        begin_query(look_up, i, DNS_TYPE_A, i, i + 1);
    end_part(look_up, true);
}

bool outbound_knows_host(struct outbound *outbound, const char *host)
{
    struct outbound_addresses known;
    return strcmp(host, "localhost") == 0 || is_known_without_asking(outbound, host, &known);
}
