#include "acme/directory.h"
#include "gateway/routes.h"

void directory_render_route(struct exchange *exchange)
{
    const struct endpoint_config *endpoint = exchange->endpoint;
    const char **names = arena_alloc_array(exchange->arena, endpoint->profile_count, sizeof(names[0]));
    const char **texts = arena_alloc_array(exchange->arena, endpoint->profile_count, sizeof(texts[0]));
    for (size_t i = 0; i < endpoint->profile_count; ++i) {
        const struct profile_config *profile =
            config_profile(exchange->server->config, endpoint->profiles[i]);
        names[i] = profile->name;
        texts[i] = profile->description;
    }
    struct directory_meta meta = {.terms_of_service = endpoint->terms_of_service,
                                  .website = endpoint->website,
                                  .profile_names = names,
                                  .profile_texts = texts,
                                  .profile_count = endpoint->profile_count,
                                  .external_account_required = endpoint->eab == EAB_REQUIRED};
    exchange_reply_json(exchange, 200, directory_render(exchange->arena, &exchange->urls, &meta));
}

void new_nonce_render(struct exchange *exchange)
{
    exchange->reply.status = bytes_equal_string(exchange->request->method, "GET") ? 204 : 200;
}
