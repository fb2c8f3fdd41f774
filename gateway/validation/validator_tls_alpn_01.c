/* SPDX-License-Identifier: Apache-2.0 */
/* tls-alpn-01 (RFC 8737): one TLS handshake at the name's address, which shows a certificate for the
 * challenge. */
#include "acme/pki/tls_alpn.h"
#include "gateway/validation/validator_internal.h"

enum { TRIED_MAX_BYTES = 2 * 1024 };

/* In the validation's arena. */
struct tls_try {
    struct validation *validation;
    struct validation_addresses addresses;
    enum outbound_fault fault; /* of the last dial */
    struct buffer tried;
};

static void end(struct tls_try *try, const struct problem *problem, bool passing)
{
    validation_end(try->validation, problem, passing, buffer_string(&try->tried));
}

static const char *dialled(const struct tls_try *try)
{
    return validation_dialled(try->validation->arena, &try->addresses, try->validation->config->tls_port);
}

static void dial_next(struct tls_try *try);

static void check(struct tls_try *try, const struct outbound_tls_reply *reply)
{
    const struct validation *validation = try->validation;
    struct arena *arena = validation->arena;
    const char *fault = "it did not agree on the protocol " TLS_ALPN_PROTOCOL;
    enum cause cause = reply->alpn_agreed ? CAUSE_TLS_ALPN_WRONG_CERTIFICATE : CAUSE_TLS_ALPN_NOT_AGREED;
    if (reply->alpn_agreed) {
        fault =
            tls_alpn_fault(arena, reply->certificate, &validation->identifier, validation->key_authorization);
        fault = fault == NULL
                    ? NULL
                    : arena_printf(arena, "it showed a certificate that does not prove it: %s", fault);
    }
    validation_note(&try->tried,
                    arena_printf(arena, "TLS to %s at %s: %s", validation->identifier.value, dialled(try),
                                 fault == NULL ? "the certificate is as expected" : fault));
    end(try,
        fault == NULL ? NULL
                      : problem_with_cause(arena, cause, PROBLEM_UNAUTHORIZED, "%s at %s answered, but %s.",
                                           validation->identifier.value, dialled(try), fault),
        false);
}

static void on_reply(void *context, const struct outbound_tls_reply *reply)
{
    struct tls_try *try = context;
    struct arena *arena = try->validation->arena;
    if (reply->error == NULL) {
        check(try, reply);
        return;
    }
    validation_note(&try->tried, arena_printf(arena, "TLS to %s at %s: %s", try->validation->identifier.value,
                                              dialled(try), reply->error));
    try->fault = reply->fault;
    if (reply->connected && try->addresses.next == try->addresses.count)
        end(try,
            problem_new(arena, PROBLEM_TLS, "%s at %s: the TLS handshake failed: %s",
                        try->validation->identifier.value, dialled(try), reply->error),
            true);
    else
        dial_next(try);
}

static void dial_next(struct tls_try *try)
{
    struct validation *validation = try->validation;
    const struct sockaddr_storage *address =
        validation_next_address(&try->addresses, validation->config->tls_port);
    if (address == NULL) {
        end(try,
            problem_with_cause(validation->arena, validation_cause_of_dial(try->fault), PROBLEM_CONNECTION,
                               "No address of %s answered: %s", validation->identifier.value,
                               buffer_string(&try->tried)),
            true);
        return;
    }
    struct outbound_tls_request request = {
        .address = address,
        .server_name = tls_alpn_server_name(validation->arena, &validation->identifier),
        .alpn = TLS_ALPN_PROTOCOL,
        .timeout_ms = validation_dial_time_ms(validation, &try->addresses)};
    outbound_tls(validation->outbound, &request, on_reply, try);
}

static void on_addresses(void *context, const struct outbound_addresses *found)
{
    struct tls_try *try = context;
    struct validation *validation = try->validation;
    bool passing = false;
    const struct problem *problem = validation_keep_allowed(validation, validation->identifier.value, found,
                                                            &try->tried, &try->addresses, &passing);
    if (problem != NULL)
        end(try, problem, passing);
    else
        dial_next(try);
}

void validator_tls_alpn_01_start(struct validation *validation)
{
    struct tls_try *try = arena_alloc(validation->arena, sizeof *try);
    try->validation = validation;
    buffer_init(&try->tried, validation->arena, TRIED_MAX_BYTES);
    outbound_resolve(validation->outbound, validation->identifier.value, validation_time_left_ms(validation),
                     on_addresses, try);
}
