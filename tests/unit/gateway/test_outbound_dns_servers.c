/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups with several name servers: who is asked, for how long, and what is told when none answers. */
#include <arpa/inet.h>
#include <unistd.h>

#include "dns_look_up.h"
#include "dns_server.h"
#include "gateway/outbound/outbound_internal.h"
#include "gateway/outbound/outbound_wait.h"
#include "leaks.h"
#include "loopback_server.h"
#include "outbound_thread.h"

LEAK_CHECKED_SUITE(outbound_dns_servers);

enum { PATIENT_MS = 20 * 1000, IMPATIENT_MS = 1000, SERVERS = 2 };

#define TEXT BYTES_LITERAL(DNS_RECORD(DNS_TXT, "\0\2") "\1x")

static const struct dns_says good = {0, DNS_RECURSES, 1, 0, TEXT}, fails = {0, DNS_RECURSES + 2, 0, 0, {0}},
                             refuses = {0, DNS_RECURSES + 5, 0, 0, {0}};

/* An outbound thread with two name servers. NULL: silent. */
struct scene {
    struct arena *arena;
    struct dns_server server[SERVERS];
    struct outbound *outbound;
};

static void scene_begin(struct scene *scene, const struct dns_says *first, const struct dns_says *second)
{
    *scene = (struct scene){.arena = arena_new(),
                            .server = {{.says = first, .says_count = first != NULL},
                                       {.says = second, .says_count = second != NULL}}};
    for (size_t i = 0; i < SERVERS; i++)
        dns_server_start(&scene->server[i]);
    scene->outbound = outbound_thread_start(
        (const char *const[]){scene->server[0].address, scene->server[1].address, NULL});
}

static void scene_stop(struct scene *scene)
{
    outbound_thread_stop(scene->outbound);
    for (size_t i = 0; i < SERVERS; i++)
        dns_server_stop(&scene->server[i]);
}

/* `template` with 1 and 2 in the place of the servers' addresses. */
static const char *with_addresses(const struct scene *scene, const char *template)
{
    const char *text = "";
    for (const char *at = template; *at != '\0'; at++)
        text = *at == '1' || *at == '2'
                   ? arena_printf(scene->arena, "%s%s", text, scene->server[*at - '1'].address)
                   : arena_printf(scene->arena, "%s%c", text, *at);
    return text;
}

