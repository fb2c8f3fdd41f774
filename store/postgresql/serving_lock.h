/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of the gateway that serves the database, private to store/postgresql/. It is the connection's, and
 * ends with it. */
#pragma once

#include <libpq-fe.h>

#include "acme/base/fault.h"

/* Takes it. Ends an earlier connection of this gateway, the server's process `earlier` (0: none), that the
 * server has not missed yet. False with `fault`, after a few seconds, while another gateway has it. */
[[gnu::warn_unused_result]] bool serving_lock_take(PGconn *connection, const char *name, int earlier,
                                                   struct fault *fault);

/* True in *held when a gateway has it. False with `fault` when the database cannot be asked. */
[[gnu::warn_unused_result]] bool serving_lock_is_held(PGconn *connection, const char *name, bool *held,
                                                      struct fault *fault);
