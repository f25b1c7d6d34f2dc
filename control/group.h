/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Groups of a tenant's devices: to enrol them together, and for rules to speak of. */
#ifndef CONTROL_GROUP_H
#define CONTROL_GROUP_H

#include "control/device.h"
#include "control/network.h"

#define CTL_ENROLL_MAX 1000 /* devices at once */

struct ctl_group {
	char id[CTL_ID_LEN], tenant[CTL_ID_LEN];
	char name[CTL_NAME_LEN];
	int64_t members;
	int64_t created;
};

int ctl_group_create(struct ctl_store *s, const char *tenant, const char *name,
		     struct ctl_group *out, struct ctl_error *err);
int ctl_group_get(struct ctl_store *s, const char *tenant, const char *id, struct ctl_group *out,
		  struct ctl_error *err);
/* As ctl_network_list(). */
int ctl_group_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		   bool (*fn)(void *arg, const struct ctl_group *group), void *arg,
		   struct ctl_error *err);
int ctl_group_rename(struct ctl_store *s, const char *tenant, const char *id, const char *name,
		     struct ctl_error *err);
int ctl_group_delete(struct ctl_store *s, const char *tenant, const char *id,
		     struct ctl_error *err);
/* What is so already is fine. Networks that the device is in are told, as rules may speak of it. */
int ctl_group_add(struct ctl_store *s, const char *tenant, const char *id, const char *device,
		  struct ctl_error *err);
int ctl_group_remove(struct ctl_store *s, const char *tenant, const char *id, const char *device,
		     struct ctl_error *err);
/* Its devices, in the order of their ids, after `after`. */
int ctl_group_members(struct ctl_store *s, const char *tenant, const char *id, const char *after,
		      unsigned int limit, bool (*fn)(void *arg, const struct ctl_device *device),
		      void *arg, struct ctl_error *err);
/* A new network with every member invited; all or nothing. *n: how many. */
int ctl_group_enroll(struct ctl_store *s, const struct ctl_network_new *in, struct ctl_network *out,
		     unsigned int *n, struct ctl_error *err);

#endif
