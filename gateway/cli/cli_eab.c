#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "acme/base/time_text.h"
#include "acme/jose/base64url.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"
#include "gateway/config/config.h"
#include "gateway/runtime/clock.h"
#include "gateway/secret_box.h"

enum { LIST_MAX = 1000, KID_MAX_BYTES = 128, KID_RANDOM_BYTES = 12, USES_MAX = 1000000 };

static const char usage[] =
    "usage: acmegate eab add ENDPOINT [--kid KID] [--allow NAME,…] [--deny NAME,…] [--profiles NAME,…]\n"
    "                        [--trusted yes] [--expires DURATION] [--uses N] [--comment TEXT] --config FILE\n"
    "       acmegate eab list [--endpoint NAME] [--state STATE] [--before ID] [--limit N] [--json] --config "
    "FILE\n"
    "       acmegate eab revoke ENDPOINT KID --config FILE\n";

static const struct cli_column columns[] = {{"endpoint", 12}, {"kid", 28},     {"state", 7},  {"uses", 4},
                                            {"max_uses", 8},  {"expires", 20}, {"comment", 0}};
static const struct cli_listing eab_keys = {"eab", LISTING_EAB_KEYS, columns,
                                            sizeof columns / sizeof *columns};

struct options {
    struct cli_list_options list;
    const char *kid, *allow, *deny, *profiles, *trusted, *expires, *uses, *comment;
};

static int refuse(const char *what, const char *word)
{
    fprintf(stderr, "acmegate eab: %s: %s\n", word, what);
    return CLI_USAGE;
}

/* ---- writing ---- */

struct change {
    struct arena *arena;
    struct eab_key key;
    int64_t now;
    enum store_result result;
};

static enum store_apply_result record(struct change *change, struct store_session *session, const char *kind)
{
    struct event event = {.at = change->now,
                          .kind = kind,
                          .who = "operator",
                          .detail =
                              arena_printf(change->arena, "%s at %s", change->key.kid, change->key.endpoint)};
    return store_applied(store_event_insert(session, &event));
}

static enum store_apply_result insert_key(void *context, struct store_session *session)
{
    struct change *change = context;
    struct eab_key other;
    change->result =
        store_eab_key_by_kid(session, change->arena, change->key.endpoint, change->key.kid, &other);
    if (change->result != STORE_NOT_FOUND ||
        store_eab_key_insert(session, change->arena, &change->key) != STORE_OK)
        return STORE_DISCARD;
    return record(change, session, "eab.added");
}

static enum store_apply_result revoke_key(void *context, struct store_session *session)
{
    struct change *change = context;
    struct eab_key key;
    change->result =
        store_eab_key_by_kid(session, change->arena, change->key.endpoint, change->key.kid, &key);
    if (change->result == STORE_OK)
        change->result = store_eab_key_revoke(session, key.id, change->now);
    return change->result == STORE_OK ? record(change, session, "eab.revoked") : STORE_DISCARD;
}

static bool write_change(const char *path, struct change *change,
                         enum store_apply_result (*apply)(void *, struct store_session *),
                         struct store_error *error)
{
    struct store_session *session = store_session_open_for_command(path, error);
    bool written = session != NULL && store_write_now(session, apply, change, error);
    store_session_close(session);
    return written;
}

/* ---- reading the arguments ---- */

/* "a,b" as words, each of which `is_valid` accepts; NULL text gives none. */
static bool read_list(struct arena *arena, const char *text, bool (*is_valid)(const char *word),
                      const char *const **out, size_t *count)
{
    const char **words = arena_alloc_array(arena, LIST_MAX, sizeof words[0]);
    *count = 0;
    for (const char *at = text; at != NULL && *at != '\0';) {
        size_t n = strcspn(at, ",");
        const char *word = arena_string(arena, bytes_of(at, n));
        if (*count == LIST_MAX || strchr(word, ' ') != NULL || !is_valid(word))
            return false;
        words[(*count)++] = word;
        at += n + (at[n] == ',');
    }
    *out = words;
    return true;
}

