/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/statvfs.h>

static atomic_llong left = -1;

void disk_leave(int64_t bytes)
{
    left = bytes;
}

/* In the place of the C library's. */
int statvfs(const char *path, struct statvfs *out)
{
    int (*real)(const char *, struct statvfs *);
    void *found = dlsym(RTLD_NEXT, "statvfs");
    memcpy(&real, &found, sizeof real);
    int result = real(path, out);
    if (result == 0 && left >= 0) {
        out->f_frsize = 1024;
        out->f_bavail = (fsblkcnt_t)left / 1024;
    }
    return result;
}
