/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What control tells a node: its networks, or for a relay whom it serves. docs/ncp.md has the
 * meaning of every member; these are the same names. A zero value is an absent one.
 */
#ifndef TP_NCP_VIEW_H
#define TP_NCP_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "messages.h"
#include "ncp_schema.h"

#define TP_NCP_ID_SIZE	 37
#define TP_NCP_NAME_SIZE 64
#define TP_NCP_HOST_SIZE 262 /* "name:port" */
#define TP_NCP_WORD_SIZE 64  /* a selector or a range of ports in a rule */

struct tp_ncp_path {
	uint8_t public_key[WG_KEY_LEN];
	uint32_t rtt_us;
};

struct tp_ncp_peer {
	uint8_t public_key[WG_KEY_LEN];
	char name[TP_NCP_NAME_SIZE];
	struct tp_prefix *allowed_ips;
	size_t n_allowed_ips;
	struct tp_endpoint endpoint;
	uint16_t keepalive;
	bool via_relay;
	char (*tags)[TP_NCP_NAME_SIZE];
	size_t n_tags;
	uint8_t relay[WG_KEY_LEN]; /* that it is pinned to; zero: none */
	struct tp_ncp_path *paths; /* from the peer to its relays */
	size_t n_paths;
};

struct tp_ncp_relay {
	uint8_t public_key[WG_KEY_LEN];
	char name[TP_NCP_NAME_SIZE];
	struct tp_endpoint *endpoints;
	size_t n_endpoints;
	struct tp_addr service_address;
	bool drain;
};

struct tp_ncp_rule {
	char name[TP_NCP_NAME_SIZE];
	char (*from)[TP_NCP_WORD_SIZE], (*to)[TP_NCP_WORD_SIZE], (*ports)[TP_NCP_WORD_SIZE];
	size_t n_from, n_to, n_ports;
	int protocol; /* tp_ncp_protocols[] */
};
extern const char *const tp_ncp_protocols[]; /* all, tcp, udp, icmp, NULL */

struct tp_ncp_network {
	char network_id[TP_NCP_ID_SIZE];
	char name[TP_NCP_NAME_SIZE];
	char node[TP_NCP_NAME_SIZE]; /* what rules call this node */
	char (*tags)[TP_NCP_NAME_SIZE];
	size_t n_tags;
	uint8_t relay[WG_KEY_LEN]; /* that this node is pinned to; zero: none */
	struct tp_prefix address;
	uint16_t listen_port; /* wished for; 0: any */
	struct tp_addr dns;
	char (*stun_servers)[TP_NCP_HOST_SIZE];
	size_t n_stun_servers;
	bool is_relay, is_egress;
	struct tp_prefix *egress_subnets;
	size_t n_egress_subnets;
	struct tp_ncp_peer *peers;
	size_t n_peers;
	struct tp_ncp_relay *relays;
	size_t n_relays;
	struct tp_ncp_rule *rules;
	size_t n_rules;
};

/* --- what only a relay gets --- */

struct tp_ncp_served_node {
	uint8_t public_key[WG_KEY_LEN];
	char name[TP_NCP_NAME_SIZE];
	struct tp_prefix address;
	uint32_t class; /* nodes with the same answers in `admits` */
};

/* Nodes of these two classes may talk through the relay, in both directions. */
struct tp_ncp_admission {
	uint32_t a, b;
};

struct tp_ncp_served_network {
	char network_id[TP_NCP_ID_SIZE];
	char name[TP_NCP_NAME_SIZE];
	struct tp_ncp_served_node *nodes;
	size_t n_nodes;
	struct tp_ncp_admission *admits;
	size_t n_admits;
};

struct tp_ncp_view {
	struct tp_ncp_network *networks;
	size_t n_networks;
	struct tp_addr service_address; /* these two: a relay's */
	struct tp_ncp_served_network *serves;
	size_t n_serves;
};

extern const struct tp_ncp_table tp_ncp_path_table;
extern const struct tp_ncp_table tp_ncp_peer_table;
extern const struct tp_ncp_table tp_ncp_network_table;
extern const struct tp_ncp_table tp_ncp_served_network_table;
extern const struct tp_ncp_table tp_ncp_view_table;

#endif
