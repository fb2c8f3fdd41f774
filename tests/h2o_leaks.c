/* SPDX-License-Identifier: Apache-2.0 */
/* libh2o keeps memory for reuse per thread, and 2.2.5 never frees the queue of a context that was disposed
 * of. A server that gives up connections at its end does not free their configuration. The sanitized server
 * tells LeakSanitizer here to leave these out. */
#if defined(ACMEGATE_LIBH2O_STATIC)
#include <sanitizer/lsan_interface.h>

/* Calls within a static library cannot be taken over. */
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle\nleak:h2o_mem_free_recycle\nleak:buffer_get_recycle\n"
           "leak:h2o_multithread_create_queue\nleak:h2o_config_init\n";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
#else
/* LeakSanitizer reads all debug information to apply suppressions: half of the processor time of a short
 * process. */
#define H2O_USE_LIBUV 0
#include <dlfcn.h>
#include <h2o.h>
#include <sanitizer/lsan_interface.h>

static typeof(h2o_mem_alloc_recycle) *alloc_recycle;
static typeof(h2o_multithread_create_queue) *create_queue;

__attribute__((constructor)) static void find_originals(void)
{
    alloc_recycle = (typeof(alloc_recycle))dlsym(RTLD_NEXT, "h2o_mem_alloc_recycle");
    create_queue = (typeof(create_queue))dlsym(RTLD_NEXT, "h2o_multithread_create_queue");
}

void *h2o_mem_alloc_recycle(h2o_mem_recycle_t *allocator, size_t size)
{
    __lsan_disable();
    void *made = alloc_recycle(allocator, size);
    __lsan_enable();
    return made;
}

h2o_multithread_queue_t *h2o_multithread_create_queue(h2o_loop_t *loop)
{
    __lsan_disable();
    h2o_multithread_queue_t *made = create_queue(loop);
    __lsan_enable();
    return made;
}
#endif
