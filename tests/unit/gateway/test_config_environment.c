/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: which one fills a key, how its text is read, and what is said of one that fills none. */
#include <stdio.h>

#include "config_texts.h"
#include "leaks.h"
#include "log_capture.h"

LEAK_CHECKED_SUITE(config_environment);

#define TWO    "{" TOP ", \"issuers\": {\"main\": {" STEPCA "}, \"local\": {" LOCAL "}}, " REST "}"
#define ALONE  "{" TOP ", \"issuers\": {\"main\": {" LOCAL "}}, " REST "}"
#define EFFECT "environment variable %s has no effect: no key has this name"

static const struct {
    const char *text, *variable;
    const char *words; /* of a warning; NULL: none */
} cases[] = {
    {TWO, "ACMEGATE_LOOPS=1", NULL},
    {TWO, "ACMEGATE_CONFIG=/etc/acmegate.json", NULL},
    {TWO, "ACMEGATE_STEPCA_URL=https://ca:1", NULL},
    {TWO, "CERTCTL_STEPCA_URL=https://ca:1", NULL},
    {TWO, "CERTCTL_STEPCA_ROOT_CERT=/r", NULL},
    {TWO, "CERTCTL_OTHER=1", NULL},
    {TWO, "OTHER=1", NULL},
    {TWO, "ACMEGATE_LOOP=1", "environment variable ACMEGATE_LOOP has no effect: no key has this name"},
    {TWO, "ACMEGATE_LOOP=", NULL},
    {TWO, "ACMEGATE_LOOP", NULL},
    {TWO, "ACMEGATE_ISSUERS_MAIN_TYPE=x",
     "environment variable ACMEGATE_ISSUERS_MAIN_TYPE has no effect: no key has this name"},
    {ALONE, "ACMEGATE_STEPCA_URL=https://ca:1",
     "ACMEGATE_STEPCA_URL has no effect: no issuer is of type stepca"},
    {ALONE, "CERTCTL_STEPCA_URL=https://ca:1",
     "CERTCTL_STEPCA_URL has no effect: no issuer is of type stepca"},
    {ALONE, "CERTCTL_STEPCA_ROOT_CERT=/r",
     "CERTCTL_STEPCA_ROOT_CERT has no effect: no issuer is of type stepca"},
    {ALONE, "CERTCTL_OTHER=1", NULL},
};

Test(config_environment, what_has_no_effect_is_warned_of)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        char *environment[] = {arena_duplicate(arena, cases[i].variable), NULL};
        log_capture_begin();
        const struct config *config = config_text_good(arena, cases[i].text, environment);
        const char *log = log_capture_end(arena);
        cr_expect_not_null(config);
        if (cases[i].words == NULL)
            cr_expect_str_empty(log, "%s: %s", cases[i].variable, log);
        else
            cr_expect(strstr(log, cases[i].words) != NULL && count_of(log, "\n") == 1, "%s: %s",
                      cases[i].variable, log);
        arena_free(arena);
    }
}

Test(config_environment, a_variable_of_issuers_is_for_the_only_step_ca)
{
    struct arena *arena = arena_new();
    char *environment[] = {"ACMEGATE_STEPCA_URL=https://other:1", NULL};
    const struct config *config = config_text_good(arena, TWO, environment);
    cr_expect_str_eq(config_issuer(config, "main")->ca_url, "https://other:1");
    cr_expect_null(config_issuer(config, "local")->ca_url);
    arena_free(arena);
}

Test(config_environment, one_for_two_step_cas_is_refused_each_by_its_name)
{
    static const char *const variables[] = {"ACMEGATE_STEPCA_URL=https://a:1",
                                            "CERTCTL_STEPCA_URL=https://a:1", "CERTCTL_STEPCA_ROOT_CERT=/r"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        struct arena *arena = arena_new();
        struct config_errors errors;
        char *environment[] = {arena_duplicate(arena, variables[i]), NULL};
        cr_expect_null(config_text_parse(
            arena, "{" TOP ", \"issuers\": {\"main\": {" STEPCA "}, \"two\": {" STEPCA "}}, " REST "}",
            environment, &errors));
        cr_expect_eq(errors.count, 1);
        cr_expect_str_eq(
            errors.lines[0],
            arena_printf(
                arena,
                "test.json: %.*s is ambiguous: there are 2 issuers of type stepca; set the key in the file",
                (int)strcspn(variables[i], "="), variables[i]));
        arena_free(arena);
    }
}

Test(config_environment, the_own_name_goes_before_certctls)
{
    static const struct {
        const char *variables[3];
        const char *root;
    } roots[] = {
        {{"ACMEGATE_STEPCA_ROOT=/1", "CERTCTL_STEPCA_ROOT=/2", "CERTCTL_STEPCA_ROOT_CERT=/3"}, "/1"},
        {{"CERTCTL_STEPCA_ROOT_CERT=/3", "CERTCTL_STEPCA_ROOT=/2", NULL}, "/2"},
        {{"CERTCTL_STEPCA_ROOT_CERT=/3", NULL, NULL}, "/3"},
        {{NULL, NULL, NULL}, "/etc/root.crt"},
    };
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        struct arena *arena = arena_new();
        char *environment[4] = {NULL};
        for (size_t n = 0; n < 3; n++)
            environment[n] = arena_duplicate(arena, roots[i].variables[n]);
        const struct config *config = config_text_good(arena, "{" GOOD "}", environment);
        cr_expect_str_eq(config_issuer(config, "main")->root_cert_path, roots[i].root, "%zu", i);
        arena_free(arena);
    }
}

Test(config_environment, a_list_is_split_at_commas)
{
    static const struct {
        const char *variable;
        size_t count;
        const char *items[3];
    } lists[] = {
        {"ACMEGATE_ALTERNATE_NAMES=a", 1, {"a"}},
        {"ACMEGATE_ALTERNATE_NAMES=a,b", 2, {"a", "b"}},
        {"ACMEGATE_ALTERNATE_NAMES=  a  ,  b:1 ,c  ", 3, {"a", "b:1", "c"}},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct arena *arena = arena_new();
        char *environment[] = {arena_duplicate(arena, lists[i].variable), NULL};
        const struct config *config = config_text_good(arena, "{" GOOD "}", environment);
        cr_assert_eq(config->alternate_name_count, lists[i].count, "%s", lists[i].variable);
        for (size_t n = 0; n < lists[i].count; n++)
            cr_expect_str_eq(config->alternate_names[n], lists[i].items[n]);
        arena_free(arena);
    }
}
