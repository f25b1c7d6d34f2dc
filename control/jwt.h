/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tokens that a login gives: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037), and no
 * other algorithm. */
#ifndef CONTROL_JWT_H
#define CONTROL_JWT_H

#include <stddef.h>
#include <stdint.h>

#define CTL_JWT_SECONDS	  3600	      /* that a token is good for */
#define CTL_LOGIN_SECONDS (7 * 86400) /* after the password was given, none is renewed */
#define CTL_JWT_STRLEN	  768

struct ctl_jwt_key {
	uint8_t secret[64];
	uint8_t public[32];
};

struct ctl_claims {
	char sub[40];	 /* user */
	char tenant[40]; /* tenant_id; empty: none, a super_admin's */
	char role[16];
	char jti[40];
	int64_t iat, exp; /* unix seconds */
	/* Of the login that it began with. */
	int64_t auth_time; /* when the password was given; iat, unless told */
	char password[20]; /* "pwd": tells whether it is still the same; may be empty */
};

/* The key whose seed the file holds, in the form of a private key of WireGuard. The file is made
 * (0600) when it is not there. 0 or -errno, logged. */
int ctl_jwt_key_open(const char *path, struct ctl_jwt_key *out);

/* 0, or -ENOSPC. */
int ctl_jwt_sign(const struct ctl_jwt_key *key, const struct ctl_claims *claims, char *buf,
		 size_t size);
/* 0; -EINVAL: not a token of ours; -EBADMSG: not signed with this key; -EKEYEXPIRED. */
int ctl_jwt_verify(const struct ctl_jwt_key *key, const char *token, int64_t now_s,
		   struct ctl_claims *out);

#endif
