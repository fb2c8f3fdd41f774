/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate reload`, with this process in the place of the server: it holds the lock and answers the signal.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "gateway/cli/cli.h"
#include "gateway/server/server.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_reload);

/* The verdicts that the server writes on a SIGHUP: SQL. */
static const char *answer;

static void *serve(void *nothing)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigwait(&set, &number);
    database_run(&shell.database, answer);
    return nothing;
}

static int lock_with(const char *process)
{
    int fd = open(text_of("%s.lock", shell.database.path), O_RDWR | O_CREAT | O_CLOEXEC | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    cr_assert_geq(dprintf(fd, "%s\n", process), 0);
    return fd;
}

static const char *verdict(long long id, const char *kind, const char *digest, const char *lines)
{
    return text_of(
        "INSERT INTO events (id, at, kind, who, detail) VALUES (%lld, 1780272000, '%s', 'operator', "
        "'/etc/a.json (sha256 %s)%s');",
        id, kind, digest, lines);
}

static const char *own_digest(void)
{
    return server_digest_of(shell.arena, bytes_from_string(shell_read(shell_path("acmegate.json"))));
}

static const struct {
    const char *kind, *lines;
    int status;
    const char *output, *errors;
} cases[] = {
    {"configuration.loaded", " | profiles.x was added | listen waits for a restart", CLI_OK,
     "acmegate.json was taken in:\nprofiles.x was added\nlisten waits for a restart\n", ""},
    {"configuration.loaded", "", CLI_OK, "acmegate.json was taken in:\n", ""},
    {"configuration.rejected", " | the CA is away | the key does not open", CLI_FAILED, "",
     "acmegate.json; its configuration stays:\nthe CA is away\nthe key does not open\n"},
};

Test(cli_reload, the_verdict_on_this_file_is_printed_and_decides)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pthread_t thread;
        sigset_t set;
        shell_begin();
        sigemptyset(&set);
        sigaddset(&set, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        int fd = lock_with(text_of("%ld", (long)getpid()));
        database_run(&shell.database,
                     verdict(1, "configuration.rejected", own_digest(), " | an old verdict"));
        answer = text_of("%s %s", verdict(2, "configuration.rejected", "00ff", " | of another file"),
                         verdict(3, cases[i].kind, own_digest(), cases[i].lines));
        cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
        struct output output = run("reload");
        pthread_join(thread, NULL);
        expect_output(cases[i].kind, &output, cases[i].status, cases[i].output, cases[i].errors);
        close(fd);
        shell_end();
    }
}

Test(cli_reload, without_an_answer_it_fails)
{
    shell_begin();
    signal(SIGHUP, SIG_IGN);
    int fd = lock_with(text_of("%ld", (long)getpid()));
    struct output output = run("reload --timeout 1s");
    expect_output("no answer", &output, CLI_FAILED, "",
                  "acmegate reload: the server did not answer within 1 s; its log tells more\n");
    close(fd);
    const struct command_case nobody[] = {
        {"reload", CLI_FAILED, "", "acmegate reload: no server uses the database "},
        {"reload --timeout 0s", CLI_USAGE, "", "--timeout"},
        /* The secret is the server's alone. */
        {text_of("reload --config %s",
                 shell_write(
                     "secret.json",
                     text_of("{\"base_url\":\"https://acme.test\",\"database\":\"%s\",\"tls\":{\"issuer\":"
                             "\"one\"},\"issuers\":{\"one\":{\"type\":\"local\",\"directory\":\"ca\","
                             "\"key_password_file\":\"/nowhere/password\"}},\"profiles\":{\"p\":{\"issuer\":"
                             "\"one\"}},\"endpoints\":{\"acme\":{\"profiles\":[\"p\"]}}}",
                             shell.database.path))),
         CLI_FAILED, "", "acmegate reload: no server uses the database "},
        {text_of("reload --config %s", shell_write("bad.json", "{\"frob\":1}")), CLI_FAILED, "",
         "acmegate reload: the server was not asked; its configuration stays\n"},
    };
    RUN_CASES(nobody);
    fd = lock_with("no process");
    output = run("reload");
    expect_output("no process", &output, CLI_FAILED, "", "no server uses the database ");
    close(fd);
    shell_end();
}
