/* SPDX-License-Identifier: Apache-2.0 */
/* The one filter for the addresses of a host: only the addresses that it allows are dialled. */
#include "gateway/runtime/address_policy.h"
#include "gateway/validation/validator_internal.h"

void validation_note(struct buffer *tried, const char *what)
{
    buffer_printf(tried, "%s%s", tried->n == 0 ? "" : "; ", what);
}

static void keep_allowed(const struct validation *validation, const char *host,
                         const struct outbound_addresses *found, struct buffer *tried,
                         struct validation_addresses *out)
{
    const struct validation_config *config = validation->config;
    *out = (struct validation_addresses){0};
    for (size_t i = 0; i < found->count; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&found->address[i];
        if (address_is_allowed(address, config->allow_addresses, config->allow_address_count)) {
            out->address[out->count++] = found->address[i];
            continue;
        }
        char text[INET6_ADDRSTRLEN];
        const struct special_network *network = special_network_of(address);
        address_format(text, address);
        validation_note(
            tried,
            arena_printf(
                validation->arena,
                "%s has the address %s (%s), which validations may not dial (validation.allow_addresses)",
                host, text, network == NULL ? "not an IP address" : network->name));
    }
}

const struct problem *validation_keep_allowed(const struct validation *validation, const char *host,
                                              const struct outbound_addresses *found, struct buffer *tried,
                                              struct validation_addresses *out, bool *passing)
{
    struct arena *arena = validation->arena;
    *passing = found->error != NULL;
    if (found->error != NULL) {
        validation_note(tried, arena_printf(arena, "look-up of %s: %s", host, found->error));
        return problem_with_cause(arena, validation_cause_of_dns(found->fault), PROBLEM_DNS,
                                  "The look-up of %s failed: %s", host, found->error);
    }
    keep_allowed(validation, host, found, tried, out);
    if (out->count != 0)
        return NULL;
    if (found->count != 0)
        return problem_with_cause(arena, CAUSE_ADDRESS_FORBIDDEN, PROBLEM_CONNECTION, "%s",
                                  buffer_string(tried));
    if (found->alias != NULL) {
        validation_note(tried,
                        arena_printf(arena, "look-up of %s: an alias of %s, no address", host, found->alias));
        return problem_with_cause(arena, CAUSE_NO_ADDRESS_BEHIND_ALIAS, PROBLEM_DNS,
                                  "%s is an alias (CNAME) of %s, which has no A or AAAA record.", host,
                                  found->alias);
    }
    validation_note(tried, arena_printf(arena, "look-up of %s: no address", host));
    return problem_with_cause(arena, CAUSE_NO_ADDRESS, PROBLEM_DNS, "%s has no A or AAAA record.", host);
}

const struct sockaddr_storage *validation_next_address(struct validation_addresses *addresses, uint16_t port)
{
    if (addresses->next == addresses->count)
        return NULL;
    struct sockaddr_storage *address = &addresses->address[addresses->next++];
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    return address;
}

int64_t validation_dial_time_ms(const struct validation *validation,
                                const struct validation_addresses *addresses)
{
    int64_t share = validation_time_left_ms(validation) / (int64_t)(addresses->count - addresses->next + 1);
    return share > 0 ? share : 1;
}

const char *validation_dialled(struct arena *arena, const struct validation_addresses *addresses,
                               uint16_t port)
{
    char text[INET6_ADDRSTRLEN];
    address_format(text, (const struct sockaddr *)&addresses->address[addresses->next - 1]);
    return arena_printf(arena, "%s port %u", text, (unsigned)port);
}
