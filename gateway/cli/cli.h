/* The commands: one table in main.c, one cli_*.c for each. */
#pragma once

/* Exit statuses. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli_command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *help;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

int cli_serve(int argc, char **argv);
int cli_dev(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_account(int argc, char **argv);
int cli_order(int argc, char **argv);
int cli_eab(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_import(int argc, char **argv);
int cli_migration(int argc, char **argv);
int cli_sign(int argc, char **argv);
int cli_cert(int argc, char **argv);
int cli_issuer(int argc, char **argv);
int cli_db(int argc, char **argv);
int cli_version(int argc, char **argv);
