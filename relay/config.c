// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of relay.conf's settings. */
#include "relay/config.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/abi/relay.h"
#include "userspace/config.h"
#include "userspace/config_checks.h"
#include "userspace/member_config.h"
#include "relay/config_check.h"
#include "relay/groups.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#define AT(type, member)   .offset = offsetof(struct type, member)
#define LIST(type, member) AT(type, member), .second = offsetof(struct type, n_##member)
#define NUMBER(type, member, low, high) \
	AT(type, member), .size = sizeof(((struct type *)0)->member), .min = (low), .max = (high)

#define NAME_MAX_LEN   191 /* a node's and its network's, as the control plane joins them */
#define FLOWS_MIN      16
#define FLOWS_MAX      16000000
#define PER_SECOND_MAX 1000000000
#define BITS_MAX       10000000000000ull /* 10 Tbit/s */
#define SOCKET_MAX     107		 /* sun_path */

static const char *const attach_names[] = {
	[RELAY_ATTACH_NATIVE] = "native",
	[RELAY_ATTACH_GENERIC] = "generic",
	[RELAY_ATTACH_OFF] = "off",
	NULL,
};

/* --- checks of single values ----------------------------------------------------------------- */

static const char *check_admit(const void *member)
{
	char *text = strdup(*(char *const *)member), *a, *b;
	const char *why = "must be two groups and a space between them";

	if (text && groups_split(text, &a, &b)) {
		why = strcmp(a, "*") ? tp_config_check_name(&a) : NULL;
		if (!why && strcmp(b, "*"))
			why = tp_config_check_name(&b);
	}
	free(text);
	return why;
}

static const char *check_public_endpoint(const void *member)
{
	return tp_config_check_unicast(&((const struct tp_endpoint *)member)->addr);
}

/* --- tables, inner ones first ---------------------------------------------------------------- */

static const struct tp_config_field node_fields[] = {
	{.name = "name",
	 .type = TP_CONFIG_STRING,
	 AT(relay_config_node, name),
	 .max = NAME_MAX_LEN,
	 .required = true,
	 .check = tp_config_check_name,
	 .help = "Name of the node in output and in peer-config. "
		 "Unique in the file. Letters, digits and . _ - @ + :, not beginning with a dash."},
	{.name = "public_key",
	 .type = TP_CONFIG_KEY,
	 AT(relay_config_node, public_key),
	 .required = true,
	 .help = "The node's WireGuard public key as wg(8) prints it. "
		 "Unique in the file: a key belongs to one network."},
	{.name = "address",
	 .type = TP_CONFIG_CIDR,
	 AT(relay_config_node, address),
	 .second = offsetof(struct relay_config_node, address_bits),
	 .check = tp_config_check_unicast,
	 .help = "The node's address inside the overlay, with the length of the network's prefix. "
		 "Unique in its network. Only peer-config uses it: the relay itself forwards by "
		 "keys."},
	{.name = "group",
	 .type = TP_CONFIG_STRING,
	 AT(relay_config_node, group),
	 .max = NAME_MAX_LEN,
	 .check = tp_config_check_name,
	 .help = "The node's group, of which the network's admit speaks. None when absent."},
};

static const struct tp_config_table node_table = {
	.fields = node_fields,
	.n = COUNT_OF(node_fields),
	.size = sizeof(struct relay_config_node),
	.line = offsetof(struct relay_config_node, line),
};

static const struct tp_config_field network_fields[] = {
	{.name = "name",
	 .type = TP_CONFIG_STRING,
	 AT(relay_config_network, name),
	 .max = NAME_MAX_LEN,
	 .required = true,
	 .check = tp_config_check_name,
	 .help = "Name of the network, unique in the file."},
	{.name = "nodes",
	 .type = TP_CONFIG_GROUPS,
	 LIST(relay_config_network, nodes),
	 .table = &node_table,
	 .help = "The nodes of this network. "
		 "They may reach each other through the relay as admit says, and nobody else."},
	{.name = "admit",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_STRING,
	 LIST(relay_config_network, admit),
	 .preset = "* *",
	 .check = check_admit,
	 .help = "Pairs of groups whose nodes may talk to each other, such as \"phones servers\" "
		 "or "
		 "\"admins *\"; an asterisk is every node. "
		 "Absent, all nodes of the network may; an empty list admits nobody."},
};

