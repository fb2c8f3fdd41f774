/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/base/host_port.h"
#include "gateway/cli/dialogue.h"
#include "gateway/cli/init.h"
#include "gateway/config/config.h"

enum { HOST_MAX_BYTES = 256, HTTPS_PORT = 443 };

#define DEFAULT_PORT  "9443"
#define DEFAULT_STATE "/var/lib/acmegate"

/* ---- one question ---- */

struct question {
    const char *option; /* that answers it */
    const char *text;
    const char *fallback; /* the answer that is offered; NULL: none */
    bool assumed;         /* without a terminal the fallback is taken */
    bool (*take)(struct init *init, const char *answer, struct fault *fault);
};

static void fail(struct init *init, int status, const char *message)
{
    init->status = cli_fail(init->arguments, status, "%s", message);
}

static void fail_missing(struct init *init, const struct question *question)
{
    fail(init, CLI_USAGE,
         arena_printf(init->arena,
                      "missing: --%s (%s); standard input is not a terminal where it could be asked for",
                      question->option, question->text));
}

static void fail_ended(struct init *init)
{
    fail(init, CLI_FAILED, "the input ended before the last answer; nothing was written");
}

static bool ask_until_it_fits(struct init *init, const struct question *question)
{
    struct fault fault;
    for (;;) {
        const char *answer = dialogue_ask(init->arena, question->text, question->fallback);
        if (answer == NULL) {
            fail_ended(init);
            return false;
        }
        if (*answer == '\0')
            fprintf(stderr, "  An answer is needed.\n");
        else if (question->take(init, answer, &fault))
            return true;
        else
            fprintf(stderr, "  %s\n", fault.message);
    }
}

/* The option's value, the answer of the person at the terminal, or what is assumed. */
static bool ask(struct init *init, const struct question *question)
{
    struct fault fault;
    const char *given = cli_value(init->arguments, question->option);
    if (given == NULL && init->asks)
        return ask_until_it_fits(init, question);
    if (given == NULL && question->assumed)
        given = question->fallback;
    if (given == NULL) {
        fail_missing(init, question);
        return false;
    }
    if (question->take(init, given, &fault))
        return true;
    fail(init, CLI_FAILED, arena_printf(init->arena, "--%s: %s", question->option, fault.message));
    return false;
}

/* ---- the CA ---- */

static bool take_ca_url(struct init *init, const char *answer, struct fault *fault)
{
    return init_ca_set_url(&init->ca, answer, fault);
}

static bool take_fingerprint(struct init *init, const char *answer, struct fault *fault)
{
    return init_ca_set_fingerprint(&init->ca, answer, fault);
}

static bool take_root_file(struct init *init, const char *answer, struct fault *fault)
{
    return init_ca_set_root_file(&init->ca, answer, fault);
}

/* At the terminal either is an answer. */
static bool take_fingerprint_or_file(struct init *init, const char *answer, struct fault *fault)
{
    return strchr(answer, '/') != NULL || access(answer, F_OK) == 0 ? take_root_file(init, answer, fault)
                                                                    : take_fingerprint(init, answer, fault);
}

static bool ask_root(struct init *init)
{
    struct question question = {
        .option = "fingerprint",
        .text = "SHA-256 fingerprint of its root certificate, or a file with the root",
        .take = take_fingerprint,
    };
    bool by_file = cli_value(init->arguments, "root") != NULL;
    if (by_file && cli_value(init->arguments, "fingerprint") != NULL) {
        fail(init, CLI_USAGE, "--fingerprint and --root exclude each other: either is enough");
        return false;
    }
    if (by_file)
        question.option = "root";
    if (by_file)
        question.take = take_root_file;
    else if (cli_value(init->arguments, "fingerprint") == NULL && init->asks)
        question.take = take_fingerprint_or_file;
    return ask(init, &question);
}

/* True when the person at the terminal can correct something. */
static bool may_ask_again(const struct init *init)
{
    return init->asks && (cli_value(init->arguments, "ca-url") == NULL ||
                          (cli_value(init->arguments, "root") == NULL &&
                           cli_value(init->arguments, "fingerprint") == NULL));
}

static bool ask_connection(struct init *init)
{
    struct fault fault;
    for (;;) {
        const struct question url = {.option = "ca-url",
                                     .text = "URL of the step-ca, such as https://ca.internal:9000",
                                     .fallback = init->ca.client.url,
                                     .take = take_ca_url};
        if (!ask(init, &url) || !ask_root(init))
            return false;
        if (init_ca_connect(&init->ca, &fault))
            return true;
        if (!may_ask_again(init)) {
            fail(init, CLI_FAILED, fault.message);
            return false;
        }
        fprintf(stderr, "  %s\n", fault.message);
    }
}