static bool is_word(const char *word)
{
    return *word != '\0';
}

/* The profiles must be the endpoint's. */
static bool has_profiles(const struct endpoint_config *endpoint, const struct eab_key *key)
{
    for (size_t i = 0; i < key->profile_count; i++) {
        bool known = false;
        for (size_t j = 0; j < endpoint->profile_count; j++)
            known = known || strcmp(endpoint->profiles[j], key->profiles[i]) == 0;
        if (!known)
            return false;
    }
    return true;
}

static bool is_kid(const char *kid)
{
    size_t n = strlen(kid);
    return n != 0 && n <= KID_MAX_BYTES && kid[0] != '-' && bytes_is_text(bytes_from_string(kid)) &&
           strchr(kid, ' ') == NULL;
}

/* Kids and keys are arguments of commands, ours and the clients': none may look like an option. With its
 * first bit clear, base64url begins with a letter. */
[[gnu::warn_unused_result]] static bool random_octets(uint8_t *out, size_t n)
{
    if (RAND_bytes(out, (int)n) != 1)
        return false;
    out[0] &= 0x7f;
    return true;
}

static const char *random_kid(struct arena *arena)
{
    uint8_t octets[KID_RANDOM_BYTES];
    if (!random_octets(octets, sizeof octets))
        end_without("random octets");
    return base64url_encode(arena, bytes_of(octets, sizeof octets));
}

static int read_key(struct arena *arena, const struct endpoint_config *endpoint,
                    const struct options *options, int64_t now, struct eab_key *key)
{
    int64_t lasts = 0;
    char *end = NULL;
    key->endpoint = endpoint->name;
    key->kid = options->kid == NULL ? random_kid(arena) : options->kid;
    key->comment = options->comment;
    key->trusted = strcmp(options->trusted, "yes") == 0;
    if (!key->trusted && strcmp(options->trusted, "no") != 0)
        return refuse("is yes or no", "--trusted");
    key->created_at = now;
    if (!is_kid(key->kid))
        return refuse("must be 1 to 128 characters without spaces, not beginning with '-'", "--kid");
    if (!read_list(arena, options->allow, name_pattern_is_valid, &key->names.allow, &key->names.allow_count))
        return refuse(
            "takes names such as host.example, *.example, *, an address or a network, with commas between",
            "--allow");
    if (!read_list(arena, options->deny, name_pattern_is_valid, &key->names.deny, &key->names.deny_count))
        return refuse("takes names as --allow does", "--deny");
    if (!read_list(arena, options->profiles, is_word, &key->profiles, &key->profile_count) ||
        !has_profiles(endpoint, key))
        return refuse("takes profiles of this endpoint, with commas between", "--profiles");
    if (options->expires != NULL &&
        (!duration_parse(&lasts, bytes_from_string(options->expires)) || lasts == 0))
        return refuse("takes a duration such as 30d or 12h", "--expires");
    key->expires_at = lasts == 0 ? 0 : now + lasts;
    key->max_uses = options->uses == NULL ? 0 : strtol(options->uses, &end, 10);
    if (options->uses != NULL && (*end != '\0' || key->max_uses < 1 || key->max_uses > USES_MAX))
        return refuse("takes a number from 1 to 1000000", "--uses");
    return CLI_OK;
}

/* ---- commands ---- */

static int fail(const char *message)
{
    fprintf(stderr, "acmegate eab: %s\n", message);
    return CLI_FAILED;
}