static const struct tp_config_table network_table = {
	.fields = network_fields,
	.n = COUNT_OF(network_fields),
	.size = sizeof(struct relay_config_network),
	.line = offsetof(struct relay_config_network, line),
};

static const struct tp_config_field control_fields[] = {TP_MEMBER_FIELDS(relay_config)};

static const struct tp_config_table control_table = {
	.fields = control_fields,
	.n = COUNT_OF(control_fields),
};

static const struct tp_config_field limit_fields[] = {
	{.name = "flows",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(relay_config, limits.flows, FLOWS_MIN, FLOWS_MAX),
	 .preset = "1000000",
	 .frozen = true,
	 .help = "Flows in the whole table. "
		 "A pair of nodes that talk has two per session, up to eight while keys change."},
	{.name = "flows_per_node",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(relay_config, limits.flows_per_node, 1, FLOWS_MAX),
	 .preset = "4096",
	 .help = "Flows with one node as the sender."},
	{.name = "handshakes_per_node",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(relay_config, limits.handshakes_per_node, 1, 1000000),
	 .preset = "50",
	 .help = "Handshake initiations a second that one node may send."},
	{.name = "packets_per_node",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(relay_config, limits.packets_per_node, 0, PER_SECOND_MAX),
	 .preset = "0",
	 .frozen = true,
	 .help = "Packets a second that one node may send; 0 sets no limit."},
	{.name = "bits_per_node",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(relay_config, limits.bits_per_node, 0, BITS_MAX),
	 .unit = "bit",
	 .preset = "0",
	 .frozen = true,
	 .help = "Bits a second that one node may send; 0 sets no limit."},
	{.name = "stun_per_prefix",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(relay_config, limits.stun_per_prefix, 0, PER_SECOND_MAX),
	 .preset = "100",
	 .frozen = true,
	 .help = "STUN answers a second for each source prefix, an IPv4 /24 or an IPv6 /56; "
		 "0 turns STUN off."},
};

static const struct tp_config_table limit_table = {
	.fields = limit_fields,
	.n = COUNT_OF(limit_fields),
};

static const struct tp_config_field stun_fields[] = {
	{.name = "port",
	 .type = TP_CONFIG_INT,
	 NUMBER(relay_config, stun_port, 1, UINT16_MAX),
	 .frozen = true,
	 .help = "One more UDP port for STUN alone. Must not be listen_port, which answers STUN "
		 "anyway."},
};

static const struct tp_config_table stun_table = {
	.fields = stun_fields,
	.n = COUNT_OF(stun_fields),
};

