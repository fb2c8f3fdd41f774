/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step-ca's request log: one line a request, as JSON or as text, by "logger": {"format": …} of ca.json. The
 * lines of /sign, /renew and /rekey and of an ACME certificate's download hold the certificate; seen with
 * 0.19.0 and 0.30.2. Lines may be wrapped as journald, syslog, docker, compose and CRI do.
 */
#pragma once

#include "acme/base/json.h"

enum request_log_line {
    REQUEST_LOG_OTHER, /* a line of another request, or not a line of this log */
    REQUEST_LOG_CERTIFICATE,
    REQUEST_LOG_SSH_CERTIFICATE,
    REQUEST_LOG_BROKEN, /* its certificate cannot be read: the line was cut, or another program wrote it */
};

/* Reads one line, without its newline. `der` is set for REQUEST_LOG_CERTIFICATE only: the decoded field
 * `certificate`, in the arena. The caller checks that it is a certificate. */
enum request_log_line request_log_read(struct arena *arena, struct bytes line, struct bytes *der);
