/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own certificate in the files that tls.cert and tls.key name: for `serve`, SIGHUP and `check`.
 */
#pragma once

#include "acme/base/arena.h"
#include "acme/base/fault.h"

struct config;

struct own_certificate_files {
    struct bytes chain_pem;
    struct bytes *certificates; /* DER, leaf first */
    size_t count;               /* one at least */
    struct bytes key_pem;       /* without encryption, whatever the file holds */
};

/*
 * Reads both files, opens the key with tls.key_password_file when it is encrypted, and compares key and leaf.
 * Everything belongs to the arena, which cleanses the key. False with `fault`, which ends with what to do.
 */
[[gnu::warn_unused_result]] bool own_certificate_files_read(struct arena *arena, const struct config *config,
                                                            struct own_certificate_files *out,
                                                            struct fault *fault);
