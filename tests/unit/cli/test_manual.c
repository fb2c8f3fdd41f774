/* SPDX-License-Identifier: Apache-2.0 */
/* The manual pages and completions hold every command, action, option and key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/arena.h"
#include "gateway/cli/cli_help.h"
#include "gateway/config/config.h"
#include "gateway/manual/completion.h"
#include "gateway/manual/manual.h"
#include "gateway/manual/mdoc.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(cli_manual);

enum { OPTIONS_MAX = 32, WORDS_MAX_BYTES = 256 };

static char *written;
static size_t written_bytes;

static FILE *begin(void)
{
    free(written);
    written = NULL;
    return open_memstream(&written, &written_bytes);
}

static void write_file(const char *name)
{
    FILE *out = begin();
    manual_write *write = manual_find(name);
    cr_assert_not_null(write, "%s", name);
    write(out, "May 4, 2026");
    fclose(out);
}

static void end(void)
{
    free(written);
}

/* How a file names an option. */
struct option_form {
    const char *file;
    const char *before; /* the option's name */
    bool escaped;       /* "-" is "\-" */
};

static void expect_option(const struct option_form *form, const char *name)
{
    char words[WORDS_MAX_BYTES];
    size_t n = (size_t)snprintf(words, sizeof words, "%s", form->before);
    for (const char *at = name; *at != '\0'; at++)
        n += (size_t)snprintf(words + n, sizeof words - n, form->escaped && *at == '-' ? "\\-" : "%c", *at);
    cr_assert_not_null(strstr(written, words), "%s: no '%s'", form->file, words);
}

Test(cli_manual, each_option_of_each_action_is_in_each_file, .fini = end)
{
    static const struct option_form forms[] = {
        {"acmegate.1", "Fl Fl \\&", true},
        {"acmegate.bash", " --", false},
        {"_acmegate", "'--", false},
        {"acmegate.fish", " -l ", false},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        write_file(forms[i].file);
        for (size_t k = 0; k < cli_command_count; k++) {
            const struct cli_command *command = cli_commands[k];
            cr_expect_not_null(strstr(written, command->name), "%s: %s", forms[i].file, command->name);
            for (size_t a = 0; a < command->action_count; a++) {
                const struct cli_option *options[OPTIONS_MAX];
                size_t count = cli_options_of(&command->actions[a], options, OPTIONS_MAX);
                for (size_t o = 0; o < count; o++)
                    expect_option(&forms[i], options[o]->name);
            }
        }
    }
}

Test(cli_manual, each_key_is_in_the_page_of_the_configuration, .fini = end)
{
    struct arena *arena = arena_new();
    struct config_key_description key;
    size_t count = 0;
    write_file("acmegate.json.5");
    for (; config_describe(arena, count, &key); count++) {
        char item[WORDS_MAX_BYTES];
        snprintf(item, sizeof item, "\n.It Cm \\&%s\n", key.path);
        cr_expect_not_null(strstr(written, item), "%s", key.path);
    }
    cr_assert_gt(count, 50);
    cr_expect_null(strchr(written, '`'), "code is bold");
    cr_expect_null(strstr(written, "]("), "a page cannot follow a link to a file");
    arena_free(arena);
}

Test(cli_manual, a_name_that_is_no_file_of_the_manual_has_no_writer)
{
    cr_expect_null(manual_find("acmegate.2"));
    cr_expect_null(manual_find(""));
}

Test(cli_manual, prose_becomes_lines_of_mdoc, .fini = end)
{
    static const struct {
        const char *text, *lines;
    } cases[] = {
        {"One. Two", "One.\nTwo\n"},
        {"a (b.) C", "a (b.)\nC\n"},
        {"`code`, and `two words.` more", "\\fBcode\\fP, and \\fBtwo words.\\fP more\n"},
        {"see [the page](page.md), please", "see the page, please\n"},
        {"[\"a\"] stays", "[\"a\"] stays\n"},
        {".dot", "\\&.dot\n"},
        {"a-b \\ it's ~^ …", "a\\-b \\e it\\(aqs \\(ti\\(ha \\[u2026]\n"},
        {"one two three four five six seven eight nine ten eleven twelve thirteen fourteen 123456789",
         "one two three four five six seven eight nine ten eleven\ntwelve thirteen fourteen 123456789\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *out = begin();
        mdoc_text(out, cases[i].text);
        fclose(out);
        cr_expect_str_eq(written, cases[i].lines, "%s: %s", cases[i].text, written);
    }
}

Test(cli_manual, an_argument_of_mdoc_is_one_word, .fini = end)
{
    static const struct {
        const char *text, *argument;
    } cases[] = {{"Ar", " \\&Ar"},
                 {"http-port", " \\&http\\-port"},
                 {"[\"a\", \"b\"]", " \"\\&[\"\"a\"\", \"\"b\"\"]\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *out = begin();
        mdoc_argument(out, cases[i].text);
        fclose(out);
        cr_expect_str_eq(written, cases[i].argument, "%s", written);
    }
}

Test(cli_manual, words_of_help_say_what_completes_them, .fini = end)
{
    static const struct {
        const char *words;
        enum completion completion;
        const char *choices;
    } cases[] = {
        {NULL, COMPLETE_NOTHING, NULL},
        {"ID", COMPLETE_NOTHING, NULL},
        {"FILE", COMPLETE_FILES, NULL},
        {"PATH…", COMPLETE_FILES, NULL},
        {"CSR", COMPLETE_FILES, NULL},
        {"DIR", COMPLETE_FOLDERS, NULL},
        {"NAME|ORDER|CAUSE|EVENT", COMPLETE_NOTHING, NULL},
        {"yes|no", COMPLETE_CHOICES, "yes no"},
        {"all | issuer ID | serial HEX", COMPLETE_CHOICES, "all issuer serial"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(completion_of(cases[i].words), cases[i].completion, "%s", cases[i].words);
        if (cases[i].choices == NULL)
            continue;
        FILE *out = begin();
        completion_choices(out, cases[i].words);
        fclose(out);
        cr_expect_str_eq(written, cases[i].choices);
    }
}

Test(cli_manual, C7_the_manual_has_the_examples_of_the_help, .fini = end)
{
    write_file("acmegate.1");
    cr_expect_not_null(strstr(written, "cert revoke 1A:2B:3C \\-\\-reason keyCompromise \\-\\-wait\"\n"),
                       "%s", written);
}
