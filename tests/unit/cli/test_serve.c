/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate serve` and `acmegate dev`: a server from its start to the signal that ends it. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/cli/cli.h"
#include "gateway/runtime/version.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_serve);

enum { LOG_MAX_BYTES = 64 * 1024 };

static char logged[LOG_MAX_BYTES];

static void listen_to_log(struct bytes line)
{
    size_t n = strlen(logged);
    cr_assert_lt(n + line.n, sizeof logged);
    memcpy(logged + n, line.p, line.n);
    logged[n + line.n] = '\0';
}

/* With the local CA alone. */
static void configure(const char *top)
{
    shell_write(
        "acmegate.json",
        text_of(
            "{\"base_url\":\"https://acme.test\",\"listen\":[\"127.0.0.1:1\"],\"database\":\"%s\","
            "\"tls\":{\"issuer\":\"inner\"},"
            "\"issuers\":{\"inner\":{\"type\":\"local\",\"directory\":\"%s\"}},"
            "\"profiles\":{\"inside\":{\"issuer\":\"inner\",\"max_ttl\":\"12h\"}},"
            "\"endpoints\":{\"acme\":{\"profiles\":[\"inside\"]},\"other\":{\"profiles\":[\"inside\"]}}%s}",
            shell.database.path, shell_path("ca"), top));
}

static void begin(void)
{
    shell_begin();
    configure("");
    database_disconnect(&shell.database);
    fake_store_use(shell.database.location, NULL);
    logged[0] = '\0';
    fake_log_listen(listen_to_log);
}

/* A signal that waits until the server looks for it. */
static void pend(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    cr_assert_eq(raise(number), 0);
}

static void expect_logged(const char *words)
{
    cr_expect_not_null(strstr(logged, words), "'%s' is not logged:\n%s", words, logged);
}

Test(cli_serve, a_server_from_start_to_end)
{
    static const struct {
        int number;
        const char *words;
    } cases[] = {{SIGTERM, "stopping on signal 15"}, {SIGINT, "stopping on signal 2"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        pend(cases[i].number);
        struct output output = run("serve");
        expect_output("serve", &output, CLI_OK, "", "");
        expect_logged("acmegate " ACMEGATE_VERSION ", commit " ACMEGATE_COMMIT ", configuration ");
        expect_logged(text_of("database %s, schema ", shell.database.path));
        expect_logged("listen: listening on 127.0.0.1 port ");
        expect_logged(text_of("issuer inner: local CA in %s", shell_path("ca")));
        expect_logged("directory https://acme.test/acme/acme/directory");
        expect_logged("directory https://acme.test/acme/other/directory");
        expect_logged(cases[i].words);
        expect_logged("stopped");
        cr_expect_null(strstr(logged, "debug"), "%s", logged);
        cr_expect_eq(access(shell_path("ca/root_ca.crt"), F_OK), 0);
        fake_log_listen(NULL);
        shell_end();
    }
}

/* ---- what the service manager hears ---- */

static int notify_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = shell_path("notify");
    cr_assert_lt(strlen(path), sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    return fd;
}

/* All messages so far, each with a line feed behind it. */
static const char *heard(int fd)
{
    static char text[16384];
    size_t n = 0;
    for (ssize_t more; (more = recv(fd, text + n, sizeof text - n - 2, 0)) > 0; text[n++] = '\n')
        n += (size_t)more;
    text[n] = '\0';
    return text;
}

static void expect_in_order(const char *text, const char *const *words, size_t count)
{
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(at, words[i]);
        cr_expect_not_null(found, "'%s' is not there, or too early:\n%s", words[i], text);
        at = found == NULL ? at : found + strlen(words[i]);
    }
}

Test(cli_serve, the_service_manager_hears_of_start_reload_and_end)
{
    static const char *const words[] = {"STATUS=Waiting for the server's own certificate from issuer inner",
                                        "RELOADING=1\nMONOTONIC_USEC=", "STOPPING=1\nSTATUS=Stopping"};
    begin();
    int fd = notify_socket();
    pend(SIGHUP);
    pend(SIGTERM);
    struct output output = run("serve");
    expect_output("serve", &output, CLI_OK, "", "");
    const char *text = heard(fd);
    expect_in_order(text, words, sizeof words / sizeof *words);
    cr_expect_not_null(strstr(text, "READY=1\n"), "the reload has ended: %s", text);
    close(fd);
    fake_log_listen(NULL);
    shell_end();
}

Test(cli_serve, the_service_manager_hears_why_there_is_no_server)
{
    begin();
    int fd = notify_socket();
    shell_write("ca", "a file");
    struct output output = run("serve");
    expect_output("serve", &output, CLI_FAILED, "", "");
    const char *text = heard(fd);
    cr_expect_not_null(strstr(text, "STATUS=issuers.inner"), "%s", text);
    cr_expect_null(strstr(text, "READY=1"), "%s", text);
    close(fd);
    fake_log_listen(NULL);
    shell_end();
}

Test(cli_serve, verbose_logs_what_the_preflight_found)
{
    begin();
    pend(SIGTERM);
    struct output output = run("serve --verbose");
    expect_output("serve", &output, CLI_OK, "", "");
    expect_logged("debug");
    expect_logged("opens, its schema is current");
    fake_log_listen(NULL);
    shell_end();
}

Test(cli_serve, a_hangup_reads_the_configuration_again)
{
    begin();
    pend(SIGHUP);
    pend(SIGTERM);
    struct output output = run("serve");
    expect_output("serve", &output, CLI_OK, "", "");
    expect_logged(text_of("reload: %s was taken in", shell_path("acmegate.json")));
    fake_log_listen(NULL);
    shell_end();
}

/* What the file says after the start, and before the signal is looked at. */
static const char *later;

static void listen_and_change_the_file(struct bytes line)
{
    listen_to_log(line);
    if (strstr(logged, "/other/directory") != NULL && later != NULL) {
        shell_write("acmegate.json", later);
        later = NULL;
    }
}

Test(cli_serve, a_reload_of_a_bad_file_changes_nothing)
{
    begin();
    const char *text = shell_read(shell_path("acmegate.json"));
    later = text_of("%.*s,\"frob\":1}", (int)strlen(text) - 1, text);
    fake_log_listen(listen_and_change_the_file);
    pend(SIGHUP);
    pend(SIGTERM);
    struct output output = run("serve");
    expect_output("serve", &output, CLI_OK, "", "");
    expect_logged("frob: ");
    expect_logged(
        text_of("reload: %s is refused; the running configuration stays", shell_path("acmegate.json")));
    cr_expect_null(strstr(logged, "was taken in"), "%s", logged);
    expect_logged("stopped");
    fake_log_listen(NULL);
    shell_end();
}

/* ---- what keeps a server from its start ---- */

Test(cli_serve, faults_of_the_configuration_are_printed)
{
    begin();
    const char *bad = shell_write("bad.json", "{\"frob\":1}");
    struct output output = run("serve --config %s", bad);
    expect_output("bad", &output, CLI_FAILED, "", text_of("acmegate serve: %s: frob: ", bad));
    shell_end();
}

Test(cli_serve, all_faults_of_the_host_are_logged_at_once)
{
    begin();
    database_run(&shell.database, "PRAGMA user_version = 9999");
    configure(",\"admin\":{\"socket\":\"/nowhere/admin.sock\"}");
    struct output output = run("serve");
    expect_output("host", &output, CLI_FAILED, "", "");
    expect_logged("database ");
    expect_logged("admin.socket: ");
    cr_expect_null(strstr(logged, "stopping"), "%s", logged);
    shell_end();
}

Test(cli_serve, a_server_that_does_not_start)
{
    begin();
    shell_write("ca", "a file");
    struct output output = run("serve");
    expect_output("start", &output, CLI_FAILED, "", "");
    expect_logged("issuers.inner");
    cr_expect_null(strstr(logged, "stopping"), "%s", logged);
    shell_end();
}

Test(cli_serve, a_crash_record_that_cannot_be_read)
{
    begin();
    cr_assert_eq(mkdir(text_of("%s.crashes", shell.database.path), 0700), 0);
    struct output output = run("serve");
    expect_output("crashes", &output, CLI_FAILED, "", "");
    expect_logged(".crashes");
    cr_assert_eq(rmdir(text_of("%s.crashes", shell.database.path)), 0);
    shell_end();
}

Test(cli_serve, too_few_files_may_be_open)
{
    begin();
    configure(",\"limits\":{\"max_connections\":100000}");
    pend(SIGTERM);
    const struct rlimit few = {.rlim_cur = 256, .rlim_max = 1024};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct output output = run("serve");
    expect_output("serve", &output, CLI_OK, "", "");
    expect_logged("limits.max_connections is 100000, but only 1024 files may be open: raise LimitNOFILE");
    struct rlimit limit;
    cr_expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect_eq(limit.rlim_cur, 1024);
    fake_log_listen(NULL);
    shell_end();
}

Test(cli_serve, enough_files_may_be_open)
{
    begin();
    configure(",\"limits\":{\"max_connections\":512}");
    pend(SIGTERM);
    const struct rlimit enough = {.rlim_cur = 256, .rlim_max = 1024};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &enough), 0);
    cr_expect_eq(run("serve").status, CLI_OK);
    cr_expect_null(strstr(logged, "LimitNOFILE"), "%s", logged);
    cr_expect_null(strstr(logged, "cannot be raised"), "%s", logged);
    fake_log_listen(NULL);
    shell_end();
}

/* ---- dev ---- */

/* One that nobody has at this moment. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(fd, (const struct sockaddr *)&address, length) == 0 &&
              getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

Test(cli_serve, dev_makes_all_that_it_needs)
{
    unsigned port = free_port();
    begin();
    const char *state = shell_path("st\"ate");
    fake_store_use(store_location_new(shell.database.arena, text_of("%s/acmegate.db", state)), NULL);
    pend(SIGTERM);
    struct output output = run("dev --state %s --port %u --http-port=15002", state, port);
    expect_output("dev", &output, CLI_OK,
                  text_of("acmegate is serving https://localhost:%u/acme/acme/directory\n"
                          "its root certificate is %s/ca/root_ca.crt\n"
                          "other commands find it with: export ACMEGATE_CONFIG=%s/acmegate.json\n",
                          port, state, state),
                  "");
    const char *text = shell_read(text_of("%s/acmegate.json", state));
    cr_expect_not_null(strstr(text, text_of("\"listen\": [\"127.0.0.1:%u\"],\n", port)), "%s", text);
    cr_expect_not_null(strstr(text, "\"http_port\": 15002,"), "%s", text);
    struct stat status;
    cr_expect_eq(stat(state, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0700);
    cr_expect_eq(stat(text_of("%s/acmegate.json", state), &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    cr_expect_null(strstr(logged, "debug"));
    pend(SIGTERM);
    output = run("dev -v -s %s -p %u", state, port);
    expect_output("again", &output, CLI_OK, text_of("acmegate is serving https://localhost:%u/", port), "");
    expect_logged("debug");
    fake_log_listen(NULL);
    shell_end();
}

Test(cli_serve, dev_without_a_folder)
{
    begin();
    const char *file = shell_write("file", "");
    const struct command_case cases[] = {
        {text_of("dev --state %s/no/where", shell.folder), CLI_FAILED, "",
         text_of("acmegate dev: the state folder %s/no/where cannot be made: No such file or directory\n",
                 shell.folder)},
        {text_of("dev --state %s", file), CLI_FAILED, "",
         text_of("acmegate dev: %s/acmegate.json cannot be written: Not a directory\n", file)},
    };
    RUN_CASES(cases);
    setenv("ACMEGATE_LOOPS", "many", 1);
    struct output output = run("dev --state %s", shell_path("state"));
    expect_output("environment", &output, CLI_FAILED, "", "acmegate dev: ");
    unsetenv("ACMEGATE_LOOPS");
    shell_end();
}
