/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <openssl/ui.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/terminal.h"
#include "gateway/runtime/log.h"
#include "gateway/runtime/log_gate.h"
#include "store/store.h"

/* While the database cannot be read or written, anybody's request causes these lines. */
static void log_store(const char *message)
{
    static struct log_gates gates;
    log_gate_write_by_kind(&gates, LOG_LEVEL_ERROR, message);
}

static void log_notice(const char *message)
{
    log_info("%s", message);
}

/* A core dump could hold keys of the CA and of accounts. docs/operations.md tells how to get one when
 * needed. */
static void forbid_core_dumps(void)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        fprintf(stderr, "acmegate: core dumps cannot be disabled: %s\n", strerror(errno));
}

static int refuse_prompt(UI *ui)
{
    (void)ui;
    return 0;
}

/* OpenSSL, and libraries that read PEM with it, ask for pass phrases on the terminal, where a server would
 * wait for ever. A file that cannot be opened with its password file is an error. */
static void forbid_prompts(void)
{
    UI_METHOD *silent = UI_create_method("no prompts");
    if (silent != NULL && UI_method_set_opener(silent, refuse_prompt) == 0)
        UI_set_default_method(silent);
}

enum { HEAP_END_KEPT_BYTES = 2 * 1024 * 1024, OWN_MAPPING_BYTES = 1024 * 1024 };

/* glibc returns the free end of a heap to the system above 128 KiB. A request takes and frees that much, so
 * each request would return its pages and fault them in again: 7 % of the CPU under load. */
static void keep_heaps(void)
{
    mallopt(M_TRIM_THRESHOLD, HEAP_END_KEPT_BYTES);
    mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
}

int main(int argc, char **argv)
{
    keep_heaps();
    forbid_core_dumps();
    forbid_prompts();
    /* A peer that has gone is an error of one write. It does not end the program. */
    signal(SIGPIPE, SIG_IGN);
    terminal_guard();
    store_set_log(log_store);
    store_set_notice(log_notice);
    return cli_main(argc, argv);
}
