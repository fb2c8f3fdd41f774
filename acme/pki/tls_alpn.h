/* SPDX-License-Identifier: Apache-2.0 */
/* tls-alpn-01 (RFC 8737, for IP addresses RFC 8738 §6): the checks on the certificate that the server
 * shows. */
#pragma once

#include "acme/identifier.h"

#define TLS_ALPN_PROTOCOL "acme-tls/1"

/* Returns the server name to connect with: the name itself, or an address's name in the reverse tree. */
char *tls_alpn_server_name(struct arena *arena, const struct identifier *identifier);

/*
 * Returns NULL when the DER certificate proves control: it is self-signed, its one subjectAltName is the
 * identifier, and a critical acmeIdentifier extension has the SHA-256 of the key authorization. Else it
 * returns the fault, in words.
 */
const char *tls_alpn_fault(struct arena *arena, struct bytes certificate, const struct identifier *identifier,
                           const char *key_authorization);
