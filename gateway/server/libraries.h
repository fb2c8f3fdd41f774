/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries that the program is made of. */
#pragma once

#include <stddef.h>

#include "acme/base/library.h"
#include "store/store.h"

enum { SERVER_LIBRARIES = 5 + STORE_LIBRARIES };

void server_libraries(struct library out[static SERVER_LIBRARIES]);
