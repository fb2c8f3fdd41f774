/* Shared by gateway/validator*.c only. */
#pragma once

#include "gateway/validator.h"

void validator_http_01_start(struct validation *validation);
void validator_dns_01_start(struct validation *validation);

/* Ends the try. `problem` NULL: proven. `passing`: worth another try. */
void validation_end(struct validation *validation, const struct problem *problem, bool passing,
                    const char *tried);

/* Text from outside as it may stand in a problem: printable ASCII, cut short. */
const char *validation_quote(struct arena *arena, struct bytes text);
