/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/validation/ only. */
#pragma once

#include "acme/base/buffer.h"
#include "gateway/validation/validator.h"

void validator_http_01_start(struct validation *validation);
void validator_dns_start(struct validation *validation);
void validator_tls_alpn_01_start(struct validation *validation);

/* Ends the try. `problem` NULL: proven. `passing`: worth another try. */
void validation_end(struct validation *validation, const struct problem *problem, bool passing,
                    const char *tried);

/* Returns the time that is left for the try, at least 1 ms. */
int64_t validation_time_left_ms(const struct validation *validation);

/* Quotes text from outside for a problem: printable ASCII, cut short. */
const char *validation_quote(struct arena *arena, struct bytes text);

/* The cause (acme/cause.h) of a look-up, or of a dial, that brought nothing. */
enum cause validation_cause_of_dns(enum outbound_dns_fault fault);
enum cause validation_cause_of_dial(enum outbound_fault fault);

/* ---- validator_addresses.c ---- */

/* The addresses of a host that may be dialled, IPv6 first, and how far one has come with them. */
struct validation_addresses {
    struct sockaddr_storage address[OUTBOUND_MAX_ADDRESSES];
    size_t count;
    size_t next;
};

/* Adds a line about what was tried. */
void validation_note(struct buffer *tried, const char *what);

/* Keeps the addresses that the address policy allows. Returns the problem when none is left; `passing` tells
 * whether it may pass. */
const struct problem *validation_keep_allowed(const struct validation *validation, const char *host,
                                              const struct outbound_addresses *found, struct buffer *tried,
                                              struct validation_addresses *out, bool *passing);

/* The next one to dial, with the port set; NULL at their end. */
const struct sockaddr_storage *validation_next_address(struct validation_addresses *addresses, uint16_t port);

/* Returns the time for the last address: the later ones get as much of the time that is left. */
int64_t validation_dial_time_ms(const struct validation *validation,
                                const struct validation_addresses *addresses);

/* "192.0.2.7 port 443": the last one that was dialled. */
const char *validation_dialled(struct arena *arena, const struct validation_addresses *addresses,
                               uint16_t port);
