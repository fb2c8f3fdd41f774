/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate init`: the answers by options and at a terminal, the CA, and the files. */
#include <fcntl.h>
#include <pty.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/pki.h"
#include "acme/pki/certificate.h"
#include "check_site.h"
#include "gateway/cli/cli.h"
#include "stepca/fixtures.h"

LEAK_CHECKED_SUITE(cli_init);

#define CA               "https://ca.test:9000"
#define SERVER           "--base-url https://acme.test:9443 --listen 127.0.0.1:9443 --names '*.test, host.internal'"
#define ACME_PROVISIONER "{\"type\":\"ACME\",\"name\":\"acme\"}"

enum { PAGES = 16 };

static struct world_page pages[PAGES];
static const char *fingerprint, *root_file;

static void set_page(const char *path, const struct world_page *page)
{
    size_t i = 0;
    const char *url = text_of(CA "/%s", path);
    while (pages[i].url != NULL && strcmp(pages[i].url, url) != 0)
        i++;
    cr_assert_lt(i, PAGES - 1);
    pages[i] = *page;
    pages[i].url = url;
}

static void set_body(const char *path, int status, const char *body)
{
    set_page(path, &(struct world_page){.status = status, .body = body, .date = SHELL_NOW});
}

static const char *provisioners(const char *list)
{
    return text_of("{\"provisioners\":[%s],\"nextCursor\":\"\"}", list);
}

/* With the key of stepca/fixtures.h. */
static const char *jwk_provisioner(const char *name, bool publishes_key)
{
    const char *key = publishes_key ? text_of(",\"encryptedKey\":\"%s\"", fixture_compact_jwe) : "";
    return text_of("{\"type\":\"JWK\",\"name\":\"%s\"%s,\"key\":{\"kid\":\"k1\",%s}", name, key,
                   fixture_public_jwk + 1);
}

static const char *root_page(X509 *root)
{
    struct json_writer *writer = json_writer_new(shell.arena, 65536);
    json_begin_object(writer);
    json_put_string(writer, "ca", arena_string(shell.arena, pki_pem(shell.arena, root)));
    json_end_object(writer);
    return arena_string(shell.arena, json_writer_finish(writer));
}

/* Standard input is no terminal. A CA that fits answers. */
static void begin(void)
{
    check_begin(&(struct shell_configuration){0});
    unsetenv("ACMEGATE_CONFIG");
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert(nothing >= 0 && dup2(nothing, STDIN_FILENO) == STDIN_FILENO);
    close(nothing);
    memset(pages, 0, sizeof pages);
    X509 *root = make_root(SHELL_NOW + 100 * DAY_S);
    root_file = write_certificate("given.crt", root);
    fingerprint = certificate_fingerprint(shell.arena, fixture_certificate_der(shell.arena, root));
    shell_write("password", FIXTURE_PASSWORD "\n");
    set_body(text_of("root/%s", fingerprint), 200, root_page(root));
    set_body("health", 200, "{\"status\":\"ok\"}");
    set_body("version", 200, "{\"version\":\"0.30.2\"}");
    set_body("1.0/ssh/check-host", 200, "{\"exists\":false}");
    set_body("roots", 200, shell_list_of(root));
    set_body("provisioners?limit=100", 200, provisioners(jwk_provisioner("acmegate", true)));
    set_body("1.0/sign", 403, "{\"status\":403,\"message\":\"The names differ.\"}");
    world.pages = pages;
}

/* Answers that are typed. Standard input is a terminal from now on; returns its other end. */
static int type(const char *answers)
{
    int person, terminal;
    cr_assert_eq(openpty(&person, &terminal, NULL, NULL, NULL), 0);
    cr_assert_eq(write(person, answers, strlen(answers)), (ssize_t)strlen(answers));
    cr_assert_eq(dup2(terminal, STDIN_FILENO), STDIN_FILENO);
    close(terminal);
    return person;
}

static const char *config_option(void)
{
    return text_of("--config %s --state %s", shell_path("etc/acmegate.json"), shell_path("state"));
}

static const char *ca_options(void)
{
    return text_of("--ca-url " CA " --fingerprint %s --password-file %s", fingerprint,
                   shell_path("password"));
}

static void expect_nothing_there(const char *what)
{
    cr_expect(access(shell_path("etc"), F_OK) != 0, "%s", what);
    cr_expect(access(shell_path("state"), F_OK) != 0, "%s", what);
}

static void expect_member(const char *words)
{
    const char *text = shell_read(shell_path("etc/acmegate.json"));
    cr_expect_not_null(strstr(text, words), "%s is not in:\n%s", words, text);
}

/* ---- by options ---- */

Test(cli_init, by_options)
{
    begin();
    struct output output = run("init %s %s %s", ca_options(), config_option(), SERVER);
    expect_output("init", &output, CLI_OK, "a one-time token is accepted", "");
    expect_line("init", &output, text_of("wrote %s", shell_path("etc/acmegate.json")));
    expect_line("init", &output, text_of("Next: acmegate serve -c %s", shell_path("etc/acmegate.json")));
    expect_line("init", &output,
                text_of("Clients then use https://acme.test:9443/acme/acme/directory, and trust %s.",
                        shell_path("etc/root_ca.crt")));
    cr_expect_str_eq(shell_read(shell_path("etc/root_ca.crt")), shell_read(root_file));
    cr_expect_str_eq(shell_read(shell_path("etc/provisioner.key")), fixture_compact_jwe);
    cr_expect_str_eq(shell_read(shell_path("etc/provisioner.password")), FIXTURE_PASSWORD);
    expect_member("\"names\": { \"allow\": [\"*.test\", \"host.internal\"] }");
    expect_member("\"listen\": [\"127.0.0.1:9443\"]");
    expect_member("\"eab\": \"off\"");
    expect_member(text_of("\"provisioner_password_file\": \"%s\"", shell_path("etc/provisioner.password")));
    shell_end();
}

Test(cli_init, a_root_file_and_a_key_file_without_a_password)
{
    begin();
    shell_write("key", fixture_private_jwk);
    struct output output = run("init --ca-url " CA "/ --root %s --provisioner-key %s --eab required %s %s",
                               root_file, shell_path("key"), config_option(), SERVER);
    cr_expect_eq(output.status, CLI_OK, "%s%s", output.text, output.errors);
    cr_expect_eq(times_asked("GET " CA "/root/"), 0);
    cr_expect(access(shell_path("etc/provisioner.password"), F_OK) != 0);
    expect_member("\"eab\": \"required\"");
    cr_expect_null(strstr(shell_read(shell_path("etc/acmegate.json")), "provisioner_password_file"));
    shell_end();
}

Test(cli_init, a_local_ca)
{
    begin();
    struct output output = run("init --local %s %s", config_option(), SERVER);
    expect_output("local", &output, CLI_OK, "no CA in", "");
    expect_member(text_of("\"directory\": \"%s\"", shell_path("state/ca")));
    cr_expect_str_empty(world.asked);
    cr_expect(access(shell_path("etc/root_ca.crt"), F_OK) != 0);
    shell_end();
}

/* Only root is told, and only where the package has not made the user. */
static void skip_unless_chown_is_told(void)
{
    if (geteuid() != 0 || getpwnam("acmegate") != NULL)
        cr_skip_test("init does not tell of chown here");
}

Test(cli_init, what_was_made_is_to_be_given_to_the_service)
{
    skip_unless_chown_is_told();
    begin();
    struct output output = run("init %s %s %s", ca_options(), config_option(), SERVER);
    expect_line("made", &output,
                text_of("chown acmegate: %s %s %s %s %s", shell_path("etc/acmegate.json"),
                        shell_path("etc/root_ca.crt"), shell_path("etc/provisioner.key"),
                        shell_path("etc/provisioner.password"), shell_path("state")));
    shell_end();
}

/* Others have files there: in /etc, for example. */
Test(cli_init, a_folder_that_was_there_is_not_to_be_given_away)
{
    skip_unless_chown_is_told();
    begin();
    struct output output =
        run("init --local --config %s --state %s %s", shell_path("here.json"), shell.folder, SERVER);
    expect_line("there", &output, text_of("chown acmegate: %s", shell_path("here.json")));
    expect_line("there", &output,
                text_of("The folder %s was there before. The service needs one that belongs to its user.",
                        shell.folder));
    shell_end();
}

Test(cli_init, a_path_that_is_not_absolute_becomes_so)
{
    begin();
    cr_assert_eq(chdir(shell.folder), 0);
    struct output output =
        run("init %s --config here.json --state %s %s", ca_options(), shell_path("state"), SERVER);
    cr_expect_eq(output.status, CLI_OK, "%s%s", output.text, output.errors);
    const char *text = shell_read(shell_path("here.json"));
    cr_expect_not_null(strstr(text, text_of("\"root_cert_path\": \"%s\"", shell_path("root_ca.crt"))), "%s",
                       text);
    shell_end();
}

Test(cli_init, a_failed_check_keeps_the_files)
{
    begin();
    set_body("1.0/sign", 401, "{\"status\":401,\"message\":\"The request lacked necessary authorization.\"}");
    struct output output = run("init %s %s %s", ca_options(), config_option(), SERVER);
    expect_output("401", &output, CLI_FAILED,
                  "FAIL  issuer main: ", "is whole and stays, but a check failed");
    cr_expect(access(shell_path("etc/acmegate.json"), F_OK) == 0);
    cr_expect_null(strstr(output.text, "Next: "));
    shell_end();
}

/* ---- mistakes ---- */

/* With the folder's path for FOLDER. */
static const char *in_folder(const char *text)
{
    static const char word[] = "FOLDER";
    const char *at = strstr(text, word);
    if (at == NULL)
        return text;
    return text_of("%.*s%s%s", (int)(at - text), text, shell.folder, in_folder(at + sizeof word - 1));
}

/* With good options but for `left_out`, and these. */
static struct output run_mistake(const char *options, const char *left_out)
{
    const char *const good[][2] = {
        {"--ca-url", CA},
        {"--fingerprint", fingerprint},
        {"--password-file", shell_path("password")},
        {"--state", shell_path("state")},
        {"--base-url", "https://acme.test:9443"},
        {"--listen", "127.0.0.1:9443"},
        {"--names", "'*.test'"},
    };
    const char *line = "";
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (strcmp(good[i][0], left_out) != 0)
            line = text_of("%s%s %s ", line, good[i][0], good[i][1]);
    return run("init %s --config %s %s", line, shell_path("etc/acmegate.json"), in_folder(options));
}

Test(cli_init, a_mistake_in_an_option)
{
    static const struct {
        const char *options; /* before the good ones: they win */
        const char *left_out;
        int status;
        const char *words;
    } cases[] = {
        {"--ca-url ca.test:9000", "--ca-url", CLI_FAILED,
         "--ca-url: the URL must begin with https://, because step-ca speaks TLS; did you mean "
         "https://ca.test:9000?"},
        {"--ca-url http://ca.test:9000", "--ca-url", CLI_FAILED, "did you mean https://ca.test:9000?"},
        {"--ca-url https://", "--ca-url", CLI_FAILED, "--ca-url: the URL of the CA is empty"},
        {"--ca-url https://ca.test/path", "--ca-url", CLI_FAILED,
         "--ca-url: issuers.main.ca_url: must be https://host or https://host:port"},
        {"--fingerprint 12", "--fingerprint", CLI_FAILED,
         "'12' has 2 hexadecimal digits; a fingerprint has 64"},
        {"--fingerprint xyz", "--fingerprint", CLI_FAILED,
         "'xyz' is not a fingerprint: it has 64 hexadecimal digits"},
        {"--fingerprint 1234567890123456789012345678901234567890", "--fingerprint", CLI_FAILED,
         "is a SHA-1; "},
        {"--root FOLDER/password", "--fingerprint", CLI_FAILED,
         "--root: FOLDER/password: it contains no certificate"},
        {"--root FOLDER/nothing", "--fingerprint", CLI_FAILED,
         "--root: FOLDER/nothing: No such file or directory"},
        {"--root FOLDER/given.crt", "", CLI_USAGE, "--fingerprint and --root exclude each other"},
        {"--provisioner nobody", "", CLI_FAILED,
         "--provisioner: the CA has no provisioner named nobody; it has: acmegate, acme (ACME)"},
        {"--provisioner 2", "", CLI_FAILED, "the CA has no provisioner named 2"},
        {"--provisioner acme", "", CLI_FAILED,
         "the provisioner acme is of type ACME, and acmegate needs one of type JWK"},
        {"--provisioner-key FOLDER/nothing", "", CLI_FAILED,
         "--provisioner-key: FOLDER/nothing cannot be read: No such file or directory"},
        {"--provisioner-key FOLDER/password", "", CLI_FAILED,
         "--provisioner-key: FOLDER/password: the provisioner key is neither a JWE, a JWK nor PEM"},
        {"--provisioner-key FOLDER/other.key", "", CLI_FAILED,
         "it is not the key that the CA knows for acmegate (kid "},
        {"--password-file FOLDER/nothing", "--password-file", CLI_FAILED,
         "--password-file: cannot read FOLDER/nothing"},
        {"--password-file FOLDER/given.crt", "--password-file", CLI_FAILED,
         "--password-file: FOLDER/given.crt: the password does not open"},
        {"", "--password-file", CLI_USAGE,
         "missing: --password-file (a file with the password of the key of acmegate)"},
        {"", "--base-url", CLI_USAGE, "missing: --base-url; standard input is not a terminal"},
        {"--base-url http://acme.test", "--base-url", CLI_FAILED,
         "--base-url: base_url: must begin with https://"},
        {"--listen here", "--listen", CLI_FAILED, "--listen: listen"},
        {"--state state", "--state", CLI_FAILED, "--state: the folder must be an absolute path"},
        {"--state FOLDER/password", "--state", CLI_FAILED, "--state: FOLDER/password is not a folder"},
        {"--state FOLDER/no/state", "--state", CLI_FAILED,
         "--state: the folder FOLDER/no/state cannot be made: No such file or directory"},
        {"--names 'a name'", "--names", CLI_FAILED, "--names: endpoints.acme.names.allow"},
        {"--names '*.test,,b.test'", "--names", CLI_FAILED, "--names: endpoints.acme.names.allow"},
        {"--eab perhaps", "", CLI_FAILED,
         "--eab: endpoints.acme.eab: must be \"off\", \"optional\" or \"required\""},
        {"--local", "", CLI_USAGE, "--ca-url is for a step-ca, and --local makes a CA without one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        set_body("provisioners?limit=100", 200,
                 provisioners(text_of("%s," ACME_PROVISIONER, jwk_provisioner("acmegate", true))));
        shell_write("other.key", key_pem());
        struct output output = run_mistake(cases[i].options, cases[i].left_out);
        expect_output(cases[i].options, &output, cases[i].status, "", in_folder(cases[i].words));
        expect_nothing_there(cases[i].options);
        shell_end();
    }
}

Test(cli_init, options_that_are_missing_are_named_together)
{
    begin();
    static const struct command_case cases[] = {
        {"init", CLI_USAGE, "",
         "acmegate init: missing: --ca-url, --fingerprint or --root, --base-url, --names; standard input is "
         "not a "
         "terminal where they could be asked for\nusage: acmegate init [OPTION…]\n"},
        {"init --local --names *.test", CLI_USAGE, "", "missing: --base-url; "},
        {"init --root x --ca-url https://ca.test", CLI_USAGE, "", "missing: --base-url, --names; "},
    };
    RUN_CASES(cases);
    cr_expect_str_empty(world.asked);
    shell_end();
}

Test(cli_init, a_ca_that_does_not_fit)
{
    static const struct {
        const char *path; /* NULL: of the root */
        struct world_page page;
        const char *words;
    } cases[] = {
        {NULL,
         {.error = "Connection refused"},
         "cannot connect to https://ca.test:9000: Connection refused; is the URL right, and does the CA "
         "run?"},
        {NULL,
         {.status = 404, .body = "{\"status\":404,\"message\":\"Not found.\"}"},
         "the CA at https://ca.test:9000 has no root with the fingerprint "},
        {NULL, {.status = 404, .body = "<html>"}, "answers 404 when it is asked for its root"},
        {NULL, {.status = 200, .body = "{\"ca\":\"another\"}"}, "answers with something else than the root "},
        {"health",
         {.error = "unable to get local issuer certificate", .untrusted = true},
         "the root does not vouch for its certificate: is it the root of this CA? (unable to get"},
        {"health",
         {.error = "SSL: no alternative certificate subject name matches target host name 'ca.test'",
          .untrusted = true},
         "its certificate does not name ca.test: use a name of `dnsNames`"},
        {"health", {.error = "certificate is not yet valid", .untrusted = true}, "set both clocks by NTP"},
        {"health", {.error = "Connection reset"}, "cannot connect to https://ca.test:9000: Connection reset"},
        {"health", {.status = 500, .body = ""}, "answers 500 to /health"},
        {"health",
         {.status = 200, .body = "{}", .date = SHELL_NOW + HOUR_S},
         "the CA's clock is 3600 s ahead of ours, and the CA refuses tokens"},
        {"health",
         {.status = 200, .body = "{}", .date = SHELL_NOW - HOUR_S},
         "the CA's clock is 3600 s behind ours"},
        {"provisioners?limit=100", {.status = 500, .body = ""}, "the CA does not list its provisioners"},
        {"provisioners?limit=100",
         {.status = 200, .body = "{\"provisioners\":[]}"},
         "the CA has no JWK provisioner, which acmegate needs; it has: none; "},
        {"provisioners?limit=100",
         {.status = 200, .body = "{\"provisioners\":[" ACME_PROVISIONER "]}"},
         "it has: acme (ACME); make one on the CA: `step ca provisioner add acmegate --type JWK --create`"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        set_page(cases[i].path == NULL ? text_of("root/%s", fingerprint) : cases[i].path, &cases[i].page);
        struct output output = run_mistake("", "");
        expect_output(cases[i].words, &output, CLI_FAILED, "", cases[i].words);
        expect_nothing_there(cases[i].words);
        shell_end();
    }
}

Test(cli_init, provisioners_of_which_none_is_named)
{
    begin();
    set_body("provisioners?limit=100", 200,
             provisioners(text_of("%s,%s," ACME_PROVISIONER, jwk_provisioner("one", true),
                                  jwk_provisioner("two", false))));
    struct output output = run_mistake("", "");
    expect_output("none named", &output, CLI_USAGE, "",
                  "missing: --provisioner (one of: one, two, acme (ACME)); ");
    output = run_mistake("--provisioner two", "");
    expect_output("no key", &output, CLI_USAGE, "",
                  "missing: --provisioner-key (the CA does not publish the key of two; a file with that "
                  "private key); ");
    expect_nothing_there("no key");
    output = run_mistake(
        text_of("--provisioner 2 --provisioner-key %s", shell_write("key", fixture_flattened_jwe)), "");
    cr_expect_eq(output.status, CLI_OK, "%s%s", output.text, output.errors);
    expect_member("\"provisioner_name\": \"two\"");
    shell_end();
}

Test(cli_init, a_published_key_that_is_broken)
{
    begin();
    set_body(
        "provisioners?limit=100", 200,
        provisioners(text_of(
            "{\"type\":\"JWK\",\"name\":\"acmegate\",\"encryptedKey\":\"broken\",\"key\":{\"kid\":\"k1\",%s}",
            fixture_public_jwk + 1)));
    struct output output = run_mistake("", "");
    expect_output("broken", &output, CLI_FAILED, "", "the key that the CA publishes for acmegate: ");
    expect_nothing_there("broken");
    shell_end();
}

Test(cli_init, files_that_are_there)
{
    static const char *const names[] = {"acmegate.json", "root_ca.crt", "provisioner.key",
                                        "provisioner.password"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        begin();
        cr_assert_eq(mkdir(shell_path("etc"), 0700), 0);
        const char *path = shell_write(text_of("etc/%s", names[i]), "mine");
        struct output output = run_mistake("", "");
        expect_output(names[i], &output, CLI_FAILED, "",
                      text_of("%s exists already, and is not replaced; ", path));
        cr_expect_str_eq(shell_read(path), "mine");
        cr_expect_str_empty(world.asked, "it is told before anything is asked");
        shell_end();
    }
}

Test(cli_init, files_in_their_places_are_used_there)
{
    begin();
    cr_assert_eq(mkdir(shell_path("etc"), 0700), 0);
    const char *root = shell_write("etc/root_ca.crt", shell_read(root_file));
    const char *password = shell_write("etc/provisioner.password", FIXTURE_PASSWORD "\n");
    struct output output = run("init --ca-url " CA " --root %s --password-file %s %s %s", root, password,
                               config_option(), SERVER);
    cr_expect_eq(output.status, CLI_OK, "%s%s", output.text, output.errors);
    cr_expect_str_eq(shell_read(password), FIXTURE_PASSWORD "\n");
    shell_end();
}

/* ---- at a terminal ---- */

Test(cli_init, answers_are_typed)
{
    begin();
    int person = type(text_of(CA "\n%s\n\n" FIXTURE_PASSWORD "\nhttps://acme.inner.test:9443\n\n%s\n\n\n",
                              fingerprint, shell_path("state")));
    struct output output = run("init --config %s", shell_path("etc/acmegate.json"));
    cr_expect_eq(output.status, CLI_OK, "%s%s", output.text, output.errors);
    static const char *const questions[] = {
        "URL of the step-ca, such as https://ca.internal:9000: ",
        "SHA-256 fingerprint of its root certificate, or a file with the root: ",
        "  1  acmegate\n",
        "JWK provisioner to use, by number or name [acmegate]: ",
        "Password of the key of acmegate: \n",
        ":9443]: ",
        "Addresses to listen on [0.0.0.0:9443",
        "Folder for the database [/var/lib/acmegate]: ",
        " [*.inner.test]: ",
        "off, optional or required [off]: ",
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        cr_expect_not_null(strstr(output.errors, questions[i]), "%s is not in:\n%s", questions[i],
                           output.errors);
    expect_member("\"allow\": [\"*.inner.test\"]");
    close(person);
    shell_end();
}

Test(cli_init, answers_that_do_not_fit_are_asked_for_again)
{
    begin();
    set_body("provisioners?limit=100", 200,
             provisioners(text_of("%s,%s", jwk_provisioner("one", true), jwk_provisioner("two", false))));
    const char *key = shell_write("key", fixture_compact_jwe);
    int person = type(text_of("ca.test\n" CA "\n12\n%s\n\nthree\n2\n/nowhere\n%s\n\nguess\n" FIXTURE_PASSWORD
                              "\n127.0.0.1\nhttps://127.0.0.1:9443\n127.0.0.1:9443\n%s\n\n*.test\n\n",
                              root_file, key, shell_path("state")));
    struct output output = run("init --config %s", shell_path("etc/acmegate.json"));
    cr_expect_eq(output.status, CLI_OK, "%s%s", output.text, output.errors);
    static const char *const reasons[] = {
        "  the URL must begin with https://, because step-ca speaks TLS; did you mean https://ca.test?\n",
        "  '12' has 2 hexadecimal digits; a fingerprint has 64\n",
        "An answer is needed.",
        "  the CA has no provisioner named three; it has: one, two\n",
        "  /nowhere cannot be read: No such file or directory\n",
        "  the password is empty\n",
        "  the password does not open",
        "  base_url: must begin with https://\n",
        "addresses, networks): ",
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        cr_expect_not_null(strstr(output.errors, reasons[i]), "%s is not in:\n%s", reasons[i], output.errors);
    cr_expect_null(strstr(output.errors, "guess"));
    close(person);
    shell_end();
}

/* The URL may be wrong, or the fingerprint: both are asked for again, the URL with the former answer. */
Test(cli_init, a_ca_that_does_not_answer_is_asked_for_again)
{
    begin();
    int person = type(text_of("https://nobody.test\n%s\n" CA "\n%s\n", fingerprint, fingerprint));
    struct output output = run("init --provisioner acmegate --password-file %s --config %s --state %s %s",
                               shell_path("password"), shell_path("etc/acmegate.json"), shell_path("state"),
                               SERVER " --eab off");
    cr_expect_eq(output.status, CLI_OK, "%s%s", output.text, output.errors);
    cr_expect_not_null(strstr(output.errors, "  cannot connect to https://nobody.test: "), "%s",
                       output.errors);
    cr_expect_not_null(strstr(output.errors, " [https://nobody.test]: "), "%s", output.errors);
    close(person);
    shell_end();
}

Test(cli_init, a_ca_that_options_name_is_not_asked_for_again)
{
    begin();
    set_page("health", &(struct world_page){.error = "Connection refused"});
    int person = type("");
    struct output output = run_mistake("", "");
    expect_output("options", &output, CLI_FAILED, "", "cannot connect to " CA);
    close(person);
    shell_end();
}

Test(cli_init, an_input_that_ends)
{
    static const char *const typed[] = {"", CA "\n", "PASSWORD"};
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        begin();
        bool at_password = strcmp(typed[i], "PASSWORD") == 0;
        int person = type(text_of("%s\004", at_password ? "" : typed[i]));
        struct output output = at_password ? run_mistake("--provisioner acmegate", "--password-file")
                                           : run("init --config %s", shell_path("etc/acmegate.json"));
        expect_output(typed[i], &output, CLI_FAILED, "",
                      "acmegate init: the input ended before the last answer; nothing was written\n");
        expect_nothing_there(typed[i]);
        close(person);
        shell_end();
    }
}
