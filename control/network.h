/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Networks: an overlay subnet of one tenant, in which devices are peers. */
#ifndef CONTROL_NETWORK_H
#define CONTROL_NETWORK_H

#include "control/tenant.h"

struct ctl_network {
	char id[CTL_ID_LEN], tenant[CTL_ID_LEN];
	char name[CTL_NAME_LEN];
	char subnet[CTL_CIDR_LEN];
	uint32_t first; /* host order */
	unsigned int bits;
	uint16_t listen_port, keepalive;
	char dns[CTL_IP_LEN];		    /* "": none */
	char stun_servers[CTL_SERVERS_LEN]; /* JSON */
	char group[CTL_ID_LEN];		    /* "": none */
	int64_t created;
};

/* "" and 0 stand for the tenant's defaults: a free /24 of its ip_range, its port. */
struct ctl_network_new {
	const char *tenant, *name, *subnet, *group;
	uint32_t listen_port;
};

/* With a policy "initial" that allows everything. Networks of one tenant do not overlap. */
int ctl_network_create(struct ctl_store *s, const struct ctl_network_new *in,
		       struct ctl_network *out, struct ctl_error *err);
/* `tenant` NULL: of any. Another tenant's is not found. */
int ctl_network_get(struct ctl_store *s, const char *tenant, const char *id,
		    struct ctl_network *out, struct ctl_error *err);
/* In the order of their ids, those after `after` ("" for all), at most `limit`. fn returns false to
 * end it; it must not list networks itself. */
int ctl_network_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		     bool (*fn)(void *arg, const struct ctl_network *network), void *arg,
		     struct ctl_error *err);
/* Takes listen_port, keepalive, dns and stun_servers of *network. */
int ctl_network_update(struct ctl_store *s, const struct ctl_network *network,
		       struct ctl_error *err);
/* With all its peers. */
int ctl_network_delete(struct ctl_store *s, const char *tenant, const char *id,
		       struct ctl_error *err);

#endif
