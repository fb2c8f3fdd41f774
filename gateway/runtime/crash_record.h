/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records the object whose work ended the process. Each thread sets the id of the object that it works on.
 * When a fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) ends the process, a signal handler writes that id
 * to PATH.crashes, a file beside the database. The next start reads it. Setting the id costs a store to a
 * thread-local variable, and no write.
 *
 * Nothing is written for a kill, whatever its signal, a clean stop or a loss of power. Nothing is written for
 * an end for want of memory or for a fault in code that works for no object. Only the object that a fault
 * struck is counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/base/fault.h"

/* Reads the file, or makes it if it is absent. Faults are recorded from then on. Call it once a process.
 * False with `fault`. */
[[gnu::warn_unused_result]] bool crash_record_open(const char *database, struct fault *fault);
void crash_record_close(void);

/* Sets the id of the object that this thread works for; 0 for none. Returns the id before, which the caller
 * sets again afterwards. */
int64_t crash_record_set_owner(int64_t id);
int64_t crash_record_owner(void);

/* Returns the number of the object's faults before this start. Any thread, but not while crash_record_forget
 * runs. */
size_t crash_record_count(int64_t id);

/* Forgets the object's faults, which have been dealt with. Not on two threads at once. */
void crash_record_forget(int64_t id);
