/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/loads/loads.h"

#include <stdlib.h>

struct loads {
    struct store_reader *reader;
};

struct loads *loads_new(const struct store_location *location, struct fault *fault)
{
    struct loads *loads = calloc(1, sizeof *loads);
    if (loads == NULL)
        end_without("memory");
    loads->reader = store_reader_open(location, fault);
    if (loads->reader != NULL)
        return loads;
    free(loads);
    return NULL;
}

void loads_run(struct loads *loads, void (*load)(void *work, struct store_reader *reader),
               void (*then)(void *work), void *work)
{
    load(work, loads->reader);
    then(work);
}

void loads_free(struct loads *loads)
{
    if (loads == NULL)
        return;
    store_reader_close(loads->reader);
    free(loads);
}
