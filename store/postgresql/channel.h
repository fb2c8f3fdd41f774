/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between gateways by LISTEN and NOTIFY, private to store/postgresql/. */
#pragma once

#include "store/sql/channel.h"

extern const struct engine_channel postgresql_channel;
