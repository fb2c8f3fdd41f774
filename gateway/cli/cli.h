/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: one table in cli_commands.c, one cli_*.c for each. */
#pragma once

#include "gateway/cli/cli_arguments.h"

extern const struct cli_command cli_account;
extern const struct cli_command cli_cert;
extern const struct cli_command cli_check;
extern const struct cli_command cli_config_command;
extern const struct cli_command cli_db;
extern const struct cli_command cli_dev;
extern const struct cli_command cli_eab;
extern const struct cli_command cli_explain;
extern const struct cli_command cli_gateway;
extern const struct cli_command cli_import;
extern const struct cli_command cli_init;
extern const struct cli_command cli_issuer;
extern const struct cli_command cli_migration;
extern const struct cli_command cli_order;
extern const struct cli_command cli_reload;
extern const struct cli_command cli_serve;
extern const struct cli_command cli_sign;
extern const struct cli_command cli_try;
extern const struct cli_command cli_version;

/* All commands, in the order of the help. */
extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;

/* Runs a command line, argv[0] being the program's name. Returns the exit status. */
[[nodiscard]] int cli_main(int argc, char **argv);
