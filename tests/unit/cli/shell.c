/* SPDX-License-Identifier: Apache-2.0 */
#include "shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include "acme/base/file.h"
#include "acme/base/json.h"
#include "acme/jose/openssl_handles.h"
#include "acme/pki.h"
#include "gateway/cli/cli.h"
#include "rooms/place.h"

enum { WORDS_MAX = 32, FILE_MAX_BYTES = 1024 * 1024 };

struct shell shell;
static struct place place;

/* ---- the folder ---- */

const char *text_of(const char *format, ...)
{
    char *text = NULL;
    va_list values;
    va_start(values, format);
    cr_assert(vasprintf(&text, format, values) >= 0);
    va_end(values);
    const char *kept = arena_duplicate(shell.arena, text);
    free(text);
    return kept;
}

const char *shell_path(const char *name)
{
    return text_of("%s/%s", shell.folder, name);
}

const char *shell_write(const char *name, const char *text)
{
    place_write(&place, name, text);
    return shell_path(name);
}

const char *shell_write_bytes(const char *name, struct bytes octets)
{
    cr_assert(file_replace(shell_path(name), octets, 0600), "%s", name);
    return shell_path(name);
}

const char *shell_pem(const char *label, struct bytes der)
{
    char *text = NULL;
    autofree_bio BIO *bio = BIO_new(BIO_s_mem());
    cr_assert(PEM_write_bio(bio, label, "", der.p, (long)der.n) > 0);
    long n = BIO_get_mem_data(bio, &text);
    return text_of("%.*s", (int)n, text);
}

const char *shell_list_of(X509 *certificate)
{
    struct json_writer *writer = json_writer_new(shell.arena, 65536);
    json_begin_object(writer);
    json_key(writer, "crts");
    json_begin_array(writer);
    json_write_bytes(writer, pki_pem(shell.arena, certificate));
    json_end_array(writer);
    json_end_object(writer);
    return arena_string(shell.arena, json_writer_finish(writer));
}

const char *shell_read(const char *path)
{
    struct bytes text;
    return file_read(shell.arena, path, FILE_MAX_BYTES, &text) ? arena_string(shell.arena, text) : "";
}

static const char *or_nothing(const char *text)
{
    return text == NULL ? "" : text;
}

void shell_configure(const struct shell_configuration *more)
{
    const char *folder = shell.folder;
    shell_write(
        "acmegate.json",
        text_of("{\"base_url\":\"https://acme.test\",\"listen\":[\"127.0.0.1:1\"],\"database\":\"%s\","
                "\"issuers\":{\"main\":{\"type\":\"stepca\",\"ca_url\":\"https://ca.test:9000\","
                "\"provisioner_name\":\"acmegate\",\"provisioner_key_path\":\"%s/provisioner.json\","
                "\"root_cert_path\":\"%s/root.crt\"%s},"
                "\"inner\":{\"type\":\"local\",\"directory\":\"%s/ca\"%s}},"
                "\"profiles\":{\"default\":{\"issuer\":\"main\",\"max_ttl\":\"24h\"},"
                "\"inside\":{\"issuer\":\"inner\",\"max_ttl\":\"12h\"%s}},"
                "\"endpoints\":{\"acme\":{\"eab\":\"optional\",\"profiles\":[\"default\",\"inside\"]%s},"
                "\"other\":{\"profiles\":[\"inside\"]%s}}%s}",
                shell.database.path, folder, folder, or_nothing(more->main), folder, or_nothing(more->inner),
                or_nothing(more->inside), or_nothing(more->acme), or_nothing(more->other),
                more->top == NULL ? ",\"tls\":{\"issuer\":\"inner\"}" : more->top));
}

/* In the place's folder, which is in memory where the machine has one. */
static void make_folder(struct database *database)
{
    *database = (struct database){.arena = arena_new()};
    cr_assert_lt(snprintf(database->directory, sizeof database->directory, "%.50s/data", place.folder),
                 (int)sizeof database->directory);
    snprintf(database->path, sizeof database->path, "%s/acmegate.db", database->directory);
    database->location = store_location_new(database->arena, database->path);
    cr_assert_eq(mkdir(database->directory, 0700), 0);
}

