/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/renewal.h"
#include "gateway/ca/recognition.h"
#include "gateway/frontend/routes.h"
#include "store/certificates.h"
#include "store/early_renewals.h"

/* Whatever its endpoint. */
static bool is_named(struct exchange *exchange, const struct certificate *certificate,
                     struct bytes identifier)
{
    const char *own = renewal_id_of(exchange->arena, certificate->leaf);
    return own != NULL && bytes_equal_string(identifier, own) && certificate->status != CERTIFICATE_REJECTED;
}

static bool is_of_endpoint(const struct exchange *exchange, const struct certificate *certificate)
{
    return certificate_is_of_endpoint(&exchange->frontend->parts.recognition, exchange->endpoint,
                                      certificate);
}

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
        if (is_named(exchange, &found[i], identifier) && is_of_endpoint(exchange, &found[i])) {
            *out = found[i];
            return STORE_OK;
        }
    }
    return STORE_NOT_FOUND;
}

/* Of whatever endpoint. */
struct renewal_candidate {
    struct renewal_candidate *next;
    const struct certificate *certificate;
    const struct early_renewal *early; /* NULL: none */
};

struct renewal_info_state {
    char serial[SERIAL_HEX_BYTES];
    struct renewal_candidate *candidates;
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

static bool load_early(struct exchange *exchange, struct store_reader *reader,
                       struct renewal_candidate *candidate)
{
    struct early_renewal *early = arena_alloc(exchange->arena, sizeof *early);
    enum store_result found = store_early_renewal_of(reader, exchange->arena, candidate->certificate, early);
    candidate->early = found == STORE_OK ? early : NULL;
    return exchange_store_ok(exchange, found);
}

void renewal_info_load(struct exchange *exchange, struct store_reader *reader)
{
    struct renewal_info_state *state = exchange->state;
    struct renewal_candidate **last = &state->candidates;
    struct certificate *found = NULL;
    size_t count = 0;
    bool good = exchange_store_ok(
        exchange, store_certificates_by_serial(reader, exchange->arena, state->serial, &found, &count));
    for (size_t i = 0; good && i < count; i++) {
        if (!is_named(exchange, &found[i], exchange->certificate_identifier))
            continue;
        struct renewal_candidate *candidate = arena_alloc(exchange->arena, sizeof *candidate);
        *candidate = (struct renewal_candidate){.certificate = &found[i]};
        good = load_early(exchange, reader, candidate);
        *last = candidate;
        last = &candidate->next;
    }
}

/* The issuers tell whose a certificate is: they are the loop's to ask. */
void renewal_info_check(struct exchange *exchange)
{
    struct renewal_info_state *state = exchange->state;
    const struct renewal_candidate *candidate = state->candidates;
    while (candidate != NULL && !is_of_endpoint(exchange, candidate->certificate))
        candidate = candidate->next;
    if (candidate == NULL)
        exchange->problem = problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                                "This certificate was not issued at this endpoint.");
    else
        state->window = renewal_window_of(candidate->certificate, candidate->early);
}

void renewal_info_render_route(struct exchange *exchange)
{
    const struct renewal_window *window = &((const struct renewal_info_state *)exchange->state)->window;
    exchange_add_retry_after(exchange, window->retry_after_s);
    exchange_reply_json(exchange, 200, renewal_info_render(exchange->arena, window));
}
