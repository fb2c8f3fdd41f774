/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of the gateway that serves the database, private to store/postgresql/. It is the connection's, and
 * ends with it. */
#pragma once

#include <libpq-fe.h>
#include <stdint.h>

#include "acme/base/fault.h"

/* A session of the server. Another one may have its process id later, or on another server. */
struct serving_session {
    int process;     /* 0: none */
    int64_t started; /* microseconds since 1970, by the server's clock */
};

enum serving_lock {
    SERVING_LOCK_TAKEN,
    SERVING_LOCK_HELD,   /* by another gateway, for a few seconds by now */
    SERVING_LOCK_FAILED, /* the database cannot be asked */
};

/* Takes it for `connection`. First it ends *session, this gateway's earlier session that may still hold it.
 * *session is the present one as soon as it may hold the lock. `fault` is filled unless it is taken. */
[[gnu::warn_unused_result]] enum serving_lock serving_lock_take(PGconn *connection, const char *name,
                                                                struct serving_session *session,
                                                                struct fault *fault);

/* True in *held when a gateway has it. False with `fault` when the database cannot be asked. */
[[gnu::warn_unused_result]] bool serving_lock_is_held(PGconn *connection, const char *name, bool *held,
                                                      struct fault *fault);
