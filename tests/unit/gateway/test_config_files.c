/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's file, the files that it names, and the document that describes it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "config_texts.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(config_files);

/* ---- the password file ---- */

static void write_file(const char *path, const char *text, unsigned mode)
{
    cr_assert(file_replace(path, bytes_from_string(text), mode));
}

static const char *with_password_file(struct arena *arena, const char *path)
{
    return arena_printf(
        arena,
        "{" TOP ", \"issuers\": {\"main\": {\"type\": \"stepca\", \"ca_url\": \"https://ca\","
        " \"provisioner_name\": \"p\", \"provisioner_key_path\": \"k\", \"root_cert_path\": \"r\","
        " \"provisioner_password_file\": \"%s\"}}, " REST "}",
        path);
}

Test(config_files, C8_the_password_file_is_read_without_the_white_space_at_its_end)
{
    static const struct {
        const char *content;
        const char *password;
    } cases[] = {{"secret\n", "secret"},
                 {"secret", "secret"},
                 {"se cret \r\n", "se cret"},
                 {" pw\n\n", " pw"},
                 {"pw ", "pw"},
                 {"pw\t \v\f\n", "pw"},
                 {"pw\xc2\xa0\xc2\x85\n", "pw"},
                 {"pw\xc3\xa0", "pw\xc3\xa0"}};
    char path[] = "/tmp/acmegate-password-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        write_file(path, cases[i].content, 0600);
        const struct config *config = config_text_good(arena, with_password_file(arena, path), NULL);
        cr_expect(bytes_equal_string(config->issuers[0].provisioner_password, cases[i].password));
        arena_free(arena);
    }
    unlink(path);
}

Test(config_files, a_password_file_that_cannot_be_read_is_named)
{
    struct arena *arena = arena_new();
    struct config_errors errors;
    const char *text = with_password_file(arena, "/nowhere/password");
    char *environment[] = {"ACMEGATE_STEPCA_PASSWORD=other", NULL};
    cr_assert_null(config_text_parse(arena, text, NULL, &errors));
    cr_assert(config_text_tells(&errors, "issuers.main.provisioner_password_file", "/nowhere/password"));
    const struct config *config = config_text_good(arena, text, environment);
    cr_assert(bytes_equal_string(config->issuers[0].provisioner_password, "other"));
    arena_free(arena);
}

