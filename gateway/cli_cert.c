#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "acme/base/time_text.h"
#include "gateway/cli.h"
#include "gateway/cli_database.h"
#include "store/objects.h"

enum { WITHIN_MIN_S = 60 };

static const char usage[] =
    "usage: acmegate cert renew-early all | issuer ID | serial HEX [--within DURATION] "
    "[--explanation URL] --config FILE\n";

struct renew_early {
    struct arena *arena;
    const char *issuer;            /* NULL: not of one issuer */
    char serial[SERIAL_HEX_BYTES]; /* "": not of one certificate */
    struct early_renewal_order order;
    const char *what; /* in words */
    bool covers_nothing;
};

/* What is misspelt must not look as if it were done. */
static enum store_result find_covered(struct renew_early *request, struct store_session *session)
{
    struct certificate *found = NULL;
    size_t count = 0;
    if (request->issuer != NULL)
        return store_issuer_known(session, request->issuer);
    if (request->serial[0] == '\0')
        return STORE_OK;
    enum store_result result =
        store_certificates_by_serial(session, request->arena, request->serial, &found, &count);
    return result == STORE_OK && count == 0 ? STORE_NOT_FOUND : result;
}

static enum store_apply_result write_order(void *context, struct store_session *session)
{
    struct renew_early *request = context;
    const struct early_renewal_order *order = &request->order;
    const struct event event = {
        .at = order->created_at, .kind = "renewal.early", .who = "operator", .detail = request->what};
    enum store_result result = find_covered(request, session);
    request->covers_nothing = result == STORE_NOT_FOUND;
    if (result == STORE_OK)
        result = store_early_renewal_insert(session, order);
    if (result == STORE_OK)
        result = store_event_insert(session, &event);
    return result == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

/* As openssl, step and certbot show serials: any case, with colons or without, padded or not. */
static bool read_serial(const char *text, char out[static SERIAL_HEX_BYTES])
{
    size_t n = 0;
    for (; *text != '\0'; ++text) {
        if (*text == ':' || (*text == '0' && n == 0))
            continue;
        if (!isxdigit((unsigned char)*text) || n + 1 >= SERIAL_HEX_BYTES)
            return false;
        out[n++] = (char)tolower((unsigned char)*text);
    }
    out[n] = '\0';
    return n != 0;
}

/* "all", "issuer ID" or "serial HEX"; false for anything else. */
static bool read_scope(struct renew_early *request, const char *const *words, size_t count)
{
    struct arena *arena = request->arena;
    if (count == 1 && strcmp(words[0], "all") == 0) {
        request->order.scope = "all";
    } else if (count == 2 && strcmp(words[0], "issuer") == 0) {
        request->issuer = words[1];
        request->order.scope = arena_printf(arena, "issuer:%s", words[1]);
    } else if (count == 2 && strcmp(words[0], "serial") == 0 && read_serial(words[1], request->serial)) {
        request->order.scope = arena_printf(arena, "serial:%s", request->serial);
    }
    return request->order.scope != NULL;
}

static bool write_to(const char *path, struct renew_early *request, struct store_error *error)
{
    struct store_session *session = store_session_open_for_command(path, error);
    bool written = session != NULL && store_write_now(session, write_order, request, error);
    store_session_close(session);
    if (request->covers_nothing)
        snprintf(error->message, sizeof error->message,
                 "%s names nothing in this database; nothing was changed", request->order.scope);
    return written;
}

static int renew_early(struct arena *arena, const struct cli_database_arguments *arguments,
                       const char *within, const char *explanation)
{
    int64_t spread_s = 0, now = time(NULL);
    struct store_error error;
    struct renew_early request = {.arena = arena, .order = {.issued_before = now, .created_at = now}};
    if (!read_scope(&request, arguments->words + 1, arguments->word_count - 1)) {
        fprintf(stderr, "%s", usage);
        return CLI_USAGE;
    }
    if (!duration_parse(&spread_s, bytes_from_string(within)) || spread_s < WITHIN_MIN_S) {
        fprintf(stderr, "acmegate cert: --within takes a duration of a minute at least, such as 24h\n");
        return CLI_USAGE;
    }
    request.order.window = (struct early_renewal){now, now + spread_s, explanation};
    request.what = arena_printf(arena, "%s, within %s", request.order.scope, within);
    if (!write_to(arguments->path, &request, &error)) {
        fprintf(stderr, "acmegate cert: %s\n", error.message);
        return CLI_FAILED;
    }
    printf("clients that ask for renewal information are told to renew within %s (%s); what is issued from "
           "now on "
           "is not meant\n",
           within, request.order.scope);
    return CLI_OK;
}

int cli_cert(int argc, char **argv)
{
    const char *within = "24h";
    const char *explanation = NULL;
    const struct cli_option options[] = {{"--within", &within}, {"--explanation", &explanation}};
    struct cli_database_arguments arguments;
    struct arena *arena = arena_new();
    int status =
        cli_database_arguments(arena, argc, argv, options, sizeof options / sizeof *options, &arguments);
    if (status == CLI_OK && arguments.word_count > 0 && strcmp(arguments.words[0], "renew-early") == 0) {
        status = renew_early(arena, &arguments, within, explanation);
    } else if (status == CLI_OK) {
        fprintf(stderr, "%s", usage);
        status = CLI_USAGE;
    }
    arena_free(arena);
    return status;
}
