/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate reload`, with a child in the place of the server: it holds the lock and answers the signal. */
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/cli/cli.h"
#include "gateway/server/server.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_reload);

/* ---- a server ---- */

struct fake_server {
    pid_t process;
    int lock;
};

/* Runs `answer`, the verdicts, on a SIGHUP. NULL: it never answers. Only the kernel ends it. */
static void serve(int lock, int ready, const char *answer)
{
    struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    bool held = fcntl(lock, F_SETLK, &record) == 0 && write(ready, "", 1) == 1;
    while (held && sigwait(&set, &number) == 0)
        if (answer != NULL)
            database_run(&shell.database, answer);
    _exit(1);
}

/* Holds the lock as a command does that needs the database alone. */
static int lock_with(const char *process)
{
    int fd = open(text_of("%s.lock", shell.database.path), O_RDWR | O_CREAT | O_CLOEXEC | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    cr_assert_geq(dprintf(fd, "%s\n", process), 0);
    return fd;
}

static struct fake_server start_server(const char *answer)
{
    int ready[2];
    char octet;
    cr_assert_eq(pipe(ready), 0);
    struct fake_server server = {.lock = lock_with("1")};
    server.process = fork();
    if (server.process == 0)
        serve(server.lock, ready[1], answer);
    cr_assert_eq(read(ready[0], &octet, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return server;
}

static void stop_server(const struct fake_server *server)
{
    cr_assert_eq(kill(server->process, SIGKILL), 0);
    cr_assert_eq(waitpid(server->process, NULL, 0), server->process);
    close(server->lock);
}

/* ---- its verdicts ---- */

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
        shell_begin();
        database_run(&shell.database,
                     verdict(1, "configuration.rejected", own_digest(), " | an old verdict"));
        struct fake_server server =
            start_server(text_of("%s %s", verdict(2, "configuration.rejected", "00ff", " | of another file"),
                                 verdict(3, cases[i].kind, own_digest(), cases[i].lines)));
        struct output output = run("reload");
        stop_server(&server);
        expect_output(cases[i].kind, &output, cases[i].status, cases[i].output, cases[i].errors);
        shell_end();
    }
}

Test(cli_reload, without_an_answer_it_fails)
{
    shell_begin();
    struct fake_server server = start_server(NULL);
    struct output output = run("reload --timeout 1s");
    stop_server(&server);
    expect_output("no answer", &output, CLI_FAILED, "",
                  "acmegate reload: the server did not answer within 1 s; its log tells more\n");
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
    shell_end();
}

/* A command that moves or copies the database must not be ended by it, nor who is named in the file. */
Test(cli_reload, who_only_holds_the_lock_gets_no_signal)
{
    shell_begin();
    pid_t bystander = fork();
    if (bystander == 0)
        for (;;)
            pause();
    int fd = lock_with(text_of("%ld", (long)bystander));
    struct output output = run("reload");
    expect_output("a command", &output, CLI_FAILED, "",
                  "is in use, but no server can be signalled from here");
    cr_expect_eq(waitpid(bystander, NULL, WNOHANG), 0, "it was not signalled");
    cr_assert_eq(kill(bystander, SIGKILL), 0);
    cr_assert_eq(waitpid(bystander, NULL, 0), bystander);
    close(fd);
    shell_end();
}
