/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "acme/base/base64.h"
#include "acme/base/time_text.h"
#include "acme/base/visible.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"
#include "gateway/config/config.h"
#include "gateway/preflight/shared_key.h"
#include "gateway/runtime/clock.h"
#include "store/eab_keys.h"
#include "store/events.h"
#include "store/listing.h"

enum { LIST_MAX = 1000, KID_MAX_BYTES = 128, KID_RANDOM_BYTES = 12, USES_MAX = 1000000 };

static const struct cli_column columns[] = {{"endpoint", 12}, {"kid", 28},     {"state", 7},  {"uses", 4},
                                            {"max_uses", 8},  {"expires", 20}, {"comment", 0}};
static const char *const states[] = {"good", "used up", "expired", "revoked", NULL};
static const struct cli_listing eab_keys = {LISTING_EAB_KEYS, states, columns,
                                            sizeof columns / sizeof *columns};

/* ---- writing ---- */

struct change {
    struct arena *arena;
    struct eab_key key;
    int64_t now;
    enum store_result result;
};

static enum store_apply_result record(struct change *change, struct store_writer *writer,
                                      enum event_type type)
{
    struct event event = {.at = change->now,
                          .type = type,
                          .actor = "operator",
                          .detail =
                              arena_printf(change->arena, "%s at %s", change->key.kid, change->key.endpoint)};
    return store_applied(store_event_insert(writer, &event));
}

static enum store_apply_result insert_key(void *context, struct store_writer *writer)
{
    struct change *change = context;
    struct eab_key other;
    change->result = store_eab_key_by_kid(store_reader_of(writer), change->arena, change->key.endpoint,
                                          change->key.kid, &other);
    if (change->result != STORE_NOT_FOUND ||
        store_eab_key_insert(writer, change->arena, &change->key) != STORE_OK)
        return STORE_DISCARD;
    return record(change, writer, EVENT_EAB_ADDED);
}

static enum store_apply_result revoke_key(void *context, struct store_writer *writer)
{
    struct change *change = context;
    struct eab_key key;
    change->result = store_eab_key_by_kid(store_reader_of(writer), change->arena, change->key.endpoint,
                                          change->key.kid, &key);
    if (change->result == STORE_OK)
        change->result = store_eab_key_revoke(writer, key.id, change->now);
    return change->result == STORE_OK ? record(change, writer, EVENT_EAB_REVOKED) : STORE_DISCARD;
}

/* ---- reading the arguments ---- */

/* Reads "a,b" as words, each of which `is_valid` accepts; NULL text gives none. */
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

/* True when all profiles of the key are the endpoint's. */
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
    return n != 0 && n <= KID_MAX_BYTES && kid[0] != '-' &&
           visible_is_clean(bytes_from_string(kid), VISIBLE_ONE_LINE) && strchr(kid, ' ') == NULL;
}

/* Kids and keys are arguments of commands, of ours and of clients: none may look like an option. With the
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

static int read_key(const struct cli_arguments *arguments, const struct endpoint_config *endpoint,
                    int64_t now, struct eab_key *key)
{
    struct arena *arena = arguments->arena;
    const char *kid = cli_value(arguments, "kid"), *trusted = cli_value(arguments, "trusted");
    int64_t lasts_s = 0;
    key->endpoint = endpoint->name;
    key->kid = kid == NULL ? random_kid(arena) : kid;
    key->comment = cli_value(arguments, "comment");
    key->trusted = strcmp(trusted, "yes") == 0;
    if (!key->trusted && strcmp(trusted, "no") != 0)
        return cli_fail(arguments, CLI_USAGE, "--trusted must be yes or no");
    key->created_at = now;
    if (!is_kid(key->kid))
        return cli_fail(
            arguments, CLI_USAGE,
            "--kid must have 1 to 128 visible characters, without spaces, and must not begin with '-'");
    if (!read_list(arena, cli_value(arguments, "allow"), name_pattern_is_valid, &key->names.allow,
                   &key->names.allow_count))
        return cli_fail(arguments, CLI_USAGE,
                        "--allow must be names such as host.example, *.example, *, an address or a network, "
                        "separated by commas");
    if (!read_list(arena, cli_value(arguments, "deny"), name_pattern_is_valid, &key->names.deny,
                   &key->names.deny_count))
        return cli_fail(arguments, CLI_USAGE, "--deny must be names, as for --allow");
    if (!read_list(arena, cli_value(arguments, "profiles"), is_word, &key->profiles, &key->profile_count) ||
        !has_profiles(endpoint, key))
        return cli_fail(arguments, CLI_USAGE,
                        "--profiles must be profiles of this endpoint, separated by commas");
    if (!cli_read_duration(arguments, "expires", &lasts_s) ||
        !cli_read_number(arguments, "uses", 1, USES_MAX, &key->max_uses))
        return CLI_USAGE;
    key->expires_at = lasts_s == 0 ? 0 : now + lasts_s;
    return CLI_OK;
}

/* ---- commands ---- */

