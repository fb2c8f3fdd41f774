/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locks of those that serve the database, private to store/postgresql/. They are a connection's, and end
 * with it. All gateways share one of them, which a copy and a migration take for themselves alone. Another
 * one is of one gateway: no second process serves under its name.
 */
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
    SERVING_LOCK_HELD,   /* by somebody else, for a few seconds by now */
    SERVING_LOCK_FAILED, /* the database cannot be asked */
};

/* The lock of all, for one that needs the database alone. `fault` is filled unless it is taken, and so for
 * the others. */
[[gnu::warn_unused_result]] enum serving_lock serving_lock_take_alone(PGconn *connection, const char *name,
                                                                      struct fault *fault);
/* The same for the transaction in progress, without a wait: true when nobody serves. */
[[gnu::warn_unused_result]] bool serving_lock_take_for_transaction(PGconn *connection, const char *name,
                                                                   struct fault *fault);

/* The lock of all, for a gateway. */
[[gnu::warn_unused_result]] enum serving_lock serving_lock_share(PGconn *connection, const char *name,
                                                                 struct fault *fault);

/* The lock of the gateway with this id in the table gateways. First it ends *session, this gateway's earlier
 * session that may still hold it. *session is the present one as soon as it may hold the lock. */
[[gnu::warn_unused_result]] enum serving_lock serving_lock_take(PGconn *connection, const char *name,
                                                                int64_t gateway,
                                                                struct serving_session *session,
                                                                struct fault *fault);

/* True in *held when a gateway serves, or a command has the database alone. False with `fault` when the
 * database cannot be asked. */
[[gnu::warn_unused_result]] bool serving_lock_is_held(PGconn *connection, const char *name, bool *held,
                                                      struct fault *fault);
