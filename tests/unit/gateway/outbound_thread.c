/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound_thread.h"

#include <criterion/criterion.h>

struct outbound *outbound_thread_start(const char *const *resolvers)
{
    struct outbound_config config = {.resolvers = resolvers};
    struct fault fault = {0};
    while (resolvers != NULL && resolvers[config.resolver_count] != NULL)
        config.resolver_count++;
    struct outbound *outbound = outbound_start(&config, &fault);
    cr_assert_not_null(outbound, "%s", fault.message);
    return outbound;
}

void outbound_thread_stop(struct outbound *outbound)
{
    outbound_stop(outbound);
    outbound_free(outbound);
}