void shell_begin(void)
{
    place_begin(&place);
    make_folder(&shell.database);
    database_connect(&shell.database);
    fake_clock_set(SHELL_NOW * 1000);
    shell.folder = place.folder;
    shell.arena = place.arena;
    shell_configure(&(struct shell_configuration){0});
    setenv("ACMEGATE_CONFIG", shell_path("acmegate.json"), 1);
}

void shell_end(void)
{
    database_end(&shell.database);
    place_end(&place);
}

const char *shell_events(void)
{
    return database_text(
        &shell.database,
        "SELECT coalesce(group_concat(line, ''), '') FROM (SELECT kind || ' ' || who || ' ' ||"
        " coalesce(detail, '') || char(10) AS line FROM events ORDER BY id)");
}

/* ---- command lines ---- */

static int split(char *line, char **words)
{
    int count = 0;
    for (char *at = line + strspn(line, " "); *at != '\0'; at += strspn(at, " ")) {
        const char *end = *at == '\'' ? "'" : " ";
        at += *at == '\'';
        cr_assert(count < WORDS_MAX);
        words[count++] = at;
        at += strcspn(at, end);
        if (*at != '\0')
            *at++ = '\0';
    }
    return count;
}

static const char *keep(char *text)
{
    const char *kept = arena_duplicate(shell.arena, text);
    free(text);
    return kept;
}

/* Runs the line on these streams, and frees it. */
static int run_on(FILE *text, FILE *errors, char *line)
{
    char *words[WORDS_MAX + 2] = {arena_duplicate(shell.arena, "acmegate")};
    FILE *out = stdout, *err = stderr;
    int count = split(line, words + 1) + 1;
    stdout = text;
    stderr = errors;
    int status = cli_main(count, words);
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = err;
    free(line);
    return status;
}

struct output run(const char *format, ...)
{
    struct output output = {0};
    char *line = NULL, *text = NULL, *errors = NULL;
    size_t text_bytes, error_bytes;
    va_list values;
    va_start(values, format);
    cr_assert(vasprintf(&line, format, values) >= 0);
    va_end(values);
    output.status = run_on(open_memstream(&text, &text_bytes), open_memstream(&errors, &error_bytes), line);
    output.text = keep(text);
    output.errors = keep(errors);
    return output;
}

struct output run_on_full_disk(const char *format, ...)
{
    struct output output = {.text = ""};
    char *line = NULL, *errors = NULL;
    size_t error_bytes;
    va_list values;
    va_start(values, format);
    cr_assert(vasprintf(&line, format, values) >= 0);
    va_end(values);
    output.status = run_on(fopen("/dev/full", "we"), open_memstream(&errors, &error_bytes), line);
    output.errors = keep(errors);
    return output;
}

size_t times_asked(const char *what)
{
    size_t count = 0;
    for (const char *at = world.asked; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static bool fits(const char *text, const char *wanted)
{
    return *wanted == '\0' ? *text == '\0' : strstr(text, wanted) != NULL;
}

void expect_output(const char *line, const struct output *output, int status, const char *text,
                   const char *errors)
{
    cr_expect_eq(output->status, status, "%s: exit status %d", line, output->status);
    cr_expect(fits(output->text, text), "%s: \"%s\" is not in the output:\n%s", line, text, output->text);
    cr_expect(fits(output->errors, errors), "%s: \"%s\" is not in the errors:\n%s", line, errors,
              output->errors);
}

void run_cases(const struct command_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct output output = run("%s", cases[i].line);
        expect_output(cases[i].line, &output, cases[i].status, cases[i].text, cases[i].errors);
    }
}

bool has_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
        if ((at == text || at[-1] == '\n') && at[n] == '\n')
            return true;
    return false;
}

size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}
