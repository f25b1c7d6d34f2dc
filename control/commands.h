/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the control socket answers. */
#ifndef CONTROL_COMMANDS_H
#define CONTROL_COMMANDS_H

#include <jansson.h>

/* For tp_control_new(); its arg is the struct ctl_daemon. */
json_t *ctl_command(void *arg, const json_t *request);

#endif
