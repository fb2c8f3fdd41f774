/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/renewal.h"
#include "gateway/ca/recognition.h"
#include "gateway/frontend/routes.h"
#include "store/certificates.h"
#include "store/early_renewals.h"

enum store_result find_renewed_certificate(struct exchange *exchange, struct store_reader *reader,
                                           struct bytes identifier, const char *serial,
                                           struct certificate *out)
{
    struct certificate *found = NULL;
    size_t count = 0;
    enum store_result result = store_certificates_by_serial(reader, exchange->arena, serial, &found, &count);
    if (result != STORE_OK)
        return result;
    for (size_t i = 0; i < count; i++) {
        const char *own = renewal_id_of(exchange->arena, found[i].leaf);
        if (own != NULL && bytes_equal_string(identifier, own) && found[i].status != CERTIFICATE_REJECTED &&
            certificate_is_of_endpoint(&exchange->frontend->parts.recognition, exchange->endpoint,
                                       &found[i])) {
            *out = found[i];
            return STORE_OK;
        }
    }
    return STORE_NOT_FOUND;
}

struct renewal_info_state {
    char serial[SERIAL_HEX_BYTES];
    struct renewal_window window;
};

void renewal_info_prepare(struct exchange *exchange)
{
    struct renewal_info_state *state = arena_alloc(exchange->arena, sizeof *state);
    exchange->state = state;
    if (!renewal_id_parse(exchange->arena, exchange->certificate_identifier, state->serial))
        exchange->problem = problem_new(exchange->arena, PROBLEM_MALFORMED,
                                        "The last part of the URL is not a certificate identifier "
                                        "(RFC 9773 §4.1).");
}

void renewal_info_load(struct exchange *exchange, struct store_reader *reader)
{
    struct renewal_info_state *state = exchange->state;
    struct certificate certificate;
    struct early_renewal early;
    enum store_result found = find_renewed_certificate(exchange, reader, exchange->certificate_identifier,
                                                       state->serial, &certificate);
    if (found == STORE_NOT_FOUND)
        exchange->problem = problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                                "This certificate was not issued at this endpoint.");
    if (!exchange_store_ok(exchange, found) || found != STORE_OK)
        return;
    enum store_result preferred = store_early_renewal_of(reader, exchange->arena, &certificate, &early);
    if (exchange_store_ok(exchange, preferred))
        state->window = renewal_window_of(&certificate, preferred == STORE_OK ? &early : NULL);
}

void renewal_info_render_route(struct exchange *exchange)
{
    const struct renewal_window *window = &((const struct renewal_info_state *)exchange->state)->window;
    exchange_add_retry_after(exchange, window->retry_after_s);
    exchange_reply_json(exchange, 200, renewal_info_render(exchange->arena, window));
}
