/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Thousands of members of a control plane in one process: real NCP connections with keys of their
 * own. A member joins with an auth key, answers invitations with a WireGuard key, and acknowledges
 * at once whatever it is told. Of a view it keeps no more than which peers it has.
 */
#ifndef BENCH_MEMBERS_H
#define BENCH_MEMBERS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "ncp_messages.h"
#include "ncp_session.h"
#include "noise.h"

struct event_base;
struct bufferevent;
struct members;

/* Peers by the first half of their keys; an open table, 0 is a free place. */
struct peer_set {
	uint64_t *keys;
	uint32_t n, size; /* a power of two */
};

struct member {
	struct members *all;
	uint32_t number, network; /* from 0 */
	struct tp_noise_identity id;
	uint8_t wireguard[WG_KEY_LEN];
	char network_id[TP_NCP_ID_SIZE]; /* once invited */
	struct tp_ncp_session_config config;
	struct bufferevent *connecting;
	struct tp_ncp_session *session;
	struct event *again; /* connects anew */
	struct peer_set peers;
	bool synced;   /* has a view, of this connection */
	uint64_t told; /* ns: its latest snapshot or delta since the mark; 0: none */
};

struct members {
	struct event_base *base;
	struct sockaddr_in control;
	uint8_t key[WG_KEY_LEN];
	const char *const *auth_keys; /* of each network */
	const uint32_t *sizes;	      /* members of each network */
	uint32_t n_networks;
	struct member *list;
	uint32_t n;
	uint32_t under_way, window; /* connections without a view yet, and how many at most */
	uint32_t next;		    /* to be connected first */
	bool refused;		    /* by control, told on stderr */
	struct {
		uint32_t synced;   /* have a view now */
		uint32_t complete; /* have all peers of their networks */
		uint32_t told;	   /* since the mark */
		uint64_t first, last, messages;
	} count;
};

/* Fills `list`; `control`, `key`, `auth_keys`, `sizes`, `n_networks`, `window` and `base` are set.
 * 0 or -ENOMEM. */
int members_new(struct members *m);
/* As many as the window holds; the others follow as these get their views. */
void members_connect(struct members *m);
/* Counts what is told from now on. */
void members_mark(struct members *m);
/* So many reports of the first member on handshakes with the second, as gateways make them; then it
 * asks for its view, so that being told says that all reports were taken. */
void members_report(struct members *m, uint32_t n, uint64_t unix_ms);

#endif
