/* SPDX-License-Identifier: Apache-2.0 */
/* The process as the system sees it. */
#pragma once

#include "gateway/metrics/metrics.h"

void metrics_read_process(struct metric_gauges *gauges);
