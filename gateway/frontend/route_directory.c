/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/buffer.h"
#include "acme/base/time_text.h"
#include "acme/directory.h"
#include "gateway/frontend/routes.h"

void directory_render_route(struct exchange *exchange)
{
    const struct endpoint_config *endpoint = exchange->endpoint;
    const char **names = arena_alloc_array(exchange->arena, endpoint->profile_count, sizeof names[0]);
    const char **texts = arena_alloc_array(exchange->arena, endpoint->profile_count, sizeof texts[0]);
    size_t count = 0;
    for (size_t i = 0; i < endpoint->profile_count; i++) {
        const struct profile_config *profile =
            config_profile(exchange->frontend->parts.config, endpoint->profiles[i]);
        /* A reload may have removed it since the endpoint was found. */
        if (profile == NULL)
            continue;
        names[count] = profile->name;
        texts[count++] = profile->description;
    }
    struct directory_meta meta = {.terms_of_service = endpoint->terms_of_service,
                                  .website = endpoint->website,
                                  .profile_names = names,
                                  .profile_texts = texts,
                                  .profile_count = count,
                                  .external_account_required = endpoint->eab == EAB_REQUIRED,
                                  .caa_identities = endpoint->caa_identities,
                                  .caa_identity_count = endpoint->caa_identity_count,
                                  .pre_authorization = endpoint->authorization_lifetime_s > 0,
                                  .subdomains = endpoint->subdomains};
    exchange_reply_json(exchange, 200, directory_render(exchange->arena, &exchange->urls, &meta));
}

void new_nonce_render(struct exchange *exchange)
{
    exchange->reply.status = bytes_equal_string(exchange->request->method, "GET") ? 204 : 200;
}

static void describe_rate(struct buffer *text, const char *what, const struct rate *rate)
{
    char period[DURATION_TEXT_BYTES];
    duration_format(period, rate->period_s);
    if (rate->count == 0)
        buffer_printf(text, "%s: no limit\n", what);
    else
        buffer_printf(text, "%s: %lld in %s\n", what, (long long)rate->count, period);
}

void limits_render(struct exchange *exchange)
{
    enum { LIMITS_MAX_BYTES = 4096 };
    const struct config *config = config_now(exchange->frontend->parts.config);
    struct buffer text;
    buffer_init(&text, exchange->arena, LIMITS_MAX_BYTES);
    buffer_append_string(&text, "Rate limits of this ACME server. The number is allowed at once, and comes "
                                "back evenly over the time. Requests above it get 429 with Retry-After.\n\n");
    describe_rate(&text, "Orders of one account for one name", &config->orders_per_name);
    describe_rate(&text, "Orders of one account", &config->orders_per_account);
    describe_rate(&text, "New accounts from one address", &config->accounts_per_address);
    describe_rate(&text, "Changes of one account", &config->changes_per_account);
    describe_rate(&text, "Refused requests of one account or address", &config->refusals);
    buffer_append_string(&text, "\nIts operator can change them: limits in the configuration.\n");
    exchange->reply.status = 200;
    exchange->reply.content_type = "text/plain; charset=utf-8";
    exchange->reply.body = buffer_bytes(&text);
}
