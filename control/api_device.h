/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A device as a message: a group's members are some, too. */
#ifndef CONTROL_API_DEVICE_H
#define CONTROL_API_DEVICE_H

#include <jansson.h>

#include "control/device.h"

json_t *api_device_json(const struct ctl_device *d);

#endif
