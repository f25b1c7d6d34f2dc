/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CONTROL_METRICS_PAGE_H
#define CONTROL_METRICS_PAGE_H

#include "metrics.h"

/* Its arg is the struct ctl_daemon. */
extern const struct tp_metrics_ops ctl_metrics_ops;

#endif
