/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into acmegate, it makes a function fault for one argument, as an input that hits a bug would. The
 * file that ACMEGATE_TEST_POISON names holds "FUNCTION ARGUMENT"; without it nothing faults. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fault_if_poisoned(const char *function, const char *argument, size_t n)
{
    char of[64] = "", poison[512] = "";
    const char *path = getenv("ACMEGATE_TEST_POISON");
    FILE *file = path == NULL ? NULL : fopen(path, "r");
    if (file == NULL)
        return;
    int read = fscanf(file, "%63s %511s", of, poison);
    fclose(file);
    if (read == 2 && strcmp(of, function) == 0 && strlen(poison) == n && memcmp(poison, argument, n) == 0)
        *(volatile int *)8 = 1;
}

int inet_pton(int family, const char *text, void *out)
{
    int (*real)(int, const char *, void *) =
        (int (*)(int, const char *, void *))dlsym(RTLD_NEXT, "inet_pton");
    fault_if_poisoned("inet_pton", text, strlen(text));
    return real(family, text, out);
}

int yajl_gen_string(void *generator, const unsigned char *text, size_t n)
{
    int (*real)(void *, const unsigned char *, size_t) =
        (int (*)(void *, const unsigned char *, size_t))dlsym(RTLD_NEXT, "yajl_gen_string");
    fault_if_poisoned("yajl_gen_string", (const char *)text, n);
    return real(generator, text, n);
}
