/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A device as a message: a group's members are some, too. */
#ifndef CONTROL_API_DEVICE_H
#define CONTROL_API_DEVICE_H

#include "control/api_call.h"
#include "control/device.h"

/* NodeState of a device's connection; NULL when it has none. */
json_t *api_node_state_json(const struct api_call *c, const char *device);
/* With the state of its connection, if it has one. */
json_t *api_device_json(const struct api_call *c, const struct ctl_device *d);

#endif
