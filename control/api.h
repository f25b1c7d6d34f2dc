/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* turnpike.v1.AdminService, as control/proto/turnpike/v1/admin.proto describes it: who may call
 * what, and the calls themselves. */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include <stdint.h>

struct ctl_api;
struct ctl_jwt_key;
struct ctl_nodes;
struct ctl_passwords;
struct ctl_store;
struct event_base;
struct tp_tls;

struct ctl_api_setup {
	struct event_base *base;
	int listen_fd;	    /* owned once ctl_api_new() has returned 0 */
	struct tp_tls *tls; /* NULL: plain HTTP */
	struct ctl_store *store;
	const struct ctl_jwt_key *key;
	struct ctl_passwords *passwords;
	const struct ctl_nodes *nodes; /* NULL: no node can connect */
};

struct ctl_api_stats {
	unsigned int connections;
	uint64_t calls, refused, failed; /* refused: not allowed; failed: any other error */
	uint64_t logins, bad_logins;
};

/* What `setup` points to is borrowed. 0 or -ENOMEM. */
int ctl_api_new(struct ctl_api **out, const struct ctl_api_setup *setup);
/* No calls come any more. Those that wait for a password end with ctl_passwords_free(), after which
 * ctl_api_free() is due. */
void ctl_api_stop(struct ctl_api *api);
void ctl_api_free(struct ctl_api *api);

void ctl_api_stats(const struct ctl_api *api, struct ctl_api_stats *out);

#endif
