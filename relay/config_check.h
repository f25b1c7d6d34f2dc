/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the settings of relay.conf demand of each other. */
#ifndef RELAY_CONFIG_CHECK_H
#define RELAY_CONFIG_CHECK_H

struct tp_config_report;

/* A tp_config_validate for struct relay_config. Members that did not parse are zero and passed
 * over. Time is n log n in the nodes. */
void relay_config_validate(const void *config, struct tp_config_report *report);

#endif
