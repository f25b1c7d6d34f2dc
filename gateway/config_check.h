/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the settings of gateway.conf demand, singly and of each other. */
#ifndef GATEWAY_CONFIG_CHECK_H
#define GATEWAY_CONFIG_CHECK_H

struct tp_config_report;

/* For single values: what is wrong with the member, or NULL. */
const char *gw_check_endpoint(const void *member);   /* char *: "address:port" */
const char *gw_check_tag(const void *member);	     /* char * */
const char *gw_check_ports(const void *member);	     /* char *: "first-last" */
const char *gw_check_block(const void *member);	     /* uint32_t: 64, 128 or 256 */
const char *gw_check_protocol(const void *member);   /* char * */
const char *gw_check_masquerade(const void *member); /* struct tp_addr */

/* A tp_config_validate for struct gw_config. Members that did not parse are zero and passed over.
 * Time is n log n in peers and rules. */
void gw_config_validate(const void *config, struct tp_config_report *report);

#endif
