/* SPDX-License-Identifier: Apache-2.0 */
/* Who serves the database. */
#include "store/sql/engine.h"

static struct gateway_identity identity = {"", ""};

void store_set_gateway(const char *name, const char *version)
{
    identity = (struct gateway_identity){name, version};
}

struct gateway_identity gateway_identity(void)
{
    return identity;
}
