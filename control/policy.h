/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Policies of a network: named lists of rules (rules.h), in the order of their position. */
#ifndef CONTROL_POLICY_H
#define CONTROL_POLICY_H

#include "control/rules.h"

struct ctl_policy {
	char id[CTL_ID_LEN], network[CTL_ID_LEN];
	char name[CTL_NAME_LEN];
	int64_t position;
	struct json_t *rules; /* borrowed in a listing; as it was applied */
	int64_t created;
};

/* Makes it or puts it in the place of the one with its name. The rules are checked whole. */
int ctl_policy_apply(struct ctl_store *s, const char *tenant, const char *network, const char *name,
		     int64_t position, const struct json_t *rules, struct ctl_error *err);
int ctl_policy_list(struct ctl_store *s, const char *tenant, const char *network,
		    bool (*fn)(void *arg, const struct ctl_policy *policy), void *arg,
		    struct ctl_error *err);
int ctl_policy_delete(struct ctl_store *s, const char *tenant, const char *network,
		      const char *name, struct ctl_error *err);
/* All rules of the network one after another, a new reference. */
int ctl_policy_rules(struct ctl_store *s, const char *network, struct json_t **out,
		     struct ctl_error *err);

/* "Would it pass?" `from` and `to`: a device's name or an IPv4 address. *rule: its name, "" for one
 * without; *allowed. `protocol`: tcp, udp or icmp. */
int ctl_policy_test(struct ctl_store *s, const char *tenant, const char *network, const char *from,
		    const char *to, const char *protocol, uint16_t port, bool *allowed,
		    char rule[CTL_NAME_LEN], struct ctl_error *err);

#endif
