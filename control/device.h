/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Devices of a tenant: nodes, gateways and relays by the key they speak NCP with, stock peers
 * without one. Platform relays have no tenant. */
#ifndef CONTROL_DEVICE_H
#define CONTROL_DEVICE_H

#include "control/store.h"

enum ctl_kind { CTL_KIND_NONE, CTL_NODE, CTL_GATEWAY, CTL_RELAY, CTL_STOCK };

struct ctl_device {
	char id[CTL_ID_LEN];
	char tenant[CTL_ID_LEN]; /* "": the platform's */
	char name[CTL_NAME_LEN];
	enum ctl_kind kind;
	bool has_key;
	uint8_t key[32];
	bool ephemeral;
	int64_t created;
	int64_t last_seen; /* by control or as a WireGuard peer; 0: never */
};

const char *ctl_kind_name(enum ctl_kind kind);
enum ctl_kind ctl_kind_parse(const char *name); /* CTL_KIND_NONE for any other */

/* `tenant` NULL: the platform's; `key` NULL: a stock peer's. A name that is taken gets a number
 * behind it: machines of one image have one name. */
int ctl_device_create(struct ctl_store *s, const char *tenant, const char *name, enum ctl_kind kind,
		      const uint8_t *key, bool ephemeral, struct ctl_device *out,
		      struct ctl_error *err);
/* `tenant` NULL: of any. */
int ctl_device_get(struct ctl_store *s, const char *tenant, const char *id, struct ctl_device *out,
		   struct ctl_error *err);
int ctl_device_by_key(struct ctl_store *s, const uint8_t key[32], struct ctl_device *out,
		      struct ctl_error *err);
/* Of this tenant's; NULL: of those that have none. */
int ctl_device_by_name(struct ctl_store *s, const char *tenant, const char *name,
		       struct ctl_device *out, struct ctl_error *err);
int ctl_device_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		    bool (*fn)(void *arg, const struct ctl_device *device), void *arg,
		    struct ctl_error *err);
/* It is connected: no revision, no audit record. */
int ctl_device_seen(struct ctl_store *s, const char *id, struct ctl_error *err);
/* With its peers, whose addresses are held back, its groups, and the relay that it is. */
int ctl_device_delete(struct ctl_store *s, const char *tenant, const char *id,
		      struct ctl_error *err);
/* Of the ephemeral devices, those that are connected are seen, and others that were not seen since
 * then are deleted; *n of them. */
int ctl_device_reap(struct ctl_store *s, int64_t since,
		    bool (*connected)(void *arg, const char *device), void *arg, unsigned int *n,
		    struct ctl_error *err);

#endif
