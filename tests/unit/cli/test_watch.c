/* SPDX-License-Identifier: Apache-2.0 */
/* --watch: the first picture, then each line that is new, until the command fails. */
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_watch.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_watch);

/* The pictures of a command, one after the other; the last one fails. */
struct pictures {
    const char *texts[4];
    size_t count, shown;
};

static int show(const struct cli_arguments *arguments, void *context)
{
    struct pictures *pictures = context;
    fputs(arena_duplicate(arguments->arena, pictures->texts[pictures->shown++]), stdout);
    return pictures->shown == pictures->count ? CLI_FAILED : CLI_OK;
}

static struct pictures *under_way;

static int run_pictures(const struct cli_arguments *arguments)
{
    return cli_watch(arguments, show, under_way);
}

static const struct cli_option options[] = {CLI_WATCH_OPTION, {0}};
static const struct cli_action action = {.options = options, .help = "", .run = run_pictures};
static const struct cli_command command = {"test", "", &action, 1};

/* Returns what was printed, in the arena. */
static const char *watch(struct pictures *pictures, bool watched)
{
    char *words[] = {arena_duplicate(shell.arena, "test"), arena_duplicate(shell.arena, "--watch"), NULL};
    under_way = pictures;
    char *text = NULL;
    size_t bytes;
    FILE *output = stdout;
    stdout = open_memstream(&text, &bytes);
    int status = cli_run(&command, watched ? 2 : 1, words);
    fclose(stdout);
    stdout = output;
    cr_expect_eq(status, watched ? CLI_FAILED : CLI_OK);
    const char *kept = arena_duplicate(shell.arena, text);
    free(text);
    return kept;
}

Test(cli_watch, C7_each_new_line_is_shown_once)
{
    static const struct {
        struct pictures pictures;
        const char *text;
    } cases[] = {
        {{{"id\na 1\n", "id\na 1\n", "id\na 2\n", "id\nb 1\na 2\n"}, 4, 0}, "id\na 1\na 2\nb 1\n"},
        {{{"", "x\n", "", "x\n"}, 4, 0}, "x\nx\n"},
        {{{"a\n", "ab\n", "a"}, 3, 0}, "a\nab\na"},
        {{{"x\n"}, 1, 0}, "x\n"},
    };
    shell_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pictures pictures = cases[i].pictures;
        cr_expect_str_eq(watch(&pictures, true), cases[i].text, "case %zu", i);
        cr_expect_eq(pictures.shown, pictures.count, "case %zu", i);
    }
    struct pictures once = cases[0].pictures;
    cr_expect_str_eq(watch(&once, false), "id\na 1\n");
    shell_end();
}

Test(cli_watch, C7_it_ends_when_nobody_takes_the_output)
{
    shell_begin();
    struct output output = run_on_full_disk("order list --watch");
    expect_output("full", &output, CLI_FAILED, "", "standard output: No space left on device\n");
    output = run("explain none.test --watch");
    expect_output("none", &output, CLI_FAILED, "", "no order of 'none.test'");
    shell_end();
}
