/*
 * The local CA's register of revoked serial numbers: a text file, one "serial unix-time reason" a line, only
 * ever appended to and synced before anyone is told. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { REVOKED_REGISTER_WHY_BYTES = 256 };

struct revoked_register;

/* Reads the file, making it when absent. A last line without its newline was never confirmed to anyone: it
 * is passed over, and cut off before the next addition. Any other line that cannot be read is an error. What is in the file
 * stays as it is, so that a command may open it while a server adds to it. NULL with `why`. */
[[gnu::warn_unused_result]] struct revoked_register *revoked_register_open(
    const char *path, char why[static REVOKED_REGISTER_WHY_BYTES]);
void revoked_register_close(struct revoked_register *revoked);

bool revoked_register_contains(const struct revoked_register *revoked, const char *serial_hex);

/* False with errno set: then the file is as it was before. */
[[gnu::warn_unused_result]] bool revoked_register_add(struct revoked_register *revoked,
                                                      const char *serial_hex, int64_t now, int reason);
