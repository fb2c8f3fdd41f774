/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Casts const away for interfaces older than const: they take a pointer to non-const and change nothing.
 * OpenSSL's getters, free() and the arguments of execv() are such. Each use names the interface, or says that
 * the octets are its own.
 */
#pragma once

#include <stdint.h>

#define UNCONST(type, pointer) ((type)(uintptr_t)(pointer))
