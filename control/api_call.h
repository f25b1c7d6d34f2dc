/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A call of an RPC, as its handler sees it; the table of RPCs that each api_NOUN.c has; and what
 * all of them need to read messages and to write them. */
#ifndef CONTROL_API_CALL_H
#define CONTROL_API_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "control/api.h"
#include "control/connect.h"
#include "control/jwt.h"
#include "control/store.h"

struct api_logins;
struct api_watch;

struct ctl_api {
	struct ctl_api_setup setup;
	struct ctl_api_stats stats;
	struct connect *connect;
	struct api_logins *logins; /* api_login.c: who has tried how often */
	struct api_watch *watch;   /* api_watch.c: who waits for events */
};

struct api_call {
	struct ctl_api *api;
	struct ctl_store *store;
	struct connect_exchange *x;
	const json_t *in;
	struct ctl_error err; /* why, when a handler returns -1 */

	/* the caller */
	char user[CTL_ID_LEN];	       /* id; "" for an API key */
	char actor[CTL_NAME_LEN + 16]; /* for audit records */
	char home[CTL_ID_LEN];	       /* its tenant; "": none, a super_admin */
	enum ctl_role role;
	struct ctl_claims claims; /* of a token; an API key has none */

	const char *tenant; /* X-Tenant-ID, which the caller may act for; "" without one */

	bool good;	  /* of a call that has waited for a password: it is right, or hashed */
	const char *hash; /* the hash */
};

/* A handler returns 0 with *out, or -1 with c->err, or API_LATER when it has taken the exchange
 * over and will answer it itself. */
#define API_LATER 1
typedef int api_handler(struct api_call *c, json_t **out);

enum {
	API_TENANT = 1,	  /* acts for one tenant: needs X-Tenant-ID */
	API_PLATFORM = 2, /* and without it, for the platform, if a super_admin calls */
	API_WRITE = 4,	  /* in a transaction, which is committed when it returns 0 */
};

/* Who calls, from the token of an Authorization field; and whether it may act for the tenant. 0 or
 * -1 with c->err. */
int api_authenticate(struct api_call *c, const char *authorization);
int api_choose_tenant(struct api_call *c, const char *tenant, unsigned int flags);

/* For what takes longer: the call waits for the password to be hashed, or with `hash` verified;
 * then `run` goes on in a transaction, with c->good and c->hash. API_LATER, or -1. */
int api_await_hash(struct api_call *c, const char *password, api_handler *run);
int api_await_verify(struct api_call *c, const char *password, const char *hash, api_handler *run);

struct api_logins *api_logins_new(void);
void api_logins_free(struct api_logins *logins);

struct api_rpc {
	const char *name;
	api_handler *run;
	enum ctl_role role; /* the least; CTL_NOBODY: anyone, without a token */
	unsigned int flags;
};

/* Each ends with a name of NULL. */
extern const struct api_rpc api_login_rpcs[], api_tenant_rpcs[], api_user_rpcs[], api_key_rpcs[],
	api_group_rpcs[], api_device_rpcs[], api_network_rpcs[], api_peer_rpcs[], api_stock_rpcs[],
	api_auth_key_rpcs[], api_policy_rpcs[], api_relay_rpcs[], api_status_rpcs[],
	api_watch_rpcs[];

/* --- reading: fields by their name in the .proto; in the message they may also be lowerCamelCase.
 * All return 0, or -1 with c->err. A field that is absent or null is "", 0, false or empty. Texts
 * and lists belong to the message. */

int api_text(struct api_call *c, const char *name, const char **out);
int api_need_text(struct api_call *c, const char *name, const char **out); /* not "" */
int api_id(struct api_call *c, const char *name, const char **out);	   /* needed */
int api_optional_id(struct api_call *c, const char *name, const char **out);
int api_bool(struct api_call *c, const char *name, bool *out);
int api_number(struct api_call *c, const char *name, int64_t min, int64_t max, int64_t *out);
/* As RFC 3339 says, to unix milliseconds. */
int api_time(struct api_call *c, const char *name, int64_t *out);
/* A list of at most `max` strings; NULL when there is none. */
int api_texts(struct api_call *c, const char *name, size_t max, const json_t **out);
/* A list of anything, which must be there. */
int api_list(struct api_call *c, const char *name, const json_t **out);
/* A 32-byte key in base64. */
int api_key(struct api_call *c, const char *name, uint8_t key[32]);
/* An object; NULL when absent. */
int api_object(struct api_call *c, const char *name, const json_t **out);
bool api_has(const struct api_call *c, const char *name);

/* Settings that stay as they are when the field is absent. A list is kept as JSON text. */
int api_set_text(struct api_call *c, const char *name, char *to, size_t size);
int api_set_u16(struct api_call *c, const char *name, int64_t min, uint16_t *to);
int api_set_bool(struct api_call *c, const char *name, bool *to);
int api_set_texts(struct api_call *c, const char *name, size_t max, char *to, size_t size);

/* --- pages of a list: page_size (100 of at most 1000) and page_token, answered with
 * next_page_token --- */

struct api_page {
	const struct api_call *call;
	const char *after;
	int64_t limit;
	json_t *items;
	char last[CTL_ID_LEN];
};

int api_page_begin(struct api_call *c, struct api_page *page);
/* Takes the item over. Always true, as the store's lists want it. */
bool api_page_add(struct api_page *page, const char *id, json_t *item);
/* {name: items, nextPageToken}. `result`: of the store's list; 0 or -1. */
int api_page_end(struct api_page *page, const char *name, int result, json_t **out);

/* --- writing: new references --- */

json_t *api_timestamp(int64_t ms);	 /* null for 0 */
json_t *api_int64(uint64_t value);	 /* a string, as proto3 has 64-bit integers */
json_t *api_list_json(const char *list); /* the store's JSON lists */
/* 0 with *out, or -1 with an internal error when `j` is NULL. */
int api_answer(struct api_call *c, json_t *j, json_t **out);

#endif
