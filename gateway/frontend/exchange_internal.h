/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/frontend/exchange*.c only. */
#pragma once

#include "gateway/frontend/exchange.h"

/* An exchange that ends here, on its loop: the problem if there is one, else what render says. */
void exchange_finish(struct exchange *exchange);
/* So, with this problem. */
void exchange_finish_with(struct exchange *exchange, const struct problem *problem);

const struct problem *exchange_too_long(struct arena *arena);
