/* SPDX-License-Identifier: Apache-2.0 */
/* The preflight's lines about this host. */
#include "gateway/preflight/host_preflight.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "disk.h"
#include "gateway/keys/secret_box.h"
#include "gateway/runtime/passed_sockets.h"
#include "log_capture.h"
#include "low_ports.h"
#include "passing.h"
#include "store/database.h"
#include "store/eab_keys.h"

LEAK_CHECKED_SUITE(host_preflight);

enum { LINES_BYTES = 8 * 1024 };

static char told[LINES_BYTES];

static void tell(void *context, enum preflight_verdict verdict, const char *line)
{
    static const char *const words[] = {"ok", "warning", "fault"};
    (void)context;
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s: %s\n", words[verdict], line);
}

/* As `check` runs it, or as `serve`. True when there was a fault. */
static bool run(struct arena *arena, const struct config *config, bool as_check)
{
    struct host_preflight preflight = {.arena = arena,
                                       .config = config,
                                       .location = store_location_new(arena, config->database),
                                       .whole_database = as_check,
                                       .before_start = as_check,
                                       .tell = tell};
    told[0] = '\0';
    host_preflight(&preflight);
    return preflight.failed;
}

static const struct config *parse(struct database *database, const char *endpoint, const char *more)
{
    struct config_errors errors;
    const char *text = arena_printf(
        database->arena,
        "{\"base_url\":\"https://acme.test\",\"listen\":[\"127.0.0.1:0\"],\"database\":\"%s\","
        "\"tls\":{\"issuer\":\"one\"},\"issuers\":{\"one\":{\"type\":\"local\",\"directory\":\"%s/local\"}},"
        "\"profiles\":{\"p\":{\"issuer\":\"one\"},\"q\":{\"issuer\":\"one\"}},\"endpoints\":{\"acme\":{"
        "\"profiles\":[\"p\"]%s}}%s}",
        database->path, database->directory, endpoint, more);
    const struct config *config =
        config_parse(database->arena, "test.json", bytes_from_string(text), (char *const[]){NULL}, &errors);
    cr_assert(config != NULL, "%s", errors.lines[0]);
    return config;
}

static void expect_told(const char *what, const char *words)
{
    cr_expect(strstr(told, words) != NULL, "%s: %s", what, told);
}

/* ---- the database ---- */

static void make_none(struct database *database)
{
    (void)database;
}

static void make_current(struct database *database)
{
    database_connect(database);
    database_disconnect(database);
}

static void make_older(struct database *database)
{
    make_current(database);
    database_run(database, "PRAGMA user_version = 1");
}

static void make_rubbish(struct database *database)
{
    FILE *file = fopen(database->path, "we");
    fputs("This is no database, whatever its name says about that.", file);
    fclose(file);
}

static void make_no_folder(struct database *database)
{
    snprintf(database->path, sizeof database->path, "%s/nowhere/acmegate.db", database->directory);
}

static const struct {
    const char *name;
    void (*make)(struct database *database);
    bool failed;
    const char *words;
} databases[] = {
    {"none", make_none, false, "does not exist yet, `acmegate serve` creates it"},
    {"current", make_current, false, "opens, its schema is current"},
    {"older", make_older, false, "`acmegate serve` brings its schema up to date"},
    {"rubbish", make_rubbish, true, "fault: database "},
    {"no folder", make_no_folder, true, "fault: database "},
};

Test(host_preflight, a_database_is_there_or_can_be_made)
{
    for (size_t i = 0; i < sizeof databases / sizeof *databases; i++) {
        for (int whole = 0; whole <= 1; whole++) {
            struct database database;
            database_begin(&database);
            databases[i].make(&database);
            bool failed = run(database.arena, parse(&database, "", ""), whole != 0);
            cr_expect_eq(failed, databases[i].failed, "%s: %s", databases[i].name, told);
            expect_told(databases[i].name, databases[i].words);
            expect_told(databases[i].name, "ok: listen: 127.0.0.1 port 0 is free");
            snprintf(database.path, sizeof database.path, "%s/acmegate.db", database.directory);
            database_end(&database);
        }
    }
}

static const struct {
    int64_t left;
    bool failed;
    const char *words; /* NULL: nothing is told of the disk */
} disks[] = {
    {STORE_FREE_LOW_BYTES, false, NULL},
    {STORE_FREE_LOW_BYTES - 1024, false, "warning: database "},
    {STORE_FREE_LEAST_BYTES, false, "its disk has only 16 MiB left"},
    {STORE_FREE_LEAST_BYTES - 1024, true, "its disk is full: 16383 KiB are left for this user"},
    {0, true, "fault: database "},
};

