/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks that the tables of several daemons name, and the search for what stands twice. */
#ifndef TP_CONFIG_CHECKS_H
#define TP_CONFIG_CHECKS_H

#include <stddef.h>

struct tp_config_report;

/* For struct tp_config_field's `check`: what is wrong with the member, or NULL. */
const char *tp_config_check_interface(const void *member); /* char *: name of a device */
const char *tp_config_check_name(const void *member);	   /* char *: of a node or a network */
const char *tp_config_check_instance(const void *member);  /* char *: a directory in bpffs */
const char *tp_config_check_unicast(const void *member);   /* struct tp_addr */

/* Something that must be unique: sorted by `id`, equals become neighbours. */
struct tp_config_claim {
	const void *id;
	size_t len;
	int line;
	const char *name;  /* of whom it belongs to, or NULL */
	const char *group; /* that this one is in, or NULL */
};

/* Calls complain(first, later) for each claim that repeats another; sorts the claims. */
void tp_config_find_repeats(struct tp_config_claim *claims, size_t n,
			    struct tp_config_report *report,
			    void (*complain)(struct tp_config_report *report,
					     const struct tp_config_claim *first,
					     const struct tp_config_claim *later));

#endif