static bool take_provisioner(struct init *init, const char *answer, struct fault *fault)
{
    init->provisioner = init_ca_provisioner(&init->ca, answer, fault);
    return init->provisioner != NULL;
}

static bool ask_provisioner(struct init *init)
{
    const struct init_ca *ca = &init->ca;
    struct question question = {.option = "provisioner",
                                .text = "JWK provisioner to use, by number or name",
                                .assumed = ca->count == 1,
                                .take = take_provisioner};
    question.fallback = ca->count == 1 ? ca->provisioners[0].name : NULL;
    for (size_t i = 0; i < ca->count; i++)
        if (strcmp(ca->provisioners[i].name, "acmegate") == 0)
            question.fallback = "acmegate";
    if (!init->asks && !question.assumed && cli_value(init->arguments, "provisioner") == NULL)
        question.text = arena_printf(init->arena, "one of: %s", init_ca_provisioners_text(ca));
    if (init->asks && cli_value(init->arguments, "provisioner") == NULL) {
        fprintf(stderr, "The CA has these JWK provisioners:\n");
        for (size_t i = 0; i < ca->count; i++)
            fprintf(stderr, "  %zu  %s\n", i + 1, ca->provisioners[i].name);
    }
    return ask(init, &question);
}

/* ---- its key ---- */

static bool take_key(struct init *init, struct bytes text, struct fault *fault)
{
    init->key = (struct init_key){.text = text};
    return init_ca_try_key(&init->ca, init->provisioner, &init->key, fault) != INIT_KEY_IS_WRONG;
}

static bool take_key_file(struct init *init, const char *answer, struct fault *fault)
{
    struct bytes text;
    if (!file_read_secret(init->arena, answer, CONFIG_FILE_MAX_BYTES, &text))
        return fault_set(fault, "%s cannot be read: %s", answer, strerror(errno));
    return take_key(init, text, fault) || fault_prefix(fault, "%s: ", answer);
}

static bool ask_key(struct init *init)
{
    const struct stepca_provisioner *provisioner = init->provisioner;
    const struct question file = {
        .option = "provisioner-key",
        .text =
            arena_printf(init->arena, "the CA does not publish the key of %s; a file with that private key",
                         provisioner->name),
        .take = take_key_file};
    struct fault fault;
    if (cli_value(init->arguments, "provisioner-key") != NULL || provisioner->encrypted_key == NULL)
        return ask(init, &file);
    if (take_key(init, bytes_from_string(provisioner->encrypted_key), &fault))
        return true;
    fail(init, CLI_FAILED,
         arena_printf(init->arena, "the key that the CA publishes for %s: %s", provisioner->name,
                      fault.message));
    return false;
}

static bool take_password(struct init *init, struct bytes password, struct fault *fault)
{
    init->key.password = password;
    if (password.n == 0)
        return fault_set(fault, "the password is empty");
    return init_ca_try_key(&init->ca, init->provisioner, &init->key, fault) == INIT_KEY_OPENS;
}

static bool take_password_file(struct init *init, const char *answer, struct fault *fault)
{
    struct bytes password;
    if (!config_read_secret_file(init->arena, answer, &password, fault))
        return false;
    return take_password(init, password, fault) || fault_prefix(fault, "%s: ", answer);
}

static bool ask_typed_password(struct init *init)
{
    const char *text = arena_printf(init->arena, "Password of the key of %s", init->provisioner->name);
    struct fault fault;
    struct bytes password;
    for (;;) {
        if (!dialogue_ask_secret(init->arena, text, &password)) {
            fail_ended(init);
            return false;
        }
        config_trim_secret(&password);
        if (take_password(init, password, &fault))
            return true;
        fprintf(stderr, "  %s\n", fault.message);
    }
}

static bool ask_password(struct init *init)
{
    const struct question file = {
        .option = "password-file",
        .text =
            arena_printf(init->arena, "a file with the password of the key of %s", init->provisioner->name),
        .take = take_password_file};
    struct fault fault;
    if (init_ca_try_key(&init->ca, init->provisioner, &init->key, &fault) == INIT_KEY_OPENS)
        return true;
    if (init->asks && cli_value(init->arguments, "password-file") == NULL)
        return ask_typed_password(init);
    return ask(init, &file);
}

bool init_ask_ca(struct init *init)
{
    if (!ask_connection(init) || !ask_provisioner(init) || !ask_key(init) || !ask_password(init))
        return false;
    init->draft.ca_url = init->ca.client.url;
    init->draft.provisioner = init->provisioner->name;
    return true;
}

/* ---- the server ---- */

static bool take_field(struct init *init, const char **field, const char *answer, struct fault *fault)
{
    *field = answer;
    if (config_draft_fits(init->arena, &init->draft, fault))
        return true;
    *field = NULL;
    return false;
}