Test(host_preflight, a_full_disk_is_a_fault_and_a_low_one_a_warning)
{
    for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
        struct database database;
        database_begin(&database);
        disk_leave(disks[i].left);
        cr_expect_eq(run(database.arena, parse(&database, "", ""), false), disks[i].failed, "%zu: %s", i,
                     told);
        if (disks[i].words == NULL)
            cr_expect_eq(strstr(told, "its disk"), NULL, "%zu: %s", i, told);
        else
            expect_told("disk", disks[i].words);
        database_end(&database);
    }
}

/* ---- addresses ---- */

Test(host_preflight, an_address_that_this_host_lacks_is_a_fault)
{
    struct database database;
    database_begin(&database);
    make_current(&database);
    cr_expect(run(database.arena, parse(&database, "", ",\"pki_listen\":[\"192.0.2.1:1\"]"), false));
    expect_told("pki_listen", "fault: pki_listen: ");
    const char *socket =
        arena_printf(database.arena, ",\"admin\":{\"socket\":\"%s/socket\"}", database.directory);
    cr_expect_not(run(database.arena, parse(&database, "", socket), false), "%s", told);
    expect_told("a socket", "ok: admin.socket: ");
    socket =
        arena_printf(database.arena, ",\"admin\":{\"socket\":\"%s/nowhere/socket\"}", database.directory);
    cr_expect(run(database.arena, parse(&database, "", socket), false));
    expect_told("a socket in no folder", "fault: admin.socket: ");
    database_end(&database);
}

/* A port of this host's that somebody listens on. */
static unsigned take_port(int *file)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof address;
    *file = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(*file, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(*file, 1), 0);
    cr_assert_eq(getsockname(*file, (struct sockaddr *)&address, &n), 0);
    return ntohs(address.sin_port);
}

