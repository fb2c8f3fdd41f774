/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as PEM: PKCS #8, encrypted or not, and the traditional forms. Never asks a terminal. */
#pragma once

#include "acme/base/arena.h"
#include "acme/jose/openssl_handles.h"

/*
 * The key, to be freed by the caller; NULL: there is none, or `password` does not open it. `encrypted` says
 * whether a password was needed. An empty password opens no encrypted key.
 *
 * Keys that go.step.sm/crypto encrypted before 0.20 are read as well: their PBKDF2 parameters hold a PRF with
 * the NULL of its parameters written as `00 00` in place of `05 00`, which OpenSSL 3 does not decode.
 */
[[gnu::warn_unused_result]] EVP_PKEY *private_key_read(struct bytes pem, struct bytes password,
                                                       bool *encrypted);

/*
 * The key as PKCS #8 in PEM. With a password it is encrypted: AES-256-CBC, PBKDF2 with HMAC-SHA256. The text
 * belongs to the arena, which cleanses it; no other memory keeps it. Empty when OpenSSL cannot.
 */
[[gnu::warn_unused_result]] struct bytes private_key_to_pem(struct arena *arena, EVP_PKEY *key,
                                                            struct bytes password);
