/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys by which devices join without anyone's browser: shown once, stored hashed. */
#ifndef CONTROL_AUTH_KEY_H
#define CONTROL_AUTH_KEY_H

#include "control/device.h"
#include "control/secret.h"

struct ctl_auth_key {
	char id[CTL_ID_LEN];
	char tenant[CTL_ID_LEN];  /* "": of the platform */
	char network[CTL_ID_LEN]; /* "": none, of a relay */
	char network_name[CTL_NAME_LEN];
	char name[CTL_NAME_LEN];
	enum ctl_kind kind;
	char tags[1024]; /* JSON */
	bool ephemeral;
	int64_t use_limit; /* 0: none; 1: one-off */
	int64_t uses;
	int64_t expires, revoked; /* 0: not */
	int64_t created;
};

struct ctl_auth_key_new {
	const char *tenant;  /* NULL: of the platform, for relays only */
	const char *network; /* needed for nodes and gateways, none for relays */
	const char *name, *tags;
	enum ctl_kind kind;
	bool ephemeral;
	uint32_t use_limit;
	int64_t expires; /* 0: never */
};

int ctl_auth_key_create(struct ctl_store *s, const struct ctl_auth_key_new *in,
			struct ctl_auth_key *out, char secret[CTL_SECRET_LEN],
			struct ctl_error *err);
int ctl_auth_key_list(struct ctl_store *s, const char *tenant, const char *after,
		      unsigned int limit, bool (*fn)(void *arg, const struct ctl_auth_key *key),
		      void *arg, struct ctl_error *err);
/* From now on. Devices that joined by it stay. */
int ctl_auth_key_revoke(struct ctl_store *s, const char *tenant, const char *id,
			struct ctl_error *err);
/* Counts one use. Fails with CTL_UNAUTHENTICATED when it is unknown, revoked, expired or used up.
 */
int ctl_auth_key_use(struct ctl_store *s, const char *secret, struct ctl_auth_key *out,
		     struct ctl_error *err);

/* A device that speaks NCP with `key` and names itself `name`: the one it is already, whatever
 * `secret` says; else a new one by the auth key `secret`, invited into the key's network or entered
 * as a relay. *joined: it is new. */
int ctl_join(struct ctl_store *s, const uint8_t key[32], const char *name, const char *secret,
	     struct ctl_device *out, bool *joined, struct ctl_error *err);

#endif