/* `check` may run beside the server that it is about. */
Test(host_preflight, a_port_in_use_is_a_fault_unless_a_server_has_the_database)
{
    static const struct {
        bool served, in_use;
        const char *words;
    } cases[] = {
        {false, false, "ok: pki_listen: 127.0.0.1 port 0 is free"},
        {true, false, "ok: pki_listen: 127.0.0.1 port 0 is free"},
        {false, true, "fault: pki_listen: "},
        {true, true, "is in use, and a running acmegate has the database"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        int file = -1;
        unsigned port = cases[i].in_use ? take_port(&file) : 0;
        database_begin(&database);
        if (cases[i].served)
            database_serve(&database);
        const char *listen = arena_printf(database.arena, ",\"pki_listen\":[\"127.0.0.1:%u\"]", port);
        bool failed = run(database.arena, parse(&database, "", listen), false);
        cr_expect_eq(failed, cases[i].in_use && !cases[i].served, "%zu: %s", i, told);
        expect_told("pki_listen", cases[i].words);
        if (file >= 0)
            close(file);
        database_end(&database);
    }
}

/* `listener` has %u for the port and %s for the path of the sockets that were passed. */
Test(host_preflight, a_passed_socket_fits_a_listener)
{
    static const struct {
        const char *listener;
        int passed; /* 0: an address, 1: a path */
        bool failed;
        const char *words;
    } cases[] = {
        {",\"pki_listen\":[\"127.0.0.1:%u\"]", 0, false,
         "ok: pki_listen: the service manager passed 127.0.0.1 port "},
        {",\"admin\":{\"socket\":\"%s\"}", 1, false, "ok: admin.socket: the service manager passed /tmp/"},
        {",\"pki_listen\":[\"127.0.0.2:%u\"]", 0, true,
         "fault: socket acmegate.socket (descriptor 200) on 127.0.0.1 port "},
        {"", 0, true,
         "was passed by the service manager, but no address of listen, pki_listen and admin.listen is the "
         "same: "
         "change that key, or ListenStream= of the socket unit"},
        {"", 1, true, "fault: socket acmegate.socket (descriptor 200) at /tmp/"},
        {",\"admin\":{\"socket\":\"%s.other\"}", 1, true,
         "was passed by the service manager, but admin.socket is another path: change that key, or "
         "ListenStream= of the socket unit"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        database_begin(&database);
        const char *path = passing_new_path();
        uint16_t port = 0;
        if (cases[i].passed == 0)
            port = passing_address(0, "127.0.0.1", 0, true);
        else
            passing_path(0, path);
        passing_take(1);
        const char *place = strchr(cases[i].listener, '%');
        const char *listener = cases[i].listener;
        if (place != NULL)
            listener =
                arena_printf(database.arena, "%.*s%s%s", (int)(place - cases[i].listener), cases[i].listener,
                             place[1] == 's' ? path : arena_printf(database.arena, "%u", port), place + 2);
        cr_expect_eq(run(database.arena, parse(&database, "", listener), false), cases[i].failed, "%zu: %s",
                     i, told);
        expect_told(cases[i].listener, cases[i].words);
        passed_sockets_close();
        passing_drop_path();
        database_end(&database);
    }
}

/* The unit gives the server's user more rights than `sudo -u acmegate` does. */
Test(host_preflight, a_denied_port_is_a_fault_for_the_process_that_listens)
{
    static const struct {
        bool as_check, served, failed;
        const char *words;
    } cases[] = {
        {false, false, true, "fault: pki_listen: cannot listen on 127.0.0.1 port 1023: Permission denied"},
        {true, false, false, "warning: pki_listen: cannot listen on 127.0.0.1 port 1023: Permission denied"},
        {true, true, false,
         "ok: pki_listen: 127.0.0.1 port 1023 is not for this user, and a running acmegate has the "
         "database"},
    };
    deny_low_ports();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        database_begin(&database);
        if (cases[i].served)
            database_serve(&database);
        const struct config *config = parse(&database, "", ",\"pki_listen\":[\"127.0.0.1:1023\"]");
        cr_expect_eq(run(database.arena, config, cases[i].as_check), cases[i].failed, "%zu: %s", i, told);
        expect_told("pki_listen", cases[i].words);
        database_end(&database);
    }
}

Test(host_preflight, the_port_of_base_url_is_one_that_is_listened_on)
{
    static const struct {
        const char *base_url;
        uint16_t port;
        const char *words; /* NULL: no warning */
    } cases[] = {{"https://acme.test", 443, NULL},
                 {"https://acme.test", 444, "clients connect to port 443,"},
                 {"https://acme.test:8443", 8443, NULL},
                 {"https://acme.test:8443", 443, "clients connect to port 8443,"},
                 {"https://acme.test:8443", 0, NULL}};
    struct database database;
    database_begin(&database);
    make_current(&database);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct listen_address listen = {.host = "127.0.0.1", .port = cases[i].port};
        struct config config = *parse(&database, "", "");
        config.base_url = cases[i].base_url;
        config.listen = &listen;
        run(database.arena, &config, false);
        cr_expect_eq(strstr(told, "warning: base_url: ") != NULL, cases[i].words != NULL, "%zu: %s", i, told);
        if (cases[i].words != NULL)
            expect_told(cases[i].base_url, cases[i].words);
    }
    database_end(&database);
}

/* ---- accounts ---- */

