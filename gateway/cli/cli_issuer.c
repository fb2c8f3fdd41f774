/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_json.h"
#include "gateway/runtime/clock.h"
#include "store/events.h"
#include "store/issuer_overrides.h"

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
    return store_applied(reset->result == STORE_OK ? store_event_insert(writer, &event) : reset->result);
}

static int reset_issuer(const struct cli_arguments *arguments)
{
    const char *issuer = arguments->words[0];
    struct reset reset = {.issuer = issuer, .result = STORE_FAILED};
    struct fault fault;
    bool written = cli_write(arguments, delete_override, &reset, &fault);
    if (reset.result == STORE_NOT_FOUND)
        return cli_fail(arguments, CLI_FAILED, "the admin API has not changed issuer '%s'", issuer);
    if (!written)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (cli_wants_json(arguments)) {
        struct json_writer *writer = cli_json_begin(arguments->arena);
        json_put_string(writer, "issuer", issuer);
        json_put_string(writer, "follows", "file");
        json_put_string(writer, "from", "next start");
        return cli_json_end(arguments, writer);
    }
    printf("issuer %s follows the configuration file again from the next start of the server. DELETE in the "
           "admin API does the same without a restart\n",
           issuer);
    return CLI_OK;
}

static const struct cli_action actions[] = {
    {.name = "reset",
     .words = "ID",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Drops the admin API's change of an issuer, so that the file's section applies again.",
     .run = reset_issuer}};

const struct cli_command cli_issuer = {"issuer", "undo the admin API's change of an issuer", actions, 1};
