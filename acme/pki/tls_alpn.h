/* SPDX-License-Identifier: Apache-2.0 */
/* tls-alpn-01 (RFC 8737, for IP addresses RFC 8738 §6): what the certificate that is shown must be. */
#pragma once

#include "acme/identifier.h"

#define TLS_ALPN_PROTOCOL "acme-tls/1"

/* The server name to ask for: the name itself, or an address's name in the reverse tree. */
char *tls_alpn_server_name(struct arena *arena, const struct identifier *identifier);

/*
 * NULL when the DER certificate proves control: self-signed, its one subjectAltName the identifier, a
 * critical acmeIdentifier extension with the SHA-256 of the key authorization. Else what is wrong, in words.
 */
const char *tls_alpn_fault(struct arena *arena, struct bytes certificate, const struct identifier *identifier,
                           const char *key_authorization);
