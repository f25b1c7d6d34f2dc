/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A daemon as a member of a control plane: it keeps the connection, the view with its deltas, the
 * last view that was applied on disk, the WireGuard keys of its networks, and acknowledges what its
 * owner has put in force.
 */
#ifndef TP_MEMBER_H
#define TP_MEMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ncp_messages.h"

struct event_base;
struct tp_member;

/* Where a member's files are: DIR/INSTANCE-NAME, since daemons of one host share a state_dir. */
struct tp_member_files {
	const char *dir, *instance; /* the caller's */
};

/* A daemon's `control` block. */
struct tp_member_settings {
	char *server; /* host:port */
	uint8_t public_key[WG_KEY_LEN];
	char *auth_key_file; /* NULL: it has joined already */
};

#define TP_MEMBER_LATER 1
#define TP_MEMBER_SAME	2

struct tp_member_ops {
	const char *agent; /* "turnpike-relay/0.1.0" */
	/* What to say of the daemon; `hello` has its kind, epoch and revision. Lists stay the
	 * owner's. */
	void (*hello)(void *arg, struct tp_ncp_hello *hello);
	/* Puts the view in force, all of it or nothing. 0 or -errno, and so it is acknowledged: the
	 * first error that it logs is the reason that control is told; TP_MEMBER_LATER: it is kept,
	 * and the next process will do it; TP_MEMBER_SAME: in force, and what a next process begins
	 * with is the same as before, so the disk can wait. */
	int (*apply)(void *arg, const struct tp_ncp_view *view);
	/* The port that the network's WireGuard device listens at; 0: none yet. */
	uint16_t (*port)(void *arg, const char *network_id);
};

/* What was applied last, from the file control.json: {"type": "snapshot", ...}, a new reference;
 * NULL when there is none. A file that does not read is put aside, logged. */
json_t *tp_member_saved(struct tp_member_files files);

/* The view in it, whose lists the caller frees by tp_ncp_view_table; with NULL one of nothing. 0 or
 * -errno. */
int tp_member_saved_view(const json_t *saved, struct tp_ncp_view *out);

/* "host", "[v6]" or "v4" and a port. 0 with host (to be freed) and *port, or -EINVAL. */
int tp_member_server(const char *server, char **host, uint16_t *port);

/* Before privileges are dropped: makes or reads the device key (device.key) and the auth
 * key. `saved` (borrowed) is what the daemon began with. The ops have to outlive it. 0 or -errno,
 * logged. */
int tp_member_new(struct tp_member **out, struct event_base *base,
		  const struct tp_member_settings *settings, struct tp_member_files files,
		  const json_t *saved, enum tp_ncp_node_kind kind, const struct tp_member_ops *ops,
		  void *arg);
void tp_member_free(struct tp_member *m);

/* The network's private key file, NETWORK_ID.key, to be freed; made when it is not there.
 * NULL, logged, when it cannot be. */
char *tp_member_key_file(struct tp_member_files files, const char *network_id);

/* For status: {"connected", "server", "device_key", "epoch", "revision", "applied", "error"}. A new
 * reference. */
json_t *tp_member_report(const struct tp_member *m);

/* What its peers have done. `h` is borrowed. 0, also with none; or an error as
 * tp_ncp_session_send(): to be said again later. */
int tp_member_handshakes(struct tp_member *m, const struct tp_ncp_handshakes *h);
/* A relay's: where the node with this WireGuard key is. The same. */
int tp_member_node_endpoint(struct tp_member *m, const uint8_t key[WG_KEY_LEN],
			    const struct tp_endpoint *at);
/* Round trips, a node's to all of its relays that answer or a relay's to its nodes that have
 * changed; see docs/ncp.md. `paths` are borrowed. The same. */
int tp_member_paths(struct tp_member *m, const struct tp_ncp_path *paths, size_t n);
/* A relay's counters. The same. */
int tp_member_traffic(struct tp_member *m, const struct tp_ncp_traffic *traffic);

#endif
