/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/preflight/shared_key.h"

#include <unistd.h>

#include "store/channel.h"

static const char place[] = "gateways.seal";

static bool has_key(const struct secret_box *box, struct arena *arena, const struct gateway_seal *seal)
{
    struct bytes opened;
    return box != NULL && secret_unseal(box, arena, seal->sealed, place, &opened);
}

static bool refuse(const char *path, const char *gateway, bool is_missing, struct fault *fault)
{
    if (is_missing)
        return fault_set(fault,
                         "secret_key_path %s: the file is missing, and the gateway %s seals with its own: "
                         "copy that one from its machine",
                         path, gateway);
    return fault_set(fault,
                     "secret_key_path %s: the gateway %s seals with another key: copy the file from its "
                     "machine",
                     path, gateway);
}

static bool check(struct store_reader *reader, struct arena *arena, const struct config *config,
                  const struct secret_box *box, struct fault *fault)
{
    struct gateway_seal seals[STORE_GATEWAYS_MAX];
    size_t count;
    if (store_gateway_seals(reader, arena, seals, &count) != STORE_OK)
        return fault_set(fault, "the keys of other gateways cannot be read from the database");
    for (size_t i = 0; i < count; i++)
        if (!has_key(box, arena, &seals[i]))
            return refuse(config_secret_path(arena, config), seals[i].gateway, box == NULL, fault);
    return true;
}

bool shared_key_check(struct store_reader *reader, const struct config *config, const struct secret_box *box,
                      struct fault *fault)
{
    struct arena *arena = arena_new();
    bool fits = check(reader, arena, config, box, fault);
    arena_free(arena);
    return fits;
}

static bool exists(const struct config *config)
{
    struct arena *arena = arena_new();
    bool found = access(config_secret_path(arena, config), F_OK) == 0;
    arena_free(arena);
    return found;
}

struct secret_box *shared_key_open(struct store_reader *reader, const struct config *config,
                                   struct fault *fault)
{
    if (!exists(config) && !shared_key_check(reader, config, NULL, fault))
        return NULL;
    struct secret_box *box = config_open_secrets(config, SECRET_BOX_MAKE, fault);
    if (box == NULL || shared_key_check(reader, config, box, fault))
        return box;
    secret_box_free(box);
    return NULL;
}

/* ---- a server ---- */

struct joining {
    const struct store_location *location;
    const struct config *config;
    const struct secret_box *box;
    struct fault *fault;
};

/* It looks again: two may start at once. */
static enum store_apply_result leave_seal(void *context, struct store_writer *writer)
{
    const struct joining *joining = context;
    struct arena *arena = arena_new();
    struct bytes sealed;
    (void)fault_set(joining->fault, "the database %s cannot be written",
                    store_location_text(joining->location));
    bool fits = check(store_reader_of(writer), arena, joining->config, joining->box, joining->fault) &&
                secret_seal(joining->box, arena, BYTES_LITERAL("acmegate"), place, &sealed);
    enum store_apply_result result =
        fits ? store_applied(store_gateway_set_seal(writer, sealed)) : STORE_DISCARD;
    arena_free(arena);
    return result;
}

struct secret_box *shared_key_join(struct store *store, const struct store_location *location,
                                   const struct config *config, struct fault *fault)
{
    if (!store_channel_exists(location))
        return config_open_secrets(config, SECRET_BOX_MAKE, fault);
    struct store_reader *reader = store_reader_open(location, fault);
    struct secret_box *box = reader == NULL ? NULL : shared_key_open(reader, config, fault);
    store_reader_close(reader);
    struct joining joining = {location, config, box, fault};
    if (box == NULL || store_write_and_wait(store, leave_seal, &joining))
        return box;
    secret_box_free(box);
    return NULL;
}
