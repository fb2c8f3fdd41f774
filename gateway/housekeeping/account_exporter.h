/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The export of accounts that a running server keeps up to date (accounts.export_path). It writes when
 * accounts have changed: at the start, each accounts.export_every, and at the stop. It follows the newest
 * configuration. On a thread of its own.
 */
#pragma once

#include "acme/base/fault.h"
#include "gateway/config/config.h"
#include "store/location.h"

struct account_exporter;

/* NULL with `fault`. While accounts.export_path is not set it writes nothing. */
[[gnu::warn_unused_result]] struct account_exporter *account_exporter_start(
    const struct config *config, const struct store_location *location, struct fault *fault);

/* Reports that another configuration is in force. Any thread. NULL is ignored. */
void account_exporter_look_again(struct account_exporter *exporter);

/* After the last write to the database. Exports once more and ends the thread. NULL is ignored. */
void account_exporter_stop(struct account_exporter *exporter);