Test(outbound_dns_servers, the_next_is_asked_until_one_answers)
{
    static const struct {
        const struct dns_says *first, *second;
        int64_t timeout_ms;
        size_t count;
        enum outbound_dns_fault fault; /* of the first server */
        const char *error;
        bool second_is_asked;
    } cases[] = {
        {&good, &fails, PATIENT_MS, 1, OUTBOUND_DNS_NO_FAULT, NULL, false},
        {&fails, &good, PATIENT_MS, 1, OUTBOUND_DNS_FAILED, NULL, true},
        {NULL, &good, 2 * IMPATIENT_MS, 1, OUTBOUND_DNS_SILENT, NULL, true},
        {&refuses, &fails, PATIENT_MS, 0, OUTBOUND_DNS_REFUSED, "1 answered REFUSED; 2 answered SERVFAIL",
         true},
        {&fails, NULL, IMPATIENT_MS, 0, OUTBOUND_DNS_FAILED, "1 answered SERVFAIL; 2 did not answer in time",
         true},
        {NULL, &good, 0, 0, OUTBOUND_DNS_SILENT, "1 did not answer in time", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        scene_begin(&scene, cases[i].first, cases[i].second);
        struct outbound_texts found =
            dns_look_up_texts(scene.outbound, scene.arena, "a.example", cases[i].timeout_ms);
        scene_stop(&scene);
        cr_expect_eq(found.count, cases[i].count, "case %zu", i);
        cr_expect_eq(found.fault, cases[i].fault, "case %zu: %d", i, (int)found.fault);
        cr_assert_eq(found.error == NULL, cases[i].error == NULL, "case %zu: %s", i, found.error);
        cr_expect(found.error == NULL || strcmp(found.error, with_addresses(&scene, cases[i].error)) == 0,
                  "case %zu: %s", i, found.error);
        cr_expect_eq(scene.server[1].asked_udp != 0, cases[i].second_is_asked, "case %zu", i);
        arena_free(scene.arena);
    }
}

Test(outbound_dns_servers, one_that_nobody_runs_cannot_be_reached)
{
    struct arena *arena = arena_new();
    int held;
    const char *address = arena_printf(arena, "127.0.0.1:%u", loopback_closed_port(&held));
    struct outbound *outbound = outbound_thread_start((const char *const[]){address, NULL});
    struct outbound_texts found = dns_look_up_texts(outbound, arena, "a.example", PATIENT_MS);
    outbound_thread_stop(outbound);
    close(held);
    cr_expect_eq(found.fault, OUTBOUND_DNS_UNREACHABLE);
    cr_expect_str_eq(found.error, arena_printf(arena, "%s could not be reached", address), "%s", found.error);
    arena_free(arena);
}

/* All at once, each for the whole time. */
Test(outbound_dns_servers, each_server_is_reported_on)
{
    struct scene scene;
    struct outbound_server_report *reports;
    scene_begin(&scene, NULL, &refuses);
    scene.server[1].says = &(const struct dns_says){0, DNS_RECURSES, 0, 0, {0}};
    size_t count = dns_look_up_servers(scene.outbound, scene.arena, "a.example", IMPATIENT_MS, &reports);
    scene_stop(&scene);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(reports[0].server, scene.server[0].address);
    cr_expect_str_eq(reports[0].error, with_addresses(&scene, "1 did not answer in time"));
    cr_expect_eq(reports[0].fault, OUTBOUND_DNS_SILENT);
    cr_expect_str_eq(reports[1].server, scene.server[1].address);
    cr_expect_null(reports[1].error, "%s", reports[1].error);
    cr_expect_eq(reports[1].fault, OUTBOUND_DNS_NO_FAULT);
    arena_free(scene.arena);
}

/* ---- addresses ---- */

enum { A = 1, AAAA = 28 };

#define V4       DNS_RECORD(DNS_A, "\0\4") "\x0a\0\0\1"
#define V4_SHORT DNS_RECORD(DNS_A, "\0\3") "\x0a\0\0"
#define V6       DNS_RECORD(DNS_AAAA, "\0\x10") "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define V6_SHORT DNS_RECORD(DNS_AAAA, "\0\x0f") "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define EIGHT(x) x x x x x x x x
#define ALIAS    DNS_RECORD(DNS_CNAME, "\0\2") "\xc0\x0e"

static const char *address_words(struct arena *arena, const struct outbound_addresses *found)
{
    const char *words = "";
    char text[INET6_ADDRSTRLEN];
    for (size_t i = 0; i < found->count; i++) {
        const struct sockaddr_storage *address = &found->address[i];
        const void *octets = address->ss_family == AF_INET6
                                 ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                                 : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
        words = arena_printf(arena, "%s%s ", words, inet_ntop(address->ss_family, octets, text, sizeof text));
    }
    return words;
}

/* What one question brought is used, whatever became of the other. */
Test(outbound_dns_servers, addresses_of_both_families_ipv6_first)
{
    static const struct {
        struct dns_says v4, v6;
        const char *addresses;
        enum outbound_dns_fault fault;
        const char *error; /* of the first server, 1 */
        const char *alias;
    } cases[] = {
        {{A, DNS_RECURSES, 1, 0, BYTES_LITERAL(V4)},
         {AAAA, DNS_RECURSES, 1, 0, BYTES_LITERAL(V6)},
         "fd00::1 10.0.0.1 ",
         0,
         NULL,
         NULL},
        {{A, DNS_RECURSES, 1, 0, BYTES_LITERAL(V4)},
         {AAAA, DNS_RECURSES + 2, 0, 0, {0}},
         "10.0.0.1 ",
         0,
         NULL,
         NULL},
        {{A, DNS_RECURSES + 2, 0, 0, {0}},
         {AAAA, DNS_RECURSES, 1, 0, BYTES_LITERAL(V6)},
         "fd00::1 ",
         0,
         NULL,
         NULL},
        {{A, DNS_RECURSES, 0, 0, {0}}, {AAAA, DNS_RECURSES, 0, 0, {0}}, "", 0, NULL, NULL},
        {{A, DNS_RECURSES + 2, 0, 0, {0}},
         {AAAA, DNS_RECURSES, 0, 0, {0}},
         "",
         OUTBOUND_DNS_FAILED,
         "1 answered SERVFAIL",
         NULL},
        {{A, DNS_RECURSES + 5, 0, 0, {0}},
         {AAAA, DNS_RECURSES + 2, 0, 0, {0}},
         "",
         OUTBOUND_DNS_FAILED,
         "AAAA: 1 answered SERVFAIL; A: 1 answered REFUSED",
         NULL},
        {{A, DNS_RECURSES + 5, 0, 0, {0}},
         {AAAA, DNS_RECURSES + 5, 0, 0, {0}},
         "",
         OUTBOUND_DNS_REFUSED,
         "1 answered REFUSED",
         NULL},
        {{A, DNS_RECURSES, 1, 0, BYTES_LITERAL(V4_SHORT)},
         {AAAA, DNS_RECURSES, 0, 0, {0}},
         "",
         OUTBOUND_DNS_MALFORMED,
         "1 gave a malformed answer",
         NULL},
        {{A, DNS_RECURSES, 0, 0, {0}},
         {AAAA, DNS_RECURSES, 1, 0, BYTES_LITERAL(V6_SHORT)},
         "",
         OUTBOUND_DNS_MALFORMED,
         "1 gave a malformed answer",
         NULL},
        {{A, DNS_RECURSES, 2, 0, BYTES_LITERAL(ALIAS V4)},
         {AAAA, DNS_RECURSES, 0, 0, {0}},
         "10.0.0.1 ",
         0,
         NULL,
         "example"},
        {{A, DNS_RECURSES, 9, 0, BYTES_LITERAL(EIGHT(V4) V4)},
         {AAAA, DNS_RECURSES, 8, 0, BYTES_LITERAL(EIGHT(V6))},
         EIGHT("fd00::1 ") EIGHT("10.0.0.1 "),
         0,
         NULL,
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct dns_says says[] = {cases[i].v4, cases[i].v6};
        struct scene scene = {.arena = arena_new(), .server[0] = {.says = says, .says_count = 2}};
        dns_server_start(&scene.server[0]);
        scene.outbound = outbound_thread_start((const char *const[]){scene.server[0].address, NULL});
        struct outbound_addresses found =
            dns_look_up_addresses(scene.outbound, scene.arena, "a.example", PATIENT_MS);
        outbound_thread_stop(scene.outbound);
        dns_server_stop(&scene.server[0]);
        const char *addresses = address_words(scene.arena, &found);
        cr_expect_str_eq(addresses, cases[i].addresses, "case %zu: %s", i, addresses);
        cr_expect_eq(found.fault, cases[i].fault, "case %zu", i);
        cr_assert_eq(found.error == NULL, cases[i].error == NULL, "case %zu: %s", i, found.error);
        cr_expect(found.error == NULL || strcmp(found.error, with_addresses(&scene, cases[i].error)) == 0,
                  "case %zu: %s", i, found.error);
        cr_assert_eq(found.alias == NULL, cases[i].alias == NULL, "case %zu: %s", i, found.alias);
        cr_expect(found.alias == NULL || strcmp(found.alias, cases[i].alias) == 0, "case %zu", i);
        arena_free(scene.arena);
    }
}

/* ---- which hosts need no server, and which servers there are ---- */

struct host {
    struct outbound *outbound;
    const char *name;
    bool known;
};

static void ask_about_host(void *argument)
{
    struct host *host = argument;
    host->known = outbound_knows_host(host->outbound, host->name);
}

/* RFC 6761 §6.3. */
Test(outbound_dns_servers, numbers_and_localhost_need_no_server)
{
    static const struct {
        const char *host;
        const char *addresses; /* NULL: a name server is asked */
    } cases[] = {
        {"10.0.0.7", "10.0.0.7 "},
        {"fd00::7", "fd00::7 "},
        {"localhost", NULL},
        {"a.example", NULL},
    };
    struct scene scene;
    scene_begin(&scene, &refuses, &refuses);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct host host = {scene.outbound, cases[i].host, false};
        outbound_run_and_wait(scene.outbound, ask_about_host, &host);
        cr_expect_eq(host.known, strcmp(cases[i].host, "a.example") != 0, "%s", cases[i].host);
        if (cases[i].addresses == NULL)
            continue;
        struct outbound_addresses found =
            dns_look_up_addresses(scene.outbound, scene.arena, cases[i].host, PATIENT_MS);
        cr_expect_null(found.error);
        cr_expect_str_eq(address_words(scene.arena, &found), cases[i].addresses);
    }
    scene_stop(&scene);
    cr_expect_eq(scene.server[0].asked_udp, 0);
    arena_free(scene.arena);
}

Test(outbound_dns_servers, a_resolver_is_an_address_with_or_without_a_port)
{
    static const struct {
        const char *resolver;
        bool good;
    } cases[] = {
        {"127.0.0.1", true},  {"127.0.0.1:5353", true}, {"::1", true},
        {"[::1]:5353", true}, {"a.example", false},     {"127.0.0.1:x", false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {0};
        struct outbound *outbound = outbound_start(
            &(const struct outbound_config){(const char *const[]){"127.0.0.1", cases[i].resolver}, 2},
            &fault);
        cr_assert_eq(outbound != NULL, cases[i].good, "%s", cases[i].resolver);
        if (outbound != NULL) {
            outbound_thread_stop(outbound);
            continue;
        }
        cr_expect_str_eq(fault.message, arena_printf(arena,
                                                     "validation.resolvers: \"%s\" is not an \"address\" or "
                                                     "\"address:port\"",
                                                     cases[i].resolver));
    }
    arena_free(arena);
}

/* c-ares tells the system's servers by the same text that names one of ours. */
Test(outbound_dns_servers, the_servers_of_a_channel_are_told_as_a_list)
{
    struct arena *arena = arena_new();
    ares_channel channel;
    cr_assert_eq(ares_library_init(ARES_LIB_INIT_ALL), ARES_SUCCESS);
    cr_assert_eq(ares_init_options(&channel, &(struct ares_options){0}, 0), ARES_SUCCESS);
    cr_assert_eq(ares_set_servers_ports_csv(channel, "127.0.0.1:5353,[::1]:5354"), ARES_SUCCESS);
    cr_expect_str_eq(cares_servers(arena, channel), "127.0.0.1:5353,[::1]:5354");
    cr_assert_eq(ares_set_servers_ports_csv(channel, "127.0.0.1,::1"), ARES_SUCCESS);
    const char *servers = cares_servers(arena, channel);
    cr_expect(strcmp(servers, "127.0.0.1,::1") == 0 || strcmp(servers, "127.0.0.1:53,[::1]:53") == 0, "%s",
              servers);
    cr_assert_eq(ares_set_servers_ports_csv(channel, servers), ARES_SUCCESS, "%s", servers);
    cr_expect_str_eq(cares_servers(arena, channel), servers);
    ares_destroy(channel);
    ares_library_cleanup();
    arena_free(arena);
}

/* ---- others in their place ---- */

static void use_the_second(struct scene *scene)
{
    struct fault fault = {0};
    const struct outbound_config second = {.resolvers = (const char *const[]){scene->server[1].address},
                                           .resolver_count = 1};
    struct name_servers *names = outbound_name_servers_open(&second, &fault);
    cr_assert_not_null(names, "%s", fault.message);
    outbound_name_servers_use(scene->outbound, names);
}

Test(outbound_dns_servers, look_ups_ask_the_newest)
{
    struct scene scene;
    scene_begin(&scene, &refuses, &good);
    for (int i = 0; i < 3; i++) {
        struct outbound_texts found = dns_look_up_texts(scene.outbound, scene.arena, "www.test", PATIENT_MS);
        cr_expect_null(found.error, "%d: %s", i, found.error);
        use_the_second(&scene);
    }
    struct outbound_server_report *reports = NULL;
    cr_assert_eq(dns_look_up_servers(scene.outbound, scene.arena, "www.test", PATIENT_MS, &reports), 1);
    cr_expect_str_eq(reports[0].server, scene.server[1].address);
    scene_stop(&scene);
    cr_expect_eq(scene.server[0].asked_udp, 1, "only the first look-up asked it");
    arena_free(scene.arena);
}

struct late {
    struct outbound_errand errand; /* first */
    struct scene *scene;
    const char *error;
};

static void on_late_texts(void *context, const struct outbound_texts *found)
{
    struct late *late = context;
    late->error = arena_duplicate(late->scene->arena, found->error);
    outbound_errand_end(&late->errand);
}

static void begin_late(struct outbound_message *message)
{
    struct late *late = (struct late *)(void *)message;
    outbound_resolve_txt(late->scene->outbound, "www.test", IMPATIENT_MS, on_late_texts, late);
    use_the_second(late->scene);
}

/* It asks both silent servers to its end; then they are let go of. */
Test(outbound_dns_servers, a_look_up_under_way_keeps_its_own)
{
    struct scene scene;
    scene_begin(&scene, NULL, NULL);
    struct late late = {.scene = &scene};
    outbound_wait(scene.outbound, &late.errand, begin_late);
    cr_expect_str_eq(late.error,
                     with_addresses(&scene, "1 did not answer in time; 2 did not answer in time"));
    struct outbound_server_report *reports = NULL;
    cr_assert_eq(dns_look_up_servers(scene.outbound, scene.arena, "www.test", 1, &reports), 1);
    scene_stop(&scene);
    arena_free(scene.arena);
}

Test(outbound_dns_servers, what_cannot_be_used_is_named)
{
    struct fault fault = {0};
    const struct outbound_config config = {.resolvers = (const char *const[]){"127.0.0.1", "nonsense"},
                                           .resolver_count = 2};
    struct outbound *outbound = outbound_thread_start(NULL);
    cr_expect_null(outbound_name_servers_open(&config, &fault));
    cr_expect_str_eq(fault.message,
                     "validation.resolvers: \"nonsense\" is not an \"address\" or \"address:port\"");
    struct name_servers *names = outbound_name_servers_open(&(struct outbound_config){0}, &fault);
    cr_expect_not_null(names, "%s", fault.message);
    outbound_name_servers_free(names);
    outbound_name_servers_free(NULL);
    outbound_thread_stop(outbound);
}
