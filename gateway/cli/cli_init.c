/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_check.h"
#include "gateway/cli/cli_files.h"
#include "gateway/cli/dialogue.h"
#include "gateway/cli/init.h"
#include "gateway/cli/new_files.h"
#include "gateway/config/config.h"

enum { REQUEST_TIMEOUT_MS = 30 * 1000 };

#define SERVICE_USER "acmegate"

/* ---- where the files go ---- */

/* A file that an option named may lie in its place already: it is used there. */
struct place {
    const char *path;
    bool is_there;
};

struct places {
    const char *folder; /* of the configuration */
    const char *config;
    struct place root, key, password;
    bool state_is_there;
};

static bool is_same_file(const char *a, const char *b)
{
    struct stat status_a, status_b;
    return a != NULL && stat(a, &status_a) == 0 && stat(b, &status_b) == 0 &&
           status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

static struct place place_of(const struct init *init, const struct places *places, const char *name,
                             const char *option)
{
    const char *path = arena_printf(init->arena, "%s/%s", places->folder, name);
    return (struct place){path, is_same_file(cli_value(init->arguments, option), path)};
}

static const char *absolute_path(struct arena *arena, const char *path)
{
    char *folder = path[0] == '/' ? NULL : get_current_dir_name();
    if (folder == NULL)
        return path;
    const char *absolute = arena_printf(arena, "%s/%s", folder, path);
    free(folder);
    return absolute;
}

static void find_places(const struct init *init, struct places *out)
{
    struct arena *arena = init->arena;
    const char *config = absolute_path(arena, cli_config_path(init->arguments));
    const char *slash = strrchr(config, '/');
    *out = (struct places){.config = config};
    out->folder = slash == config ? "" : arena_string(arena, bytes_of(config, (size_t)(slash - config)));
    out->root = place_of(init, out, "root_ca.crt", "root");
    out->key = place_of(init, out, "provisioner.key", "provisioner-key");
    out->password = place_of(init, out, "provisioner.password", "password-file");
}

static bool is_free(const char *path, struct fault *fault)
{
    struct stat status;
    return lstat(path, &status) != 0 ||
           fault_set(fault,
                     "%s exists already, and is not replaced; edit it, or name another place with --config",
                     path);
}

/* Before the first question: answers would be in vain. */
static bool places_fit(const struct init *init, const struct places *places, struct fault *fault)
{
    const struct place *const others[] = {&places->root, &places->key, &places->password};
    if (!is_free(places->config, fault))
        return false;
    for (size_t i = 0; !init->draft.local && i < sizeof others / sizeof *others; i++)
        if (!others[i]->is_there && !is_free(others[i]->path, fault))
            return false;
    return init_folder_fits(init->arena, *places->folder == '\0' ? "/" : places->folder, fault);
}

/* ---- writing ---- */

static bool add(struct new_files *files, const struct place *place, struct bytes text,
                enum new_file_access access, struct fault *fault)
{
    return place->is_there || new_files_add(files, place->path, text, access, fault);
}

static bool add_stepca_files(const struct init *init, struct new_files *files, const struct places *places,
                             struct fault *fault)
{
    const struct init_key *key = &init->key;
    if (!add(files, &places->root, init->ca.client.trusted_pem, NEW_FILE_PUBLIC, fault) ||
        !add(files, &places->key, key->text, NEW_FILE_SECRET, fault))
        return false;
    return key->password.n == 0 || add(files, &places->password, key->password, NEW_FILE_SECRET, fault);
}

static bool add_files(const struct init *init, struct new_files *files, const struct places *places,
                      struct fault *fault)
{
    const struct config_draft *draft = &init->draft;
    if (*places->folder != '\0' && !new_files_add_folder(files, places->folder, NEW_FILE_PUBLIC, fault))
        return false;
    if (!draft->local && !add_stepca_files(init, files, places, fault))
        return false;
    return new_files_add_folder(files, draft->state, NEW_FILE_SECRET, fault) &&
           new_files_add(files, places->config, config_draft_text(init->arena, draft), NEW_FILE_OF_SERVICE,
                         fault);
}

/* No signal ends the process in the middle. */
static bool write_files(struct init *init, struct places *places, struct new_files *files,
                        struct fault *fault)
{
    sigset_t all, before;
    places->state_is_there = access(init->draft.state, F_OK) == 0;
    init->draft.root_path = places->root.path;
    init->draft.key_path = places->key.path;
    init->draft.password_path = init->key.password.n == 0 ? NULL : places->password.path;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool good = add_files(init, files, places, fault) && new_files_keep(files, fault);
    if (!good)
        new_files_drop(files);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

/* ---- the end ---- */

/* The folder /run/systemd/system tells that systemd runs, as in sd_booted(3): a container has the unit
 * without it. */
static bool is_service(const struct places *places, const struct new_files *files)
{
    static const char *const units[] = {"/etc/systemd/system/acmegate.service",
                                        "/usr/lib/systemd/system/acmegate.service",
                                        "/lib/systemd/system/acmegate.service"};
    bool has_unit = false, has_systemd = access("/run/systemd/system", F_OK) == 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        has_unit = has_unit || access(units[i], F_OK) == 0;
    return has_unit && has_systemd && files->has_service && strcmp(places->config, cli_default_config) == 0;
}

static const char *start_command(const struct init *init, const struct places *places,
                                 const struct new_files *files)
{
    if (is_service(places, files))
        return "systemctl enable --now acmegate";
    if (strcmp(places->config, cli_default_config) == 0)
        return "acmegate serve";
    return arena_printf(init->arena, "acmegate serve -c %s", places->config);
}

/* Names what was made, and no folder that was there: others may have files in it, in /etc for example. */
static void tell_chown(const struct init *init, const struct places *places)
{
    const char *const made[] = {
        init->draft.local || places->root.is_there ? NULL : places->root.path,
        init->draft.local || places->key.is_there ? NULL : places->key.path,
        places->password.is_there ? NULL : init->draft.password_path,
        places->state_is_there ? NULL : init->draft.state,
    };
    printf("There is no system user " SERVICE_USER " yet, so the files belong to root. For a service of that "
           "user:\nchown " SERVICE_USER ": %s",
           places->config);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (made[i] != NULL)
            printf(" %s", made[i]);
    printf("\n");
    if (places->state_is_there)
        printf("The folder %s was there before. The service needs one that belongs to its user.\n",
               init->draft.state);
}

static void tell_written(const struct init *init, const struct places *places, const struct new_files *files)
{
    printf("wrote %s\n", places->config);
    if (geteuid() == 0 && !files->has_service)
        tell_chown(init, places);
    printf("\n");
    fflush(stdout);
}

static int tell_next(const struct init *init, const struct places *places, const struct new_files *files,
                     int check_status)
{
    const char *start = start_command(init, places, files);
    const char *root = init->draft.local ? arena_printf(init->arena, "%s/root_ca.crt",
                                                        config_draft_ca_folder(init->arena, &init->draft))
                                         : places->root.path;
    if (check_status != CLI_OK)
        return cli_fail(init->arguments, CLI_FAILED,
                        "%s is whole and stays, but a check failed: do what its FAIL line says, run "
                        "`acmegate check -c %s` again, and then `%s`",
                        places->config, places->config, start);
    printf("\nNext: %s\n", start);
    printf("Clients then use %s/acme/acme/directory, and trust %s.\n", init->draft.base_url, root);
    return CLI_OK;
}

/* ---- the command ---- */

static bool ask_ca(struct init *init)
{
    struct fault fault;
    const struct outbound_config system_resolvers = {0};
    struct outbound *outbound = outbound_start(&system_resolvers, &fault);
    if (outbound == NULL) {
        init->status = cli_fail(init->arguments, CLI_FAILED, "the network cannot be used: %s", fault.message);
        return false;
    }
    init->ca.client =
        (struct stepca_client){.arena = init->arena, .outbound = outbound, .timeout_ms = REQUEST_TIMEOUT_MS};
    bool good = init_ask_ca(init);
    outbound_stop(outbound);
    outbound_free(outbound);
    return good;
}

/* Options of a step-ca are not ignored beside --local. */
static bool options_fit(const struct cli_arguments *arguments)
{
    static const char *const names[] = {"ca-url",      "fingerprint",     "root",
                                        "provisioner", "provisioner-key", "password-file"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cli_value(arguments, "local") != NULL && cli_value(arguments, names[i]) != NULL)
            return cli_fail(arguments, CLI_USAGE, "--%s is for a step-ca, and --local makes a CA without one",
                            names[i]) == CLI_OK;
    return true;
}

/* Without a terminal: all options that are missing for certain, in one message. */
static bool answers_are_given(const struct init *init)
{
    static const struct {
        const char *option, *or_option;
        bool of_stepca;
    } needed[] = {{"ca-url", NULL, true},
                  {"fingerprint", "root", true},
                  {"base-url", NULL, false},
                  {"names", NULL, false}};
    const char *missing = "";
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        const char *other = needed[i].or_option;
        if ((needed[i].of_stepca && init->draft.local) ||
            cli_value(init->arguments, needed[i].option) != NULL ||
            (other != NULL && cli_value(init->arguments, other) != NULL))
            continue;
        missing = arena_printf(init->arena, "%s%s--%s%s%s", missing, *missing == '\0' ? "" : ", ",
                               needed[i].option, other == NULL ? "" : " or --", other == NULL ? "" : other);
    }
    return init->asks || *missing == '\0' ||
           cli_fail(init->arguments, CLI_USAGE,
                    "missing: %s; standard input is not a terminal where they could be asked for",
                    missing) == CLI_OK;
}

static int run(const struct cli_arguments *arguments)
{
    struct init init = {.arguments = arguments, .arena = arguments->arena, .asks = dialogue_is_possible()};
    struct places places;
    struct new_files files;
    struct fault fault;
    init.draft.local = cli_value(arguments, "local") != NULL;
    if (!options_fit(arguments) || !answers_are_given(&init))
        return CLI_USAGE;
    find_places(&init, &places);
    if (!places_fit(&init, &places, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (init.asks)
        fprintf(stderr, "Questions follow; a suggested answer stands in brackets. Nothing is written before "
                        "the last answer.\n");
    if ((!init.draft.local && !ask_ca(&init)) || !init_ask_server(&init))
        return init.status;
    new_files_init(&files, init.arena, SERVICE_USER);
    if (!write_files(&init, &places, &files, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s; nothing was written", fault.message);
    tell_written(&init, &places, &files);
    return tell_next(&init, &places, &files, cli_check_file(arguments->arena, places.config));
}

static const struct cli_option options[] = {
    {"local", NULL, "makes a CA of the server's own, without a step-ca", NULL, 0},
    {"ca-url", "URL", "the step-ca, such as https://ca.internal:9000", NULL, 0},
    {"fingerprint", "HEX", "the SHA-256 fingerprint of the CA's root, by which the root is fetched", NULL, 0},
    {"root", "FILE", "the CA's root certificate (PEM), instead of --fingerprint", NULL, 0},
    {"provisioner", "NAME", "the JWK provisioner to use (default: the only one)", NULL, 0},
    {"provisioner-key", "FILE",
     "the provisioner's private key (JWE, JWK or PEM; default: the encrypted key that the CA publishes)",
     NULL, 0},
    {"password-file", "FILE", "a file with the password of that key", NULL, 0},
    {"base-url", "URL", "the URL of this server for its clients, such as https://acme.internal:9443", NULL,
     0},
    {"listen", "LIST",
     "addresses to listen on, with commas between them (default: all, with the port of --base-url)", NULL, 0},
    {"state", "DIR", "the folder for the database, and for a local CA (default: /var/lib/acmegate)", NULL, 0},
    {"names", "LIST",
     "names to issue for, with commas between them: host.example, *.example (everything below it), * (every "
     "name), addresses and networks",
     NULL, 0},
    {"eab", "MODE",
     "whether new accounts need a key from `acmegate eab add`: off, optional or required (default: off)",
     NULL, 0},
    {"config", "FILE",
     "the configuration to write; other files go into its folder (default: ACMEGATE_CONFIG, else "
     "/etc/acmegate/acmegate.json)",
     NULL, 'c'},
    {0}};

static const struct cli_action actions[] = {
    {.options = options,
     .help = "Writes a first configuration, and the files that it needs. Asks at the terminal for each "
             "answer that no option gives, and asks the CA. Checks the result as `acmegate check` does. "
             "Replaces no file; after a failure no file is left.",
     .run = run}};

const struct cli_command cli_init = {"init", "write a first configuration", actions, 1};
