/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ncp_view.h"

#include "ncp_table.h"

const char *const tp_ncp_protocols[] = {"all", "tcp", "udp", "icmp", NULL};

#define S struct tp_ncp_path
static const struct tp_ncp_field path_fields[] = {
	SCALAR(S, public_key, TP_NCP_KEY, true),
	INTEGER(S, rtt_us, 0, 60000000, true),
};
#undef S
TABLE(tp_ncp_path_table, struct tp_ncp_path, path_fields, NULL);

#define S struct tp_ncp_peer
static const struct tp_ncp_field peer_fields[] = {
	SCALAR(S, public_key, TP_NCP_KEY, true),      SCALAR(S, name, TP_NCP_NAME, false),
	SCALARS(S, allowed_ips, TP_NCP_PREFIX, true), SCALAR(S, endpoint, TP_NCP_ENDPOINT, false),
	INTEGER(S, keepalive, 0, 65535, true),	      SCALAR(S, via_relay, TP_NCP_BOOL, false),
	SCALAR(S, relay, TP_NCP_KEY, false),	      SCALARS(S, tags, TP_NCP_NAME, false),
	OBJECTS(S, paths, tp_ncp_path_table, false),
};
#undef S
TABLE(tp_ncp_peer_table, struct tp_ncp_peer, peer_fields, "public_key");

#define S struct tp_ncp_relay
static const struct tp_ncp_field relay_fields[] = {
	SCALAR(S, public_key, TP_NCP_KEY, true),
	SCALAR(S, name, TP_NCP_NAME, false),
	SCALARS(S, endpoints, TP_NCP_ENDPOINT, true),
	SCALAR(S, service_address, TP_NCP_ADDRESS, false),
	SCALAR(S, drain, TP_NCP_BOOL, false),
};
#undef S
static TABLE(relay_table, struct tp_ncp_relay, relay_fields, "public_key");

#define S struct tp_ncp_rule
static const struct tp_ncp_field rule_fields[] = {
	SCALAR(S, name, TP_NCP_TEXT, true),    SCALARS(S, from, TP_NCP_TEXT, true),
	SCALARS(S, to, TP_NCP_TEXT, true),     WORD(S, protocol, tp_ncp_protocols, false),
	SCALARS(S, ports, TP_NCP_TEXT, false),
};
#undef S
static TABLE(rule_table, struct tp_ncp_rule, rule_fields, NULL);

#define S struct tp_ncp_network
static const struct tp_ncp_field network_fields[] = {
	SCALAR(S, network_id, TP_NCP_ID, true),
	SCALAR(S, name, TP_NCP_NAME, false),
	SCALAR(S, node, TP_NCP_NAME, false),
	SCALARS(S, tags, TP_NCP_NAME, false),
	SCALAR(S, relay, TP_NCP_KEY, false),
	SCALAR(S, address, TP_NCP_PREFIX, true),
	INTEGER(S, listen_port, 0, 65535, true),
	SCALAR(S, dns, TP_NCP_ADDRESS, false),
	SCALARS(S, stun_servers, TP_NCP_TEXT, true),
	SCALAR(S, is_relay, TP_NCP_BOOL, true),
	SCALAR(S, is_egress, TP_NCP_BOOL, true),
	SCALARS(S, egress_subnets, TP_NCP_PREFIX, true),
	OBJECTS(S, peers, tp_ncp_peer_table, true),
	OBJECTS(S, relays, relay_table, false),
	OBJECTS(S, rules, rule_table, false),
};
#undef S
TABLE(tp_ncp_network_table, struct tp_ncp_network, network_fields, "network_id");

#define S struct tp_ncp_served_node
static const struct tp_ncp_field served_node_fields[] = {
	SCALAR(S, public_key, TP_NCP_KEY, true),
	SCALAR(S, name, TP_NCP_NAME, true),
	SCALAR(S, address, TP_NCP_PREFIX, false),
	INTEGER(S, class, 0, UINT32_MAX, true),
};
#undef S
static TABLE(served_node_table, struct tp_ncp_served_node, served_node_fields, "public_key");

#define S struct tp_ncp_admission
static const struct tp_ncp_field admission_fields[] = {
	INTEGER(S, a, 0, UINT32_MAX, true),
	INTEGER(S, b, 0, UINT32_MAX, true),
};
#undef S
static TABLE(admission_table, struct tp_ncp_admission, admission_fields, NULL);

#define S struct tp_ncp_served_network
static const struct tp_ncp_field served_network_fields[] = {
	SCALAR(S, network_id, TP_NCP_ID, true),
	SCALAR(S, name, TP_NCP_NAME, true),
	OBJECTS(S, nodes, served_node_table, true),
	OBJECTS(S, admits, admission_table, true),
};
#undef S
TABLE(tp_ncp_served_network_table, struct tp_ncp_served_network, served_network_fields,
      "network_id");

#define S struct tp_ncp_view
static const struct tp_ncp_field view_fields[] = {
	OBJECTS(S, networks, tp_ncp_network_table, true),
	SCALAR(S, service_address, TP_NCP_ADDRESS, false),
	OBJECTS(S, serves, tp_ncp_served_network_table, false),
};
#undef S
TABLE(tp_ncp_view_table, struct tp_ncp_view, view_fields, NULL);
