/* SPDX-License-Identifier: Apache-2.0 */
#include "leaks.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>

void leaks_report(void)
{
    __lsan_do_recoverable_leak_check();
}
#else
void leaks_report(void)
{
}
#endif
