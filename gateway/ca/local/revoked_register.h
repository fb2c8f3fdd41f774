/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local CA's register of revoked serial numbers: a text file, one "serial revoked-at reason not-after" a
 * line (times in unix seconds; lines of older versions lack the last), only ever appended to and synced
 * before anyone is told. A later line of the same serial number corrects the one before. One thread at a
 * time.
 */
#pragma once

#include "acme/base/fault.h"
#include "acme/objects.h"

struct revoked_register;

struct revoked_serial {
    char serial[SERIAL_HEX_BYTES];
    int64_t revoked_at;
    int reason;
    int64_t not_after; /* of the certificate; 0: not known */
    size_t line;       /* the register's: its place in the file */
};

/* Reads the file, or makes it when absent. A last line without its newline was never confirmed to anyone: it
 * is skipped, and cut off before the next addition. Any other line that cannot be read is an error. Opening
 * does not change the file, so that a command may open it while a server adds to it. NULL with `fault`. */
[[gnu::warn_unused_result]] struct revoked_register *revoked_register_open(const char *path,
                                                                           struct fault *fault);
void revoked_register_close(struct revoked_register *revoked);

/* Borrowed until the next addition; by serial. */
const struct revoked_serial *revoked_register_all(const struct revoked_register *revoked, size_t *count);

/* Borrowed until the next addition; NULL when it is not in it. */
const struct revoked_serial *revoked_register_find(const struct revoked_register *revoked,
                                                   const char *serial_hex);

/* Adds an entry, or replaces that of the same serial number. False with errno set; the file is then as
 * before. */
[[gnu::warn_unused_result]] bool revoked_register_add(struct revoked_register *revoked,
                                                      const struct revoked_serial *entry);
