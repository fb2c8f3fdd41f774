#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_database.h"
#include "gateway/runtime/clock.h"
#include "store/objects.h"

static const char usage[] = "usage: acmegate issuer reset ID --config FILE\n";

struct reset {
    const char *issuer;
    enum store_result result;
};

static enum store_apply_result delete_override(void *context, struct store_session *session)
{
    struct reset *reset = context;
    struct event event = {
        .at = clock_now(), .kind = "issuer.reset", .who = "operator", .detail = reset->issuer};
    reset->result = store_issuer_override_delete(session, reset->issuer);
    return reset->result == STORE_OK && store_event_insert(session, &event) == STORE_OK ? STORE_APPLIED
                                                                                        : STORE_DISCARD;
}

static int reset_issuer(const char *path, const char *issuer)
{
    struct reset reset = {.issuer = issuer, .result = STORE_FAILED};
    struct store_error error;
    struct store_session *session = store_session_open_for_command(path, &error);
    bool written = session != NULL && store_write_now(session, delete_override, &reset, &error);
    store_session_close(session);
    if (!written) {
        fprintf(stderr, "acmegate issuer: %s\n",
                reset.result == STORE_NOT_FOUND ? "the admin API has set nothing for this issuer"
                                                : error.message);
        return CLI_FAILED;
    }
    printf("issuer %s is as the file says again, from the next start of the server on; DELETE of the admin "
           "API does it while "
           "it runs\n",
           issuer);
    return CLI_OK;
}

int cli_issuer(int argc, char **argv)
{
    struct cli_database_arguments arguments;
    struct arena *arena = arena_new();
    int status = cli_database_arguments(arena, argc, argv, NULL, 0, &arguments);
    if (status == CLI_OK && arguments.word_count == 2 && strcmp(arguments.words[0], "reset") == 0) {
        status = reset_issuer(arguments.path, arguments.words[1]);
    } else if (status == CLI_OK) {
        fprintf(stderr, "%s", usage);
        status = CLI_USAGE;
    }
    arena_free(arena);
    return status;
}
