/* SPDX-License-Identifier: Apache-2.0 */
/* Hands what the other gateways ask and tell to the parts of this server. */
#pragma once

#include "gateway/server/server.h"

/* The front end uses it, and it uses the front end: it hears nothing before peers_start. NULL where no other
 * gateway can be. */
struct peers *server_peers_new(struct server *server);
