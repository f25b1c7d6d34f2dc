/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tenants, and what new networks of theirs take from them. */
#ifndef CONTROL_TENANT_H
#define CONTROL_TENANT_H

#include "control/store.h"

#define CTL_SERVERS_LEN 512 /* of a JSON list of host:port */
#define CTL_SERVERS_MAX 16  /* of them */

struct ctl_tenant {
	char id[CTL_ID_LEN];
	char name[CTL_NAME_LEN];
	int64_t created;
	bool mesh_enabled;
	char ip_range[CTL_CIDR_LEN];
	uint16_t default_listen_port;
	char default_dns[CTL_IP_LEN]; /* "": none */
	uint16_t default_keepalive;   /* seconds; 0: off but for relays */
	bool nat_traversal_enabled;
	char stun_servers[CTL_SERVERS_LEN]; /* JSON */
};

/* With the presets of its settings. */
int ctl_tenant_create(struct ctl_store *s, const char *name, struct ctl_tenant *out,
		      struct ctl_error *err);
int ctl_tenant_get(struct ctl_store *s, const char *id, struct ctl_tenant *out,
		   struct ctl_error *err);
/* As ctl_network_list(). */
int ctl_tenant_list(struct ctl_store *s, const char *after, unsigned int limit,
		    bool (*fn)(void *arg, const struct ctl_tenant *tenant), void *arg,
		    struct ctl_error *err);
/* Takes the settings of *tenant, not its name. Networks that are there keep what they took. */
int ctl_tenant_update(struct ctl_store *s, const struct ctl_tenant *tenant, struct ctl_error *err);
/* Settings that networks have, too: an IPv4 address or "", a JSON list of host:port. */
int ctl_dns_check(const char *dns, const char *what, struct ctl_error *err);
int ctl_servers_check(const char *servers, struct ctl_error *err);
/* With all that is its own. */
int ctl_tenant_delete(struct ctl_store *s, const char *id, struct ctl_error *err);

#endif