static void put_words(struct json_writer *writer, const char *name, const char *const *words, size_t count)
{
    json_key(writer, name);
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++)
        json_write_string(writer, words[i]);
    json_end_array(writer);
}

static int print_json(const struct cli_arguments *arguments, const struct eab_key *key, const char *shown)
{
    struct json_writer *writer = cli_json_begin(arguments->arena);
    json_put_string(writer, "endpoint", key->endpoint);
    json_put_string(writer, "kid", key->kid);
    json_put_string(writer, "hmac_key", shown);
    json_put_time(writer, "expires", key->expires_at);
    if (key->max_uses != 0)
        json_put_integer(writer, "max_uses", key->max_uses);
    put_words(writer, "names_allow", key->names.allow, key->names.allow_count);
    put_words(writer, "names_deny", key->names.deny, key->names.deny_count);
    put_words(writer, "profiles", key->profiles, key->profile_count);
    json_put_boolean(writer, "trusted", key->trusted);
    json_put_string(writer, "comment", key->comment);
    return cli_json_end(arguments, writer);
}

static struct secret_box *open_box(const struct cli_arguments *arguments, struct fault *fault)
{
    struct store_reader *reader = store_reader_open(arguments->location, fault);
    struct secret_box *box = reader == NULL ? NULL : shared_key_open(reader, arguments->config, fault);
    store_reader_close(reader);
    return box;
}

static bool seal_new_key(const struct cli_arguments *arguments, struct eab_key *key, char **shown,
                         struct fault *fault)
{
    struct arena *arena = arguments->arena;
    uint8_t octets[EAB_KEY_BYTES];
    struct secret_box *box = open_box(arguments, fault);
    if (box == NULL)
        return false;
    bool sealed = random_octets(octets, sizeof octets) &&
                  secret_seal(box, arena, bytes_of(octets, sizeof octets),
                              eab_key_place(arena, key->endpoint, key->kid), &key->sealed_key);
    if (!sealed)
        fault_set(fault, "OpenSSL cannot make or seal a key");
    *shown = base64url_encode(arena, bytes_of(octets, sizeof octets));
    OPENSSL_cleanse(octets, sizeof octets);
    secret_box_free(box);
    return sealed;
}

/* The endpoint must be in the configuration, not only in the database. */
static int require_config(const struct cli_arguments *arguments)
{
    return arguments->config != NULL
               ? CLI_OK
               : cli_fail(arguments, CLI_USAGE, "a new key needs the configuration: leave out --database");
}

