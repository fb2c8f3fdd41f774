/* SPDX-License-Identifier: Apache-2.0 */
#include "low_ports.h"

#include <criterion/criterion.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOW_PORTS_END = 1024 };

/* Below it a port needs a capability. */
static int first_free_port(void)
{
    int port = -1;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    cr_assert(file != NULL && fscanf(file, "%d", &port) == 1);
    fclose(file);
    return port;
}

void deny_low_ports(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (first_free_port() < LOW_PORTS_END)
        cr_skip_test("this host lets everybody have such ports");
    cr_assert_eq(syscall(SYS_capget, &header, data), 0);
    data[0].effective &= ~(1U << CAP_NET_BIND_SERVICE);
    cr_assert_eq(syscall(SYS_capset, &header, data), 0);
}
