/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_json.h"
#include "gateway/cli/terminal.h"

enum { LOOK_EVERY_NS = 500 * 1000 * 1000 };

/* The output of one run of `show`. */
struct picture {
    char *text;
    size_t bytes;
    int status;
};

bool cli_wants_watch(const struct cli_arguments *arguments)
{
    return cli_value(arguments, "watch") != NULL;
}

static struct picture take(const struct cli_arguments *arguments,
                           int (*show)(const struct cli_arguments *arguments, void *context), void *context)
{
    struct picture picture = {0};
    struct cli_arguments once = *arguments;
    FILE *output = stdout, *kept = open_memstream(&picture.text, &picture.bytes);
    if (kept == NULL)
        end_without("memory");
    once.arena = arena_new();
    stdout = kept;
    picture.status = show(&once, context);
    stdout = output;
    arena_free(once.arena);
    fclose(kept);
    if (picture.text == NULL)
        end_without("memory");
    return picture;
}

/* With its line feed. */
static size_t line_bytes(const char *at)
{
    size_t n = strcspn(at, "\n");
    return n + (at[n] == '\n');
}

static bool has_line(const char *text, const char *line, size_t bytes)
{
    for (const char *at = text; *at != '\0'; at += line_bytes(at))
        if (line_bytes(at) == bytes && memcmp(at, line, bytes) == 0)
            return true;
    return false;
}

static void print_new_lines(const char *before, const char *now)
{
    for (const char *at = now; *at != '\0'; at += line_bytes(at))
        if (!has_line(before, at, line_bytes(at)))
            fwrite(at, 1, line_bytes(at), stdout);
}

/* Shows the picture where it differs from the one before. Returns the exit status so far. */
static int print(const struct cli_arguments *arguments, const char *before, const struct picture *now)
{
    if (strcmp(before, now->text) == 0)
        return now->status;
    if (terminal_is_screen() && !cli_wants_json(arguments)) {
        terminal_clear();
        fputs(now->text, stdout);
    } else {
        print_new_lines(before, now->text);
    }
    if (fflush(stdout) != 0)
        return cli_fail(arguments, CLI_FAILED, "standard output: %s", strerror(errno));
    return now->status;
}

static int watch(const struct cli_arguments *arguments,
                 int (*show)(const struct cli_arguments *arguments, void *context), void *context)
{
    static const struct timespec pause = {.tv_nsec = LOOK_EVERY_NS};
    struct picture now = take(arguments, show, context);
    int status = print(arguments, "", &now);
    while (status == CLI_OK) {
        nanosleep(&pause, NULL);
        struct picture before = now;
        now = take(arguments, show, context);
        status = print(arguments, before.text, &now);
        free(before.text);
    }
    free(now.text);
    return status;
}

int cli_watch(const struct cli_arguments *arguments,
              int (*show)(const struct cli_arguments *arguments, void *context), void *context)
{
    return cli_wants_watch(arguments) ? watch(arguments, show, context) : show(arguments, context);
}