static int add(const struct cli_arguments *arguments)
{
    struct arena *arena = arguments->arena;
    struct change change = {.arena = arena, .now = clock_now(), .result = STORE_FAILED};
    struct fault fault;
    char *shown = NULL;
    int status = require_config(arguments);
    if (status != CLI_OK)
        return status;
    const struct endpoint_config *endpoint =
        config_endpoint(arguments->config, bytes_from_string(arguments->words[0]));
    if (endpoint == NULL)
        return cli_fail(arguments, CLI_USAGE, "the configuration has no endpoint '%s'", arguments->words[0]);
    status = read_key(arguments, endpoint, change.now, &change.key);
    if (status != CLI_OK)
        return status;
    if (!seal_new_key(arguments, &change.key, &shown, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    bool written = cli_write(arguments, insert_key, &change, &fault);
    if (change.result == STORE_OK)
        return cli_fail(arguments, CLI_FAILED, "endpoint %s already has a key with the kid '%s'",
                        change.key.endpoint, change.key.kid);
    if (!written)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (cli_wants_json(arguments))
        status = print_json(arguments, &change.key, shown);
    else
        printf("kid       %s\nhmac key  %s\n", change.key.kid, shown);
    if (endpoint->eab == EAB_OFF)
        fprintf(stderr,
                "note: endpoints.%s.eab is \"off\": clients need no key, and the server ignores this one\n",
                endpoint->name);
    return status;
}

static int list(const struct cli_arguments *arguments)
{
    return cli_list(&eab_keys, arguments, &(struct listing_filter){0});
}

static int print_revoked(const struct cli_arguments *arguments, const struct change *change)
{
    struct json_writer *writer = cli_json_begin(arguments->arena);
    json_put_string(writer, "endpoint", change->key.endpoint);
    json_put_string(writer, "kid", change->key.kid);
    json_put_string(writer, "state", "revoked");
    json_put_time(writer, "revoked", change->now);
    return cli_json_end(arguments, writer);
}

static int revoke(const struct cli_arguments *arguments)
{
    struct change change = {.arena = arguments->arena,
                            .now = clock_now(),
                            .result = STORE_FAILED,
                            .key = {.endpoint = arguments->words[0], .kid = arguments->words[1]}};
    struct fault fault;
    bool written = cli_write(arguments, revoke_key, &change, &fault);
    if (change.result == STORE_NOT_FOUND)
        return cli_fail(arguments, CLI_FAILED, "endpoint %s has no key with the kid '%s'",
                        change.key.endpoint, change.key.kid);
    if (change.result == STORE_LOST_RACE)
        return cli_fail(arguments, CLI_FAILED, "the key '%s' is already revoked", change.key.kid);
    if (!written)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (cli_wants_json(arguments))
        return print_revoked(arguments, &change);
    printf("revoked: accounts made with this key can no longer order\n");
    return CLI_OK;
}

static const struct cli_option add_options[] = {
    {"kid", "KID", "the key's id (default: a random one)", NULL, 0},
    {"allow", "NAMES", "names that its accounts may order, separated by commas (default: all)", NULL, 0},
    {"deny", "NAMES", "names that its accounts may not order; wins over --allow", NULL, 0},
    {"profiles", "NAMES", "profiles that its accounts may choose (default: all of the endpoint's)", NULL, 0},
    {"trusted", "yes|no", "yes: its accounts need no proof of their names", "no", 0},
    {"expires", "DURATION", "until when it makes accounts, such as 30d (default: for ever)", NULL, 0},
    {"uses", "N", "the number of accounts that it may make (default: any)", NULL, 0},
    {"comment", "TEXT", "a note for people", NULL, 0},
    CLI_JSON_OPTION,
    {0}};

static const char *const add_examples[] = {
    "acmegate eab add acme --allow '*.lab.internal' --uses 1 --expires 30d",
    "acmegate eab add acme --comment laptops --json", NULL};
static const char *const revoke_examples[] = {"acmegate eab revoke acme KID", NULL};

static const struct cli_action actions[] = {
    {.name = "add",
     .words = "ENDPOINT",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = add_options,
     .help = "Makes a key and shows it this once.",
     .examples = add_examples,
     .run = add},
    {.name = "list",
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_list_options,
     .help = "Lists keys, the newest first.",
     .run = list},
    {.name = "revoke",
     .words = "ENDPOINT KID",
     .words_min = 2,
     .words_max = 2,
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Revokes a key: its accounts can no longer order.",
     .examples = revoke_examples,
     .run = revoke},
};

const struct cli_command cli_eab = {"eab", "add, list and revoke external account keys", actions,
                                    sizeof actions / sizeof *actions};