Test(host_preflight, what_keyless_accounts_may_have_is_told)
{
    static const struct {
        const char *endpoint;
        bool keyless;      /* an account is there */
        const char *words; /* NULL: no warning */
    } cases[] = {
        {",\"eab\":\"off\"", true, NULL},
        {",\"eab\":\"optional\"", false, "eab is optional, and accounts without"},
        {",\"eab\":\"optional\",\"without_eab\":{\"names\":{\"allow\":[\"a.test\"]}}", true, NULL},
        {",\"eab\":\"required\"", false, NULL},
        {",\"eab\":\"required\"", true, "eab is required, and 1 older accounts without"},
        {",\"eab\":\"required\",\"without_eab\":{\"names\":{\"allow\":[\"a.test\"]}}", true, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        database_begin(&database);
        database_connect(&database);
        if (cases[i].keyless)
            make_account(&database, "thumb");
        cr_expect_not(run(database.arena, parse(&database, cases[i].endpoint, ""), false), "%s", told);
        cr_expect_eq(strstr(told, "endpoint acme: ") != NULL, cases[i].words != NULL, "%zu: %s", i, told);
        if (cases[i].words != NULL)
            expect_told(cases[i].endpoint, cases[i].words);
        database_end(&database);
    }
}

Test(host_preflight, many_accounts_from_one_address_of_a_trusted_network_may_be_those_of_a_proxy)
{
    static const struct {
        size_t accounts;
        const char *networks, *proxies;
        const char *words; /* NULL: nothing about it */
    } cases[] = {
        {10, "198.51.100.0/24", "[]",
         "warning: endpoint acme: 10 accounts came from 198.51.100.7, which trusted.networks holds: if a "
         "proxy is "
         "there, all its clients get every name; add it to trusted_proxies"},
        {9, "198.51.100.0/24", "[]", NULL},
        {10, "192.0.2.0/24", "[]", NULL},
        {10, "192.0.2.0/24", "[\"198.51.100.7\"]", NULL},
        {10, "198.51.100.0/24", "[\"198.51.100.7\"]",
         "warning: endpoint acme: trusted.networks holds addresses of trusted_proxies: clients there prove "
         "their "
         "names, because anybody may be behind a proxy"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        database_begin(&database);
        database_connect(&database);
        for (size_t k = 0; k < cases[i].accounts; k++)
            make_account(&database, arena_printf(database.arena, "thumb %zu", k));
        database_run(&database, "UPDATE accounts SET created_from = '198.51.100.7'");
        const char *endpoint =
            arena_printf(database.arena, ",\"trusted\":{\"networks\":[\"%s\"]}", cases[i].networks);
        const char *top = arena_printf(database.arena, ",\"trusted_proxies\":%s", cases[i].proxies);
        cr_expect_not(run(database.arena, parse(&database, endpoint, top), false), "%s", told);
        cr_expect_eq(count_of(told, "endpoint acme: "), cases[i].words != NULL, "%zu: %s", i, told);
        if (cases[i].words != NULL)
            expect_told(cases[i].networks, cases[i].words);
        database_end(&database);
    }
}

/* ---- secrets ---- */

static void add_key(struct database *database, const struct secret_box *box, const char *kid,
                    int64_t revoked_at)
{
    const char *place = eab_key_place(database->arena, "acme", kid);
    struct eab_key key = {.endpoint = "acme", .kid = kid, .created_at = NOW};
    cr_assert(secret_seal(box, database->arena, BYTES_LITERAL("key"), place, &key.sealed_key));
    cr_assert_eq(store_eab_key_insert(database->writer, database->arena, &key), STORE_OK);
    if (revoked_at != 0)
        cr_assert_eq(store_eab_key_revoke(database->writer, key.id, revoked_at), STORE_OK);
}

static const struct {
    const char *name;
    size_t ours, others, revoked; /* keys by the file's secret, and by another one */
    bool missing;                 /* the file */
    bool failed;
    const char *words; /* NULL: nothing about it */
} seals[] = {
    {"none", 0, 0, 0, false, false, "ok: secret_key_path"},
    {"no file, no key", 0, 0, 0, true, false, NULL},
    {"no file, a revoked key", 0, 0, 1, true, false, NULL},
    {"no file, a key", 1, 0, 0, true, true, "the file is missing, and 1 external account keys"},
    {"all open", 2, 0, 1, false, false, "opens the sealed secrets of the database"},
    {"one of two", 1, 1, 0, false, false, "warning: secret_key_path"},
    {"none of two", 0, 2, 0, false, true, "2 of 2 external account keys were sealed with another file"},
};

Test(host_preflight, the_secret_key_opens_what_the_database_keeps_sealed)
{
    for (size_t i = 0; i < sizeof seals / sizeof *seals; i++) {
        struct fault fault;
        struct database database;
        database_begin(&database);
        database_connect(&database);
        const struct config *config = parse(&database, ",\"eab\":\"required\"", "");
        const char *path = config_secret_path(database.arena, config);
        struct config elsewhere = *config;
        elsewhere.secret_key_path = arena_printf(database.arena, "%s/other.secret", database.directory);
        struct secret_box *box = config_open_secrets(config, SECRET_BOX_MAKE, &fault);
        struct secret_box *other = config_open_secrets(&elsewhere, SECRET_BOX_MAKE, &fault);
        cr_assert(box != NULL && other != NULL, "%s", fault.message);
        size_t n = 0;
        for (size_t k = 0; k < seals[i].ours; k++)
            add_key(&database, box, arena_printf(database.arena, "k%zu", n++), 0);
        for (size_t k = 0; k < seals[i].others; k++)
            add_key(&database, other, arena_printf(database.arena, "k%zu", n++), 0);
        for (size_t k = 0; k < seals[i].revoked; k++)
            add_key(&database, other, arena_printf(database.arena, "k%zu", n++), NOW);
        secret_box_free(box);
        secret_box_free(other);
        if (seals[i].missing)
            unlink(path);
        bool failed = run(database.arena, config, false);
        cr_expect_eq(failed, seals[i].failed, "%s: %s", seals[i].name, told);
        cr_expect_eq(strstr(told, "secret_key_path") != NULL, seals[i].words != NULL, "%s: %s", seals[i].name,
                     told);
        if (seals[i].words != NULL)
            expect_told(seals[i].name, seals[i].words);
        database_end(&database);
    }
}
