/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose work the server died of. Each thread says whose object it works on; when a fault (SIGSEGV, SIGBUS,
 * SIGFPE, SIGILL, SIGABRT) ends the process, a signal handler writes that object's id to PATH.crashes, a file
 * beside the database. The next start reads it. Saying so costs a store to a thread's own variable, and no
 * write.
 *
 * A kill, whatever its signal, a clean stop and a loss of power write nothing. Neither does an end for want
 * of memory, nor a fault in code that works for nobody: only the object that a fault struck is ever counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/base/fault.h"

/* Reads the file, makes it where there is none, and watches for faults from then on. Once a process. False
 * with `fault`. */
[[gnu::warn_unused_result]] bool crash_record_open(const char *database, struct fault *fault);
void crash_record_close(void);

/* Who this thread works for from now on, 0 for nobody; returns who it was before, to be set again behind it.
 */
int64_t crash_record_set_owner(int64_t id);
int64_t crash_record_owner(void);

/* How many faults the object had before this start. Any thread that crash_record_forget is not called on
 * meanwhile. */
size_t crash_record_count(int64_t id);

/* The object's faults are dealt with. Not on two threads at once. */
void crash_record_forget(int64_t id);
