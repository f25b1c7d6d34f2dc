/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* People with a password. A super_admin has no tenant, everyone else has one. */
#ifndef CONTROL_USER_H
#define CONTROL_USER_H

#include "control/store.h"

#define CTL_PASSWORD_TEXT 128 /* bytes of a hash as libsodium writes it */

struct ctl_user {
	char id[CTL_ID_LEN];
	char tenant[CTL_ID_LEN]; /* "": none */
	char name[CTL_NAME_LEN];
	char password[CTL_PASSWORD_TEXT]; /* its hash */
	enum ctl_role role;
	bool disabled;
	int64_t created;
};

struct ctl_user_new {
	const char *tenant;	     /* NULL for a super_admin */
	const char *name, *password; /* a hash */
	enum ctl_role role;
};

const char *ctl_role_name(enum ctl_role role);
enum ctl_role ctl_role_parse(const char *name); /* CTL_NOBODY for any other */

/* Names are unique among all tenants, as a login has nothing else. */
int ctl_user_create(struct ctl_store *s, const struct ctl_user_new *in, struct ctl_user *out,
		    struct ctl_error *err);
/* `tenant` NULL, here and below: of any. */
int ctl_user_get(struct ctl_store *s, const char *tenant, const char *id, struct ctl_user *out,
		 struct ctl_error *err);
int ctl_user_by_name(struct ctl_store *s, const char *name, struct ctl_user *out,
		     struct ctl_error *err);
/* As ctl_network_list(); `tenant` NULL: those without one. */
int ctl_user_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		  bool (*fn)(void *arg, const struct ctl_user *user), void *arg,
		  struct ctl_error *err);
/* The last super_admin who is not disabled stays one, and stays. */
int ctl_user_update(struct ctl_store *s, const char *tenant, const char *id, enum ctl_role role,
		    bool disabled, struct ctl_error *err);
int ctl_user_set_password(struct ctl_store *s, const char *tenant, const char *id,
			  const char *password, struct ctl_error *err);
int ctl_user_delete(struct ctl_store *s, const char *tenant, const char *id, struct ctl_error *err);

#endif