/* A file that only the server may read stands for each key of that type. */
Test(config_files, a_check_may_leave_the_files_of_secrets_unread)
{
    struct arena *arena = arena_new();
    static const char head[] =
        "{" TOP ", \"admin\": {\"listen\": [\"127.0.0.1:9\"], \"token_file\": \"/nowhere/token\"},"
        " \"issuers\": {\"main\": {\"type\": \"stepca\", \"ca_url\": \"https://ca\","
        " \"provisioner_name\": \"p\", \"provisioner_key_path\": \"k\", \"root_cert_path\": \"r\","
        " \"provisioner_password_file\": \"/nowhere/password\"";
    static const char tail[] = "}, \"own\": {\"type\": \"local\", \"directory\": \"ca\", "
                               "\"key_password_file\": \"/nowhere/key\"}}, " REST "}";
    static const struct {
        const char *more;
        const char *key, *words; /* NULL: it is good */
    } cases[] = {
        {"", NULL, NULL},
        {", \"provisioner_password\": \"x\"", "issuers.main.provisioner_password_file",
         "set this or provisioner_password, not both"},
        {", \"ocsp\": {\"provisioner_password_file\": 7}", "issuers.main.ocsp.provisioner_password_file",
         "must be the path of a file"},
        {", \"frob\": 1", "issuers.main.frob", "unknown key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config_errors errors;
        const char *whole = arena_printf(arena, "%s%s%s", head, cases[i].more, tail);
        const struct config *config = config_parse_without_secrets(
            arena, "test.json", bytes_from_string(whole), (char *const[]){NULL}, &errors);
        cr_expect_eq(config != NULL, cases[i].words == NULL, "%zu: %s", i,
                     errors.count == 0 ? "" : *errors.lines);
        cr_expect(config != NULL ||
                      (errors.count == 1 && config_text_tells(&errors, cases[i].key, cases[i].words)),
                  "%zu: %zu, %s", i, errors.count, errors.count == 0 ? "" : *errors.lines);
        cr_expect_null(config_text_parse(arena, whole, NULL, &errors));
        cr_expect(config_text_tells(&errors, "admin.token_file", "cannot read /nowhere/token: No such file"));
        cr_expect(config_text_tells(&errors, "issuers.own.key_password_file", "/nowhere/key"));
    }
    arena_free(arena);
}

Test(config_files, a_password_file_open_to_others_is_warned_of)
{
    char path[] = "/tmp/acmegate-password-XXXXXX";
    close(mkstemp(path));
    struct arena *arena = arena_new();
    const char *text = with_password_file(arena, path);
    write_file(path, "secret\n", 0600);
    cr_assert_eq(config_text_good(arena, text, NULL)->warning_count, 0);
    cr_assert_eq(chmod(path, 0640), 0);
    const struct config *config = config_text_good(arena, text, NULL);
    cr_assert_eq(config->warning_count, 1);
    cr_assert(strstr(config->warnings[0], path) != NULL && strstr(config->warnings[0], "chmod 600") != NULL);
    cr_assert_null(strstr(config->warnings[0], "secret"));
    char *elsewhere[] = {"CREDENTIALS_DIRECTORY=/tmp/acmegate-pass", NULL};
    cr_assert_eq(config_text_good(arena, text, elsewhere)->warning_count, 1);
    char *here[] = {"CREDENTIALS_DIRECTORY=/tmp", NULL};
    cr_assert_eq(config_text_good(arena, text, here)->warning_count, 0, "systemd's credentials have an ACL");
    unlink(path);
    arena_free(arena);
}

/* ---- show and reference ---- */

Test(config_files, show_tells_value_and_origin_and_keeps_secrets)
{
    char path[] = "/tmp/acmegate-config-XXXXXX";
    close(mkstemp(path));
    write_file(path, "{" GOOD "}", 0600);
    char *environment[] = {"ACMEGATE_LOOPS=2", NULL};
    struct arena *arena = arena_new();
    struct config_errors errors;
    struct bytes shown = config_show(arena, path, environment, NULL, 0, &errors);
    cr_assert_eq(errors.count, 0);
    const char *text = arena_string(arena, shown);
    cr_assert_not_null(strstr(text, "base_url = \"https://acme.internal:9443\"  (file)\n"));
    cr_assert_not_null(strstr(text, "loops = 2  (ACMEGATE_LOOPS)\n"));
    cr_assert_not_null(strstr(text, "limits.max_identifiers = 100  (default)\n"));
    cr_assert_not_null(strstr(text, "issuers.main.provisioner_password = (set)  (file)\n"));
    cr_assert_not_null(strstr(text, "issuers.main.validity_days = (not set)\n"));
    cr_assert_null(strstr(text, "\"secret\""));
    write_file(path, "{}", 0600);
    cr_assert_eq(config_show(arena, path, NULL, NULL, 0, &errors).n, 0);
    cr_assert_gt(errors.count, 0);
    unlink(path);
    arena_free(arena);
}

Test(config_files, a_file_that_is_not_there_is_named)
{
    struct arena *arena = arena_new();
    struct config_errors errors;
    cr_assert_null(config_load(arena, "/nowhere/acmegate.json", NULL, &errors));
    cr_assert(config_text_tells(&errors, "/nowhere/acmegate.json", "No such file"));
    arena_free(arena);
}

static const char *document(struct arena *arena)
{
    struct bytes text;
    int folder_bytes = (int)(strrchr(__FILE__, '/') - __FILE__);
    const char *path = arena_printf(arena, "%.*s/../../../docs/configuration.md", folder_bytes, __FILE__);
    cr_assert(file_read(arena, path, 1024 * 1024, &text), "%s cannot be read", path);
    return arena_string(arena, text);
}

Test(config_files, the_document_holds_the_reference_as_it_is)
{
    struct arena *arena = arena_new();
    const char *expected = arena_printf(arena, "<!-- reference: begin -->\n%s<!-- reference: end -->\n",
                                        arena_string(arena, config_reference(arena)));
    cr_assert_not_null(
        strstr(document(arena), expected),
        "put what `acmegate config reference` prints between the markers of docs/configuration.md");
    arena_free(arena);
}

Test(config_files, the_document_s_example_is_accepted)
{
    struct arena *arena = arena_new();
    const char *text = document(arena);
    const char *begin = strstr(text, "```jsonc\n");
    cr_assert_not_null(begin);
    begin += strlen("```jsonc\n");
    const char *end = strstr(begin, "```");
    cr_assert_not_null(end);
    char *environment[] = {"ACMEGATE_STEPCA_PASSWORD=instead of the file", NULL};
    config_text_good(arena, arena_string(arena, bytes_of(begin, (size_t)(end - begin))), environment);
    arena_free(arena);
}
