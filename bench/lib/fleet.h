/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Thousands of WireGuard nodes in one process: true handshakes by this project's own message code,
 * and the timers that matter to a relay. Node n has address `first + n / per_address`, and a port
 * by n % per_address; all addresses must be local (ip route add local PREFIX dev lo). Networks are
 * runs of node numbers: the first one holds `big` nodes, the others `small`.
 */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#include "addr.h"
#include "cookie.h"
#include "hash.h"
#include "noise.h"
#include "udp.h"

struct fleet_options {
	struct tp_endpoint relay;
	uint8_t relay_key[WG_KEY_LEN];
	struct tp_addr first; /* IPv4 */
	uint32_t seed;	      /* of all private keys */
	uint32_t nodes, big, small, per_address;
	uint16_t port; /* of the first node at an address, host order */
	bool fake;     /* pairs exchange noise with valid MACs: no cryptography but the relay's */
};

struct fleet_node {
	struct tp_noise_identity id;
	struct tp_mac_keys macs;
	struct tp_noise_peer relay;
	struct tp_keypair session; /* with the relay, once `registered` */
	struct tp_endpoint at;
	uint32_t network_first, network_size;
	uint32_t socket;
	bool registered;
	uint8_t cookie[WG_COOKIE_LEN]; /* the relay's */
	uint64_t cookie_until;
	uint64_t started; /* its latest registration */
	uint64_t keepalive_due;
	UT_hash_handle hh;
};

enum { SIDE_A, SIDE_B, SIDES };

/* Node `end[SIDE_A]` initiates. */
struct fleet_pair {
	uint32_t end[SIDES];
	uint8_t static_static[WG_KEY_LEN];
	uint32_t index[SIDES];	     /* that each chose, wire order; 0: no session */
	uint64_t heard[SIDES];	     /* ns: latest data that arrived there */
	struct tp_keypair *unproven; /* of the responder, until data has come */
	uint8_t cookie[WG_COOKIE_LEN];
	uint64_t cookie_until;
	uint64_t started, established; /* ns */
	UT_hash_handle hh;
};

struct fleet_attempt {
	struct fleet_node *node; /* registers, or NULL */
	struct fleet_pair *pair;
	struct tp_noise_handshake hs;
	uint8_t mac1[WG_MAC_LEN];
	uint32_t index;
	uint64_t sent;
	TAILQ_ENTRY(fleet_attempt) in_age;
};

/* Whose an index is; a free one has neither. */
struct fleet_index {
	uint32_t index;
	struct fleet_attempt *attempt;
	struct fleet_pair *pair;
	int side;
};

struct fleet_stats {
	uint64_t registrations, handshakes; /* completed */
	uint64_t initiations, retries, cookies, refused;
};

struct fleet {
	struct fleet_options o;
	struct tp_mac_keys relay_macs;
	struct fleet_node *nodes, *by_key;
	struct fleet_pair *pairs, *by_ends;
	uint32_t n_pairs, room_pairs;
	struct tp_udp **sockets; /* per_address of them, and one more for a node that roams */
	struct tp_udp_batch *batch;
	uint32_t roamer;
	struct fleet_index *indices;
	uint32_t next_index;
	TAILQ_HEAD(, fleet_attempt) under_way;
	uint32_t n_under_way;
	uint64_t keepalives_due;
	struct fleet_stats stats;
	void (*completed)(void *arg, uint64_t started); /* of each registration and handshake */
	void *completed_arg;
};

/* Keys and networks, no sockets: enough for fleet_print_config(). 0 or -errno. */
int fleet_new(struct fleet **out, const struct fleet_options *o);
int fleet_open(struct fleet *f);
void fleet_free(struct fleet *f);
/* The `networks` setting of relay.conf. */
void fleet_print_config(const struct fleet *f, FILE *out);

/* NULL when they are a pair already, or memory is short. Pointers to other pairs stay valid up to
 * fleet_reserve_pairs(). */
struct fleet_pair *fleet_pair_add(struct fleet *f, uint32_t a, uint32_t b);
int fleet_reserve_pairs(struct fleet *f, uint32_t n);

/* Begin a handshake, anew when there was one; it's retried every 5 s until it's done. */
void fleet_register(struct fleet *f, struct fleet_node *n);
void fleet_handshake(struct fleet *f, struct fleet_pair *p);

/* Waits up to so many ms for messages; handles them, and timers. */
void fleet_turn(struct fleet *f, int timeout_ms);
/* Of nodes that are due; to be called all the time. */
void fleet_keepalives(struct fleet *f, uint64_t now);
/* A data message that nobody opens, from that side of the pair to the other. */
void fleet_send_noise(struct fleet *f, const struct fleet_pair *p, int from);
/* From now on the node uses another port. */
void fleet_roam(struct fleet *f, uint32_t node);
/* Two lines for each pair with a session, see flowfile.h. 0 or -errno. The file appears whole. */
int fleet_write_flows(const struct fleet *f, const char *path);

#endif
