/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as PEM: PKCS #8, encrypted or not, and the traditional forms. It never asks for a password on
 * a terminal. */
#pragma once

#include "acme/base/arena.h"
#include "acme/jose/openssl_handles.h"

/*
 * Reads a key, which the caller frees. NULL: the text holds no key, or `password` does not open it.
 * `encrypted` tells whether a password was needed. An empty password opens no encrypted key.
 *
 * Keys that go.step.sm/crypto before 0.20 encrypted are read too. Their PBKDF2 parameters hold a PRF whose
 * NULL parameters are written as `00 00` instead of `05 00`. OpenSSL 3 does not decode that.
 */
[[gnu::warn_unused_result]] EVP_PKEY *private_key_read(struct bytes pem, struct bytes password,
                                                       bool *encrypted);

/*
 * Writes the key as PKCS #8 in PEM. With a password it is encrypted: AES-256-CBC, PBKDF2 with HMAC-SHA256.
 * The text belongs to the arena, which cleanses it; no other memory keeps it. Empty when OpenSSL fails.
 */
[[gnu::warn_unused_result]] struct bytes private_key_to_pem(struct arena *arena, EVP_PKEY *key,
                                                            struct bytes password);
