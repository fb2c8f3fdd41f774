/* SPDX-License-Identifier: Apache-2.0 */
/* The limit of open files, which bounds the connections. */
#pragma once

#include "gateway/config/config.h"

/* Raises the soft limit to the hard one. Logs a warning when limits.max_connections needs more. */
void server_raise_file_limit(const struct config *config);
