/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the settings of relay.conf demand of each other. */
#ifndef RELAY_CONFIG_CHECK_H
#define RELAY_CONFIG_CHECK_H

#include <stdbool.h>

#include "addr.h"

struct tp_config_report;

/* Neither unspecified, multicast, broadcast, loopback nor (IPv4) in class E or 0/8. */
bool relay_addr_is_unicast(const struct tp_addr *a);

/* A tp_config_validate for struct relay_config. Members that did not parse are zero and passed
 * over. Time is n log n in the nodes. */
void relay_config_validate(const void *config, struct tp_config_report *report);

#endif
