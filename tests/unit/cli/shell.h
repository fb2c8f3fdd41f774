/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines, run in the test's own process on a configuration and a database of their own. The clock
 * stands at SHELL_NOW, an hour after the objects of store/database.h were made. tests/fakes answers for the
 * network: what stands in `world` (rooms/world.h).
 */
#pragma once

#include "acme/jose/openssl_handles.h"
#include "fakes.h"
#include "rooms/world.h"
#include "store/database.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };
#define SHELL_NOW (NOW + HOUR_S)

struct shell {
    const char *folder; /* where the configuration and what it names lie */
    struct arena *arena;
    struct database database;
};
extern struct shell shell;

/* Makes the folder, with a configuration that ACMEGATE_CONFIG names, and an empty database with the schema.
 */
void shell_begin(void);
void shell_end(void);

/*
 * The configuration has these issuers: "main" is the step-ca at https://ca.test:9000, whose root is root.crt,
 * and "inner" a local CA in the folder ca. The profile "default" is main's, "inside" inner's. The endpoint
 * "acme" has both and takes external account keys, and "other" has "inside".
 */
struct shell_configuration {
    /* More members of these objects, with a comma before each; NULL: none. */
    const char *top; /* NULL: the server's own certificate is inner's */
    const char *main, *inner, *inside, *acme, *other;
};
void shell_configure(const struct shell_configuration *more);

/* Writes a file of the folder; returns its path. */
const char *shell_write(const char *name, const char *text);
const char *shell_write_bytes(const char *name, struct bytes octets);
const char *shell_path(const char *name);
/* The text of a file; "" when there is none. */
const char *shell_read(const char *path);

/* One PEM block. */
const char *shell_pem(const char *label, struct bytes der);

/* The answer of step-ca to a request for its intermediates. */
const char *shell_list_of(X509 *certificate);

/* The text as printf makes it, in the shell's arena. */
[[gnu::format(printf, 1, 2)]] const char *text_of(const char *format, ...);

struct output {
    int status;
    const char *text; /* standard output */
    const char *errors;
};

/* Runs "acmegate …": words with spaces between, one with a space in it within ''. The texts are the shell's.
 */
[[gnu::format(printf, 1, 2)]] struct output run(const char *format, ...);

/* One command line and what it answers. Each text must be in its stream; "" is an empty stream. */
struct command_case {
    const char *line;
    int status;
    const char *text;
    const char *errors;
};
void expect_output(const char *line, const struct output *output, int status, const char *text,
                   const char *errors);
void run_cases(const struct command_case *cases, size_t count);
#define RUN_CASES(cases) run_cases(cases, sizeof(cases) / sizeof *(cases))

/* True when `text` has this whole line. */
bool has_line(const char *text, const char *line);
size_t count_lines(const char *text);

/* Runs the command line with standard output on /dev/full. */
[[gnu::format(printf, 1, 2)]] struct output run_on_full_disk(const char *format, ...);

/* How often `what` stands in what the network was asked. */
size_t times_asked(const char *what);

/* The events of the database, oldest first: "KIND ACTOR DETAIL\n" each. */
const char *shell_events(void);
