/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What /metrics shows of the relay. */
#ifndef RELAY_METRICS_PAGE_H
#define RELAY_METRICS_PAGE_H

#include "metrics.h"

extern const struct tp_metrics_ops relay_metrics_ops; /* arg: struct daemon */

#endif
