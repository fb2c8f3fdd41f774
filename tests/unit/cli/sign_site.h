/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests for `acmegate sign`, beside a shell. */
#pragma once

#include "shell.h"

/* The requests' key. */
extern EVP_PKEY *sign_key;

/* Begins a shell with a new key; the log is kept from standard error. */
void sign_begin(void);

struct bytes sign_csr(const char *names);
/* A request file in the shell's folder, as PEM. */
const char *sign_csr_file(const char *names);

/* These columns of all certificates; "" when there is none. */
const char *sign_stored(const char *columns);
