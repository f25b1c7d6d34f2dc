/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* API keys: for programs, what a login is for people. */
#ifndef CONTROL_TOKEN_H
#define CONTROL_TOKEN_H

#include "control/secret.h"
#include "control/store.h"

struct ctl_token {
	char id[CTL_ID_LEN];
	char tenant[CTL_ID_LEN]; /* "": of a super_admin */
	char name[CTL_NAME_LEN];
	enum ctl_role role;
	int64_t expires, revoked; /* 0: not */
	int64_t created;
};

struct ctl_token_new {
	const char *tenant, *name; /* tenant NULL with CTL_SUPER_ADMIN, and only then */
	enum ctl_role role;
	int64_t expires; /* 0: never */
};

int ctl_token_create(struct ctl_store *s, const struct ctl_token_new *in, struct ctl_token *out,
		     char secret[CTL_SECRET_LEN], struct ctl_error *err);
/* CTL_UNAUTHENTICATED when it is unknown, revoked or expired. */
int ctl_token_check(struct ctl_store *s, const char *secret, struct ctl_token *out,
		    struct ctl_error *err);
/* As ctl_network_list(); `tenant` NULL: those without one. */
int ctl_token_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		   bool (*fn)(void *arg, const struct ctl_token *token), void *arg,
		   struct ctl_error *err);
/* `tenant` NULL: of any. */
int ctl_token_revoke(struct ctl_store *s, const char *tenant, const char *id,
		     struct ctl_error *err);

#endif
