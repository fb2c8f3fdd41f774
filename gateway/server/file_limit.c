/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/file_limit.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "gateway/runtime/log.h"

enum { OTHER_FILES = 512 }; /* of the database and of the outbound thread */

/* The soft limit is often 1,024, which is less than the connections that the configuration may allow. */
void server_raise_file_limit(const struct config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("the limit of open files cannot be raised: %s", strerror(errno));
    if (limit.rlim_cur < (rlim_t)config->max_connections + OTHER_FILES)
        log_warning("limits.max_connections is %lld, but only %llu files may be open: raise LimitNOFILE",
                    (long long)config->max_connections, (unsigned long long)limit.rlim_cur);
}