static bool seal_new_key(const struct config *config, struct arena *arena, struct eab_key *key, char **shown,
                         char why[static SECRET_BOX_WHY_BYTES])
{
    uint8_t octets[EAB_KEY_BYTES];
    struct secret_box *box = config_open_secrets(config, SECRET_BOX_MAKE, why);
    if (box == NULL)
        return false;
    bool sealed = random_octets(octets, sizeof octets) &&
                  secret_seal(box, arena, bytes_of(octets, sizeof octets),
                              eab_key_place(arena, key->endpoint, key->kid), &key->sealed_key);
    if (!sealed)
        snprintf(why, SECRET_BOX_WHY_BYTES, "OpenSSL cannot make or seal a key");
    *shown = base64url_encode(arena, bytes_of(octets, sizeof octets));
    OPENSSL_cleanse(octets, sizeof octets);
    secret_box_free(box);
    return sealed;
}

static int add(struct arena *arena, const struct cli_database_arguments *arguments,
               const struct options *options)
{
    struct change change = {.arena = arena, .now = clock_now()};
    struct store_error error;
    char why[SECRET_BOX_WHY_BYTES];
    char *shown = NULL;
    const struct endpoint_config *endpoint =
        config_endpoint(arguments->config, bytes_from_string(arguments->words[1]));
    if (endpoint == NULL)
        return refuse("there is no such endpoint in the configuration", arguments->words[1]);
    int status = read_key(arena, endpoint, options, change.now, &change.key);
    if (status != CLI_OK)
        return status;
    if (!seal_new_key(arguments->config, arena, &change.key, &shown, why))
        return fail(why);
    if (!write_change(arguments->path, &change, insert_key, &error))
        return fail(change.result == STORE_OK ? "there is a key with this kid at this endpoint already"
                                              : error.message);
    printf("kid       %s\nhmac key  %s\n", change.key.kid, shown);
    if (endpoint->eab == EAB_OFF)
        printf("note: endpoints.%s.eab is \"off\": nobody needs the key, and it is not looked at\n",
               endpoint->name);
    return CLI_OK;
}

static int revoke(struct arena *arena, const struct cli_database_arguments *arguments)
{
    struct change change = {.arena = arena,
                            .now = clock_now(),
                            .key = {.endpoint = arguments->words[1], .kid = arguments->words[2]}};
    struct store_error error;
    if (!write_change(arguments->path, &change, revoke_key, &error))
        return fail(change.result == STORE_NOT_FOUND
                        ? "there is no such key at this endpoint, or it is revoked already"
                        : error.message);
    printf("revoked; accounts that were made with it order nothing any more\n");
    return CLI_OK;
}

static int run(struct arena *arena, const struct cli_database_arguments *arguments,
               const struct options *options)
{
    const char *word = arguments->word_count == 0 ? "" : arguments->words[0];
    if (arguments->config == NULL)
        return refuse("is needed here", "--config FILE");
    if (strcmp(word, "add") == 0 && arguments->word_count == 2)
        return add(arena, arguments, options);
    if (strcmp(word, "list") == 0 && arguments->word_count == 1)
        return cli_list(&eab_keys, arguments, &options->list);
    if (strcmp(word, "revoke") == 0 && arguments->word_count == 3)
        return revoke(arena, arguments);
    fprintf(stderr, "%s", usage);
    return CLI_USAGE;
}

int cli_eab(int argc, char **argv)
{
    enum { OWN = 8, COUNT = OWN + CLI_LIST_OPTIONS_OF_ALL };
    struct options given = {.trusted = "no"};
    struct cli_option options[COUNT] = {
        {"--kid", &given.kid},           {"--allow", &given.allow},     {"--deny", &given.deny},
        {"--profiles", &given.profiles}, {"--expires", &given.expires}, {"--uses", &given.uses},
        {"--comment", &given.comment},   {"--trusted", &given.trusted},
    };
    struct cli_database_arguments arguments;
    struct arena *arena = arena_new();
    cli_list_options_of_all(&given.list, options + OWN);
    int status = cli_database_arguments(arena, argc, argv, options, COUNT, &arguments);
    if (status == CLI_OK)
        status = run(arena, &arguments, &given);
    arena_free(arena);
    return status;
}
