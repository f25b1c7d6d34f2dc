/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The relay's state, and what its modules ask of the world. The modules under it (node, site,
 * flows, pending, handshake, register, tunnel, forward) do no I/O and read no clock: packets and
 * the time come in as arguments, what is to be sent goes out through relay_ops.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "bpf/abi/relay.h"
#include "cookie.h"
#include "noise.h"
#include "relay/config.h"

#define RELAY_PAIR_BUCKETS 65536

struct packet;

/* What is known of an initiation's source. Each standing has budgets of its own, so that nobody
 * below can use up what is kept for those above. */
enum standing {
	STANDING_UNPROVEN, /* anyone may have written this address */
	STANDING_PROVEN,   /* a cookie of ours came back from it */
	STANDING_NODE,	   /* and it is the very ip:port of a node */
	STANDINGS,
};

struct relay_ops {
	/* Send a message of the relay's own, or a handshake it passes on. */
	void (*send)(void *ctx, const struct tp_addr *local, const struct tp_endpoint *to,
		     const void *data, size_t len);
	/* Send back to where `p` came from, out of the port it came to. */
	void (*answer)(void *ctx, const struct packet *p, const void *data, size_t len);
	/* Pass a data packet on; may be queued until the end of the batch. */
	void (*forward)(void *ctx, const struct tp_addr *local, const struct tp_endpoint *to,
			const void *data, size_t len, uint8_t tos);
};

/* A packet as it came. */
struct packet {
	const struct tp_endpoint *from;
	const struct tp_addr *local; /* the relay's address it was sent to */
	const uint8_t *data;
	size_t len;
	uint8_t tos;
	bool stun_only; /* it came to stun.port */
	void *via;	/* the caller's, for relay_ops.answer */
	uint64_t now;
};

struct relay_stats {
	uint64_t initiations; /* passed on */
	uint64_t responses;
	uint64_t cookies;
	uint64_t challenges;	      /* cookie replies of the relay's own making */
	uint64_t registrations;	      /* keypairs confirmed */
	uint64_t probes;	      /* the relay's own initiations */
	uint64_t moves;		      /* addresses adopted */
	struct relay_count forwarded; /* data packets, by the daemon */
	struct relay_count finished;  /* data packets of flows that are gone, by XDP */
};

struct relay {
	const struct relay_config *config;
	const struct relay_ops *ops;
	void *ops_ctx;

	struct tp_noise_identity identity;
	struct tp_mac_keys macs; /* of the relay's own key */
	struct tp_cookie_secret cookie_secret;

	struct nodes *nodes;
	struct flows *flows;
	struct pendings *pendings;
	struct own_sessions *sessions;
	struct probes *probes;
	uint8_t last_stamp[WG_TIMESTAMP_LEN]; /* of our own initiations */
	struct relay_datapath *dp;
	struct relay_nexthops *nexthops;

	struct relay_count reasons[TP_REASON_MAX]; /* the daemon's own */
	struct relay_stats stats;
	uint64_t started;

	/* budgets that are not a node's or a site's */
	uint64_t register_budget[STANDINGS];
	uint64_t trial_budget[2]; /* [proven] */
	uint64_t pair_budget[RELAY_PAIR_BUCKETS];
	uint64_t stun_budget[RELAY_PAIR_BUCKETS];
};

/* `config`, `dp` and `nexthops` stay the caller's; secret is copied. 0 or -errno. */
int relay_new(struct relay **out, const struct relay_config *config,
	      const uint8_t secret[WG_KEY_LEN], struct relay_datapath *dp,
	      struct relay_nexthops *nexthops, const struct relay_ops *ops, void *ops_ctx,
	      uint64_t now);
void relay_free(struct relay *r);

/* Takes over what pinned maps hold: nodes' addresses and marks, flows, own session indices. */
void relay_adopt(struct relay *r, uint64_t now);
/* Switches to a new config; what is not in it is dropped, what is in both is not touched. The
 * caller frees the old one afterwards. On failure nothing has changed. */
int relay_reload(struct relay *r, const struct relay_config *config, uint64_t now);

/* One packet from a socket, of whatever type. */
void relay_receive(struct relay *r, const struct packet *p);
/* Once a second or so: whatever ends by time. */
void relay_tick(struct relay *r, uint64_t now);
/* Every PROBE_TICK_MS: moves that wait to be believed. */
void relay_tick_probes(struct relay *r, uint64_t now);

/* Counts a packet that ends here and why. */
void relay_count(struct relay *r, enum tp_reason why, size_t len);

#endif
