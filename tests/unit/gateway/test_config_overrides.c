/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer's section that stands in the place of the file's, and warnings about good values. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "config_texts.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(config_overrides);

static const struct issuer_config *parse_override(struct arena *arena, const char *text,
                                                  struct config_errors *errors)
{
    const struct config_override override = {"main", bytes_from_string(text)};
    return config_parse_override(arena, "override", &override, errors);
}

Test(config_overrides, one_is_read_as_a_section_of_the_file)
{
    struct arena *arena = arena_new();
    struct config_errors errors;
    const struct issuer_config *issuer = parse_override(arena, "{" STEPCA "}", &errors);
    cr_assert(issuer != NULL, "%s", errors.lines[0]);
    cr_expect_str_eq(issuer->id, "main");
    cr_expect(issuer->overridden);
    cr_expect_eq(issuer->type, ISSUER_STEPCA);
    cr_expect_str_eq(issuer->ca_url, "https://ca.internal:9000");
    cr_expect_eq(issuer->request_timeout_s, 30, "the defaults are those of the file");
    arena_free(arena);
}

static const struct {
    const char *text, *path, *words;
} faults[] = {
    {"{", "issuers.main", "line 1"},
    {"[]", "issuers.main", "must be an object: {…}"},
    {"{\"type\": \"stepca\"}", "issuers.main.ca_url", "is missing"},
    {"{" STEPCA ", \"ca_ulr\": 1}", "issuers.main.ca_ulr", "ca_url"},
    {"{" STEPCA ", \"validity_days\": 0}", "issuers.main.validity_days", "days"},
    {"{" STEPCA ", \"ocsp\": {\"key\": \"/k\"}}", "issuers.main.ocsp", "certificate and key need each other"},
};

Test(config_overrides, a_fault_is_told_by_its_path)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct arena *arena = arena_new();
        struct config_errors errors;
        cr_expect_null(parse_override(arena, faults[i].text, &errors), "%s", faults[i].text);
        cr_expect(config_text_tells(&errors, faults[i].path, faults[i].words), "%s: %s", faults[i].text,
                  errors.lines[0]);
        arena_free(arena);
    }
}

Test(config_overrides, one_goes_before_the_environment_and_the_file)
{
    char path[] = "/tmp/acmegate-config-XXXXXX";
    close(mkstemp(path));
    struct arena *arena = arena_new();
    cr_assert(file_replace(path, BYTES_LITERAL("{" GOOD "}"), 0600));
    char *environment[] = {"ACMEGATE_STEPCA_URL=https://other:1", NULL};
    const struct config_override override = {
        "main",
        BYTES_LITERAL("{\"type\": \"stepca\", \"ca_url\": \"https://third:1\", \"provisioner_name\": \"p\","
                      " \"provisioner_key_path\": \"/k\", \"root_cert_path\": \"/r\"}")};
    static const struct {
        size_t overrides;
        const char *line;
    } shown[] = {{0, "issuers.main.ca_url = \"https://other:1\"  (ACMEGATE_STEPCA_URL)\n"},
                 {1, "issuers.main.ca_url = \"https://third:1\"  (override)\n"}};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        struct config_errors errors;
        struct bytes text = config_show(arena, path, environment, &override, shown[i].overrides, &errors);
        cr_assert_gt(text.n, 0, "%s", errors.count == 0 ? "" : errors.lines[0]);
        cr_expect_not_null(strstr(arena_string(arena, text), shown[i].line), "%s", shown[i].line);
    }
    unlink(path);
    arena_free(arena);
}

/* ---- warnings ---- */

static size_t warnings_of(struct arena *arena, const char *names, const char **first)
{
    const char *text = arena_printf(arena,
                                    "{" TOP ", " ISSUERS ", \"profiles\": {\"p\": {\"issuer\": \"main\"}}, "
                                    "\"endpoints\": {\"e\": {\"profiles\": [\"p\"], \"names\": {%s}}}}",
                                    names);
    const struct config *config = config_text_good(arena, text, NULL);
    *first = config->warning_count == 0 ? "" : config->warnings[0];
    return config->warning_count;
}

Test(config_overrides, an_empty_list_of_names_that_are_allowed_is_warned_of)
{
    struct arena *arena = arena_new();
    const char *first;
    cr_expect_eq(warnings_of(arena, "\"allow\": [\"a.test\"]", &first), 0, "%s", first);
    cr_expect_eq(warnings_of(arena, "\"deny\": []", &first), 0, "%s", first);
    cr_expect_eq(warnings_of(arena, "", &first), 0, "%s", first);
    cr_expect_eq(warnings_of(arena, "\"allow\": []", &first), 1);
    cr_expect_not_null(strstr(first, "endpoints.e.names.allow is an empty list, which allows every name"),
                       "%s", first);
    arena_free(arena);
}

Test(config_overrides, each_warning_is_given_once)
{
    char path[] = "/tmp/acmegate-password-XXXXXX";
    close(mkstemp(path));
    struct arena *arena = arena_new();
    cr_assert(file_replace(path, BYTES_LITERAL("secret"), 0644));
    const char *text = arena_printf(
        arena,
        "{" TOP ", \"issuers\": {\"main\": {" LOCAL ", \"key_password_file\": \"%s\"}, \"other\": {" LOCAL
        ", \"key_password_file\": \"%s\"}}, \"profiles\": {\"p\": {\"issuer\": \"main\"}}, "
        "\"endpoints\": {\"e\": {\"profiles\": [\"p\"], \"names\": {\"allow\": []}}, "
        "\"f\": {\"profiles\": [\"p\"], \"names\": {\"allow\": []}}}}",
        path, path);
    const struct config *config = config_text_good(arena, text, NULL);
    cr_assert_eq(config->warning_count, 3);
    cr_expect_not_null(strstr(config->warnings[0], path));
    cr_expect_not_null(strstr(config->warnings[1], "endpoints.e.names.allow"));
    cr_expect_not_null(strstr(config->warnings[2], "endpoints.f.names.allow"));
    unlink(path);
    arena_free(arena);
}
