/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into acmegate: the signal ACMEGATE_TEST_SIGNAL comes as soon as it reads its configuration, long
 * before it serves. */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>

void *yajl_alloc(const void *callbacks, void *functions, void *context)
{
    static int sent;
    void *(*real)(const void *, void *, void *) =
        (void *(*)(const void *, void *, void *))dlsym(RTLD_NEXT, "yajl_alloc");
    if (!sent++)
        raise(atoi(getenv("ACMEGATE_TEST_SIGNAL")));
    return real(callbacks, functions, context);
}
