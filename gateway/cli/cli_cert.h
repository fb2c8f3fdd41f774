/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate cert`: cli_cert.c lists, shows and renews early, cli_cert_revoke.c revokes. */
#pragma once

#include "acme/pki/certificate.h"
#include "gateway/cli/cli_arguments.h"

/* Reads a serial number as openssl, step and certbot show it: in any case, with colons or without, padded or
 * not. */
[[nodiscard]] bool cli_read_serial(const char *text, char out[static SERIAL_HEX_BYTES]);

/* CLI_USAGE, with a message that the first word is no serial number. */
int cli_refuse_serial(const struct cli_arguments *arguments);

/* Asks for a revocation and, with --wait, waits for the CA. Returns the exit status. */
int cert_revoke(const struct cli_arguments *arguments);
extern const struct cli_option cert_revoke_options[];
