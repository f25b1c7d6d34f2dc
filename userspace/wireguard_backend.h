/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Between the WireGuard modules: what a backend is told to change, in this order, and what it tells
 * of a device. A backend knows nothing of configs; wireguard.c nothing of netlink or UAPI text.
 */
#ifndef TP_WIREGUARD_BACKEND_H
#define TP_WIREGUARD_BACKEND_H

#include "wireguard.h"

/* --- changes --- */

/* NULL and negative numbers: as it is. */
struct tp_wireguard_device_change {
	const uint8_t *private_key;
	int32_t listen_port;
	int64_t fwmark;
};

struct tp_wireguard_peer_change {
	uint8_t public_key[WG_KEY_LEN];
	bool remove;		      /* and nothing else */
	bool update_only;	      /* it is there; if someone took it away, leave it so */
	const uint8_t *preshared_key; /* zero: none */
	struct tp_endpoint endpoint;  /* port 0: as it is */
	int32_t keepalive;
	/* To add: from whichever peer has them, each in one step. Those it has it keeps. */
	const struct tp_wireguard_prefix *allowed;
	size_t n_allowed;
};

struct tp_wireguard_plan {
	struct tp_wireguard_device_change device;
	struct tp_wireguard_peer_change *peers;
	size_t n_peers;
	struct tp_wireguard_prefix *prefixes; /* what the peers' `allowed` point into */
	size_t n_prefixes;
};

/* --- what is there --- */

struct tp_wireguard_seen_device {
	uint8_t private_key[WG_KEY_LEN]; /* zero: none */
	uint16_t listen_port;
	uint32_t fwmark;
};

struct tp_wireguard_seen_peer {
	struct tp_wireguard_stats stats;
	uint8_t preshared_key[WG_KEY_LEN];
	uint16_t keepalive;
};

/* Device first, each peer once, prefixes before or after their peer. An error ends the reading and
 * is what comes back. */
struct tp_wireguard_sink {
	void *ctx;
	int (*device)(void *ctx, const struct tp_wireguard_seen_device *device);
	int (*peer)(void *ctx, const struct tp_wireguard_seen_peer *peer);
	int (*allowed)(void *ctx, const uint8_t public_key[WG_KEY_LEN],
		       const struct tp_wireguard_prefix *prefix);
};

/* --- backends --- */

struct tp_wireguard_ops {
	int (*set)(void *backend, const struct tp_wireguard_plan *plan);
	int (*get)(void *backend, const struct tp_wireguard_sink *sink);
	/* Whether a device that was lost (-ENOTCONN from the others) is there again; may be NULL.
	 */
	int (*reopen)(void *backend);
	void (*close)(void *backend);
};

extern const struct tp_wireguard_ops tp_wireguard_kernel_ops;
extern const struct tp_wireguard_ops tp_wireguard_go_ops;

/* The kernel's device by index. 0 or -errno; -ENOENT: no generic netlink family. */
int tp_wireguard_kernel_open(void **backend, int ifindex);

/* The process that serves the device. 0; -ENOENT, -ECONNREFUSED: none does; or -errno. */
int tp_wireguard_go_open(void **backend, const char *name);

/* Starts one, in a session of its own. 0 or -errno; that it serves is seen by opening. */
int tp_wireguard_go_start(const char *program, const char *name);

#endif
