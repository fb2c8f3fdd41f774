/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/runtime/clock.h"
#include "store/objects.h"

struct reset {
    const char *issuer;
    enum store_result result;
};

static enum store_apply_result delete_override(void *context, struct store_writer *writer)
{
    struct reset *reset = context;
    struct event event = {
        .at = clock_now(), .type = EVENT_ISSUER_RESET, .actor = "operator", .detail = reset->issuer};
    reset->result = store_issuer_override_delete(writer, reset->issuer);
    return reset->result == STORE_OK && store_event_insert(writer, &event) == STORE_OK ? STORE_APPLIED
                                                                                       : STORE_DISCARD;
}

static int reset_issuer(const struct cli_arguments *arguments)
{
    const char *issuer = arguments->words[0];
    struct reset reset = {.issuer = issuer, .result = STORE_FAILED};
    struct fault fault;
    struct store_command *command = store_command_open(arguments->database, &fault);
    bool written = command != NULL && store_write_now(command, delete_override, &reset, &fault);
    store_command_close(command);
    if (!written)
        return cli_fail(arguments, CLI_FAILED, "%s",
                        reset.result == STORE_NOT_FOUND ? "the admin API has set nothing for this issuer"
                                                        : fault.message);
    printf("issuer %s is as the file says again, from the next start of the server on; DELETE of the admin "
           "API does it while "
           "it runs\n",
           issuer);
    return CLI_OK;
}

static const struct cli_action actions[] = {
    {.name = "reset",
     .words = "ID",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .help = "Drops what the admin API has set for an issuer, so that the file's section holds again.",
     .run = reset_issuer}};

const struct cli_command cli_issuer = {
    "issuer", "return an issuer that the admin API has changed to the file's section", actions, 1};
