/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/server_peers.h"

#include "gateway/frontend/frontend.h"
#include "gateway/outbound/outbound.h"
#include "gateway/peers/peers.h"
#include "gateway/status/status.h"
#include "store/gateways.h"

/* On the outbound thread. It is not said which issuer's. */
static void look_for_revoked(struct outbound_message *message)
{
    struct server *server = (struct server *)((char *)message - offsetof(struct server, revoked_elsewhere));
    const struct config *config = config_now(server->config);
    atomic_store(&server->hears_revoked, false);
    for (size_t i = 0; i < config->issuer_count; i++)
        status_changed(server->status, config->issuers[i].id);
}

static void revoked_elsewhere(void *context)
{
    struct server *server = context;
    if (!atomic_exchange(&server->hears_revoked, true))
        outbound_post(server->outbound, &server->revoked_elsewhere);
}

static bool spend(void *context, struct bytes nonce)
{
    const struct server *server = context;
    return frontend_spend_nonce(server->frontend, nonce);
}

static void wake(void *context, int64_t key)
{
    const struct server *server = context;
    http_wake(server->http, key);
}

static size_t others(void *context)
{
    const struct server *server = context;
    return store_gateways_others(server->store);
}

static void taken(void *context, const struct rate_demand *demand)
{
    const struct server *server = context;
    shared_rates_add(server->frontend->shared_rates, demand);
}

struct peers *server_peers_new(struct server *server)
{
    server->revoked_elsewhere.run = look_for_revoked;
    const struct peers_parts parts = {.location = server->location,
                                      .number = store_gateway_number(server->store),
                                      .others = others,
                                      .spend = spend,
                                      .answered = wake,
                                      .settled = wake,
                                      .revoked = revoked_elsewhere,
                                      .taken = taken,
                                      .context = server};
    return peers_new(&parts);
}
