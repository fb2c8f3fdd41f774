/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For interfaces older than const, which take a pointer to what may change and change nothing: OpenSSL's
 * getters, free(), execv()'s arguments. Each use says whose interface it is, or that the octets are its own.
 */
#pragma once

#include <stdint.h>

#define UNCONST(type, pointer) ((type)(uintptr_t)(pointer))
