/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step-ca's request log: one line for each request, as JSON or as text, by "logger": {"format": …} of
 * ca.json. The lines of /sign, /renew and /rekey and of an ACME certificate's download hold the certificate;
 * seen with 0.19.0 and 0.30.2. Lines may be wrapped as journald, syslog, docker, compose and CRI do.
 */
#pragma once

#include "acme/base/json.h"

enum request_log_line {
    REQUEST_LOG_OTHER, /* of another request, or no line of that log at all */
    REQUEST_LOG_CERTIFICATE,
    REQUEST_LOG_SSH_CERTIFICATE,
    REQUEST_LOG_BROKEN, /* it names a certificate that cannot be read: cut off, or written by somebody else */
};

/* Reads one line, without its newline. `der` is set for REQUEST_LOG_CERTIFICATE alone: what the field
 * `certificate` decodes to, in the arena. Whether that is a certificate is for its reader to say. */
enum request_log_line request_log_read(struct arena *arena, struct bytes line, struct bytes *der);
