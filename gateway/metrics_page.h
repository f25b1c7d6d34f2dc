/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef GATEWAY_METRICS_PAGE_H
#define GATEWAY_METRICS_PAGE_H

#include "metrics.h"

/* Its arg is the struct gw_daemon. */
extern const struct tp_metrics_ops gw_metrics_ops;

#endif
