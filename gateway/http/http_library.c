/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http_internal.h"

/* It does not tell which one was loaded. */
struct library http_library(void)
{
    return (struct library){"libh2o", H2O_VERSION, NULL};
}