static const struct tp_config_field fields[] = {
	{.name = "interfaces",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_STRING,
	 LIST(relay_config, interfaces),
	 .max = TP_PORTS,
	 .frozen = true,
	 .check = tp_config_check_interface,
	 .help = "Network interfaces that face the peers. "
		 "The XDP program is attached to each of them. Required unless attach is off."},
	{.name = "attach",
	 .type = TP_CONFIG_ENUM,
	 AT(relay_config, attach),
	 .names = attach_names,
	 .preset = "native",
	 .frozen = true,
	 .help = "How the XDP program is attached: in the driver, in the kernel's generic hook, or "
		 "not at all, which leaves all forwarding to the daemon. "
		 "The daemon does not start when it cannot have what this asks for."},
	{.name = "coexist",
	 .type = TP_CONFIG_BOOL,
	 AT(relay_config, coexist),
	 .preset = "false",
	 .frozen = true,
	 .help = "Attach beside other XDP programs, through the dispatcher of libxdp."},
	{.name = "listen_port",
	 .type = TP_CONFIG_INT,
	 NUMBER(relay_config, listen_port, 1, UINT16_MAX),
	 .required = true,
	 .frozen = true,
	 .help = "UDP port for WireGuard and STUN."},
	{.name = "private_key_file",
	 .type = TP_CONFIG_PATH,
	 AT(relay_config, private_key_file),
	 .required = true,
	 .frozen = true,
	 .help = "File with the relay's private key, readable by its owner only. "
		 "Made by turnpike genkey, in the form of wg genkey."},
	{.name = "service_address",
	 .type = TP_CONFIG_ADDR,
	 AT(relay_config, service_address),
	 .check = tp_config_check_unicast,
	 .help = "Address that answers ping inside every node's tunnel to the relay. "
		 "Without it nothing answers. "
		 "Choose one per relay, outside the networks of the nodes."},
	{.name = "public_endpoints",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_ENDPOINT,
	 LIST(relay_config, public_endpoints),
	 .max = 16,
	 .check = check_public_endpoint,
	 .help = "Addresses and ports by which peers reach the relay. "
		 "peer-config writes the first as the endpoint and the others as comments."},
	{.name = "control",
	 .type = TP_CONFIG_GROUP,
	 .table = &control_table,
	 .help = "The control plane that says whom the relay serves: networks and service_address "
		 "come from there, and must not be in the file. What it said last is kept in "
		 "state_dir, so that a relay that starts without it forwards with that."},
	{.name = "networks",
	 .type = TP_CONFIG_GROUPS,
	 LIST(relay_config, networks),
	 .table = &network_table,
	 .help = "Networks of nodes that the relay serves. "
		 "Nodes in different networks never reach each other."},
	{.name = "limits",
	 .type = TP_CONFIG_GROUP,
	 .table = &limit_table,
	 .help = "Bounds on what nodes and strangers can make the relay do."},
	{.name = "stun",
	 .type = TP_CONFIG_GROUP,
	 .table = &stun_table,
	 .help = "Where STUN is answered besides listen_port."},
	{.name = "metrics_listen",
	 .type = TP_CONFIG_ENDPOINT,
	 AT(relay_config, metrics_listen),
	 .preset = "127.0.0.1:9586",
	 .or_off = true,
	 .frozen = true,
	 .help = "TCP address and port for Prometheus at /metrics and health at /healthz and "
		 "/readyz, or off."},
	{.name = "control_socket",
	 .type = TP_CONFIG_PATH,
	 AT(relay_config, control_socket),
	 .max = SOCKET_MAX,
	 .preset = "/run/turnpike/relay.sock",
	 .frozen = true,
	 .help = "Socket for turnpike(1)."},
	{.name = "pin_path",
	 .type = TP_CONFIG_PATH,
	 AT(relay_config, pin_path),
	 .preset = "/sys/fs/bpf/turnpike",
	 .frozen = true,
	 .help = "Directory in a BPF file system where maps and links are kept across restarts."},
	{.name = "instance",
	 .type = TP_CONFIG_STRING,
	 AT(relay_config, instance),
	 .max = NAME_MAX_LEN,
	 .preset = "relay",
	 .frozen = true,
	 .check = tp_config_check_instance,
	 .help = "Directory under pin_path, for more than one relay on a host. "
		 "Letters, digits, _ and -."},
	{.name = "state_dir",
	 .type = TP_CONFIG_PATH,
	 AT(relay_config, state_dir),
	 .preset = "/var/lib/turnpike",
	 .frozen = true,
	 .help = "Directory for what the daemon keeps on disk."},
};

static const struct tp_config_table table = {
	.fields = fields,
	.n = COUNT_OF(fields),
	.size = sizeof(struct relay_config),
};

/* --- what relay/config.h promises ------------------------------------------------------------ */

int relay_config_load(const char *path, struct relay_config **out, const struct json_t *more,
		      FILE *errors)
{
	void *config;
	int err = tp_config_load_with(path, more, &table, relay_config_validate, &config, errors);

	*out = config;
	return err;
}

int relay_config_parse(const char *name, const char *text, size_t len, struct relay_config **out,
		       FILE *errors)
{
	void *config;
	int err = tp_config_parse(name, text, len, &table, relay_config_validate, &config, errors);

	*out = config;
	return err;
}

void relay_config_free(struct relay_config *c)
{
	tp_config_free(&table, c);
}

size_t relay_config_frozen_diff(const struct relay_config *a, const struct relay_config *b,
				char *buf, size_t size)
{
	return tp_config_frozen_diff(&table, a, b, buf, size);
}

const char *relay_attach_name(enum relay_attach attach)
{
	return attach_names[attach];
}

void relay_config_print_manual(FILE *out)
{
	tp_config_print_manual(&table, out);
}
