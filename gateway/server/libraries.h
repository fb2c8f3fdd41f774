/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries that the program is made of. */
#pragma once

#include <stddef.h>

#include "acme/base/library.h"

enum { SERVER_LIBRARIES = 6 };

void server_libraries(struct library out[static SERVER_LIBRARIES]);
