/* SPDX-License-Identifier: Apache-2.0 */
#include "store/events.h"

#include "acme/identifier.h"

struct event event_of_order(struct arena *arena, enum event_type type, const struct order *order)
{
    return (struct event){.type = type,
                          .account_id = order->account_id,
                          .order_id = order->id,
                          .known.names =
                              identifiers_join(arena, order->identifiers, order->identifier_count)};
}

struct event event_of_authorization(struct arena *arena, enum event_type type,
                                    const struct authorization *authorization)
{
    return (struct event){.type = type,
                          .account_id = authorization->account_id,
                          .authorization_id = authorization->id,
                          .known.names = arena_printf(arena, "%s%s", authorization->wildcard ? "*." : "",
                                                      authorization->identifier.value)};
}

struct event event_of_certificate(enum event_type type, const struct certificate *certificate)
{
    return (struct event){.type = type,
                          .account_id = certificate->account_id,
                          .order_id = certificate->order_id,
                          .certificate_id = certificate->id,
                          .known = {.serial = certificate->serial, .issuer = certificate->issuer}};
}