static bool take_base_url(struct init *init, const char *answer, struct fault *fault)
{
    return take_field(init, &init->draft.base_url, answer, fault);
}

static bool take_listen(struct init *init, const char *answer, struct fault *fault)
{
    return take_field(init, &init->draft.listen, answer, fault);
}

static bool take_names(struct init *init, const char *answer, struct fault *fault)
{
    return take_field(init, &init->draft.names, answer, fault);
}

static bool take_eab(struct init *init, const char *answer, struct fault *fault)
{
    return take_field(init, &init->draft.eab, answer, fault);
}

static const char *folder_above(struct arena *arena, const char *folder)
{
    const char *slash = strrchr(folder, '/');
    if (slash == NULL)
        return ".";
    return slash == folder ? "/" : arena_string(arena, bytes_of(folder, (size_t)(slash - folder)));
}

bool init_folder_fits(struct arena *arena, const char *folder, struct fault *fault)
{
    struct stat status;
    const char *advice = "name another folder, or run this as root";
    if (stat(folder, &status) == 0 && !S_ISDIR(status.st_mode))
        return fault_set(fault, "%s is not a folder", folder);
    if (access(folder, F_OK) == 0)
        return access(folder, W_OK | X_OK) == 0 ||
               fault_set(fault, "the folder %s cannot be written: %s; %s", folder, strerror(errno), advice);
    return access(folder_above(arena, folder), W_OK | X_OK) == 0 ||
           fault_set(fault, "the folder %s cannot be made: %s; %s", folder, strerror(errno), advice);
}

static bool take_state(struct init *init, const char *answer, struct fault *fault)
{
    size_t n = strlen(answer);
    while (n > 1 && answer[n - 1] == '/')
        n--;
    const char *folder = arena_string(init->arena, bytes_of(answer, n));
    if (*folder != '/')
        return fault_set(fault, "the folder must be an absolute path, such as " DEFAULT_STATE);
    return init_folder_fits(init->arena, folder, fault) &&
           take_field(init, &init->draft.state, folder, fault);
}

static const char *default_base_url(struct arena *arena)
{
    char host[HOST_MAX_BYTES];
    if (gethostname(host, sizeof host) != 0 || host[0] == '\0')
        return NULL;
    host[sizeof host - 1] = '\0';
    return arena_printf(arena, "https://%s:" DEFAULT_PORT, host);
}

static struct host_port authority_of(const char *base_url)
{
    struct host_port parts = {0};
    const char *authority = base_url + strlen("https://");
    if (!host_port_parse(bytes_of(authority, strcspn(authority, "/")), &parts))
        return (struct host_port){0};
    return parts;
}

/* All addresses of the machine. A kernel without IPv6 makes no such socket. */
static const char *default_listen(struct arena *arena, const char *base_url)
{
    struct host_port parts = authority_of(base_url);
    unsigned port = parts.has_port ? parts.port : HTTPS_PORT;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return arena_printf(arena, "0.0.0.0:%u", port);
    close(fd);
    return arena_printf(arena, "0.0.0.0:%u, [::]:%u", port, port);
}

/* The domain of the server; NULL for an address, and for a name without a domain. */
static const char *default_names(struct arena *arena, const char *base_url)
{
    struct host_port parts = authority_of(base_url);
    const char *host = arena_string(arena, parts.host);
    const char *dot = strchr(host, '.');
    struct in_addr ignored;
    if (parts.bracketed || dot == NULL || dot[1] == '\0' || inet_pton(AF_INET, host, &ignored) == 1)
        return NULL;
    return arena_printf(arena, "*%s", dot);
}

bool init_ask_server(struct init *init)
{
    struct arena *arena = init->arena;
    struct question base_url = {.option = "base-url",
                                .text = "URL of this server for its clients",
                                .fallback = default_base_url(arena),
                                .take = take_base_url};
    struct question listen = {
        .option = "listen", .text = "Addresses to listen on", .assumed = true, .take = take_listen};
    struct question state = {.option = "state",
                             .text = "Folder for the database",
                             .fallback = DEFAULT_STATE,
                             .assumed = true,
                             .take = take_state};
    struct question names = {.option = "names",
                             .text = "Names to issue for (host.example, *.example, *, addresses, networks)",
                             .take = take_names};
    struct question eab = {
        .option = "eab",
        .text = "Do new accounts need a key from `acmegate eab add`? off, optional or required",
        .fallback = "off",
        .assumed = true,
        .take = take_eab};
    if (!ask(init, &base_url))
        return false;
    listen.fallback = default_listen(arena, init->draft.base_url);
    names.fallback = default_names(arena, init->draft.base_url);
    return ask(init, &listen) && ask(init, &state) && ask(init, &names) && ask(init, &eab);
}
