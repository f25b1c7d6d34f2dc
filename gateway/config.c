// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of gateway.conf's settings. */
#include "gateway/config.h"

#include <string.h>

#include "bpf/abi/gateway.h"
#include "userspace/config.h"
#include "userspace/config_checks.h"
#include "userspace/member_config.h"
#include "gateway/config_check.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#define AT(type, member)   .offset = offsetof(struct type, member)
#define LIST(type, member) AT(type, member), .second = offsetof(struct type, n_##member)
#define GROUP_LIST(type, group, member) \
	AT(type, group.member), .second = offsetof(struct type, group.n_##member)
#define NUMBER(type, member, low, high) \
	AT(type, member), .size = sizeof(((struct type *)0)->member), .min = (low), .max = (high)

#define NAME_MAX_LEN	63
#define JOINED_NAME_MAX 191 /* a name and its network's, as the control plane joins them */
#define SOCKET_MAX	107 /* sun_path */
#define OVERLAYS_MAX	16  /* half of the numbers: a reload may replace them all */
#define FLOWS_MAX	16000000
#define DAY		86400
#define PORTS_MAX	65536

static const char *const attach_names[] = {
	[GW_ATTACH_NATIVE] = "native",
	[GW_ATTACH_GENERIC] = "generic",
	[GW_ATTACH_OFF] = "off",
	NULL,
};

static const char *const backend_names[] = {
	[GW_BACKEND_AUTO] = "auto",
	[GW_BACKEND_KERNEL] = "kernel",
	[GW_BACKEND_WIREGUARD_GO] = "wireguard-go",
	[GW_BACKEND_NONE] = "none",
	NULL,
};

static const char *const filtering_names[] = {
	[GW_CONFIG_ADDRESS_DEPENDENT] = "address-dependent",
	[GW_CONFIG_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	NULL,
};

static const char *const verdict_names[] = {[GW_DENY] = "deny", [GW_ALLOW] = "allow", NULL};

/* --- tables, inner ones first ---------------------------------------------------------------- */

static const struct tp_config_field peer_fields[] = {
	{.name = "name",
	 .type = TP_CONFIG_STRING,
	 AT(gw_config_peer, name),
	 .max = JOINED_NAME_MAX,
	 .required = true,
	 .check = tp_config_check_name,
	 .help = "Name of the peer in rules and in output. "
		 "Unique in the file. Letters, digits and . _ - @ + :, not beginning with a dash."},
	{.name = "public_key",
	 .type = TP_CONFIG_KEY,
	 AT(gw_config_peer, public_key),
	 .required = true,
	 .help = "The peer's WireGuard public key as wg(8) prints it. Unique in its overlay."},
	{.name = "preshared_key_file",
	 .type = TP_CONFIG_PATH,
	 AT(gw_config_peer, preshared_key_file),
	 .help = "File with the key that both peers share besides, in the form of wg genpsk."},
	{.name = "endpoint",
	 .type = TP_CONFIG_STRING,
	 AT(gw_config_peer, endpoint),
	 .check = gw_check_endpoint,
	 .help = "Address or host name, and port, of the peer or of the relay that it is reached "
		 "through. A name is resolved by /etc/hosts and the servers of /etc/resolv.conf: "
		 "at "
		 "start, again and again until it is known, and anew when no peer with that name "
		 "had a handshake for 135 seconds. "
		 "Where the peer has moved meanwhile is kept when the configuration is reloaded."},
	{.name = "allowed_ips",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_CIDR,
	 LIST(gw_config_peer, allowed_ips),
	 .max = 1024,
	 .help = "Addresses that the peer may use inside the overlay. "
		 "Each whole address makes the peer a node for the policy. "
		 "The prefixes 0.0.0.0/0 and ::/0 are left out with a warning, unless full_tunnel "
		 "is set."},
	{.name = "keepalive",
	 .type = TP_CONFIG_INT,
	 NUMBER(gw_config_peer, keepalive, 0, UINT16_MAX),
	 .preset = "0",
	 .help = "Seconds between keepalives; 0 sends none. "
		 "A relay's peer needs 25, the others none."},
	{.name = "tags",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_STRING,
	 LIST(gw_config_peer, tags),
	 .max = 64,
	 .check = gw_check_tag,
	 .help = "Tags by which rules may name the peer, there as tag:NAME."},
};

static const struct tp_config_table peer_table = {
	.fields = peer_fields,
	.n = COUNT_OF(peer_fields),
	.size = sizeof(struct gw_config_peer),
	.line = offsetof(struct gw_config_peer, line),
};

static const struct tp_config_field overlay_fields[] = {
	{.name = "name",
	 .type = TP_CONFIG_STRING,
	 AT(gw_config_overlay, name),
	 .required = true,
	 .check = tp_config_check_interface,
	 .help = "Name of the WireGuard device. It is made if it is not there."},
	{.name = "address",
	 .type = TP_CONFIG_CIDR,
	 AT(gw_config_overlay, address),
	 .second = offsetof(struct gw_config_overlay, address_bits),
	 .check = tp_config_check_unicast,
	 .help = "The gateway's own address in the overlay, with the length of its prefix."},
	{.name = "address6",
	 .type = TP_CONFIG_CIDR,
	 AT(gw_config_overlay, address6),
	 .second = offsetof(struct gw_config_overlay, address6_bits),
	 .check = tp_config_check_unicast,
	 .help = "A second address, for an overlay that has both families."},
	{.name = "listen_port",
	 .type = TP_CONFIG_INT,
	 NUMBER(gw_config_overlay, listen_port, 0, UINT16_MAX),
	 .preset = "0",
	 .help = "UDP port of WireGuard; 0 lets the kernel choose one."},
	{.name = "mtu",
	 .type = TP_CONFIG_INT,
	 NUMBER(gw_config_overlay, mtu, 576, UINT16_MAX),
	 .preset = "1420",
	 .help = "MTU of the device, in bytes of IP."},
	{.name = "private_key_file",
	 .type = TP_CONFIG_PATH,
	 AT(gw_config_overlay, private_key_file),
	 .help = "File with the gateway's private key for this overlay, readable by its owner "
		 "only. "
		 "Made by turnpike genkey. Required unless backend is none."},
	{.name = "backend",
	 .type = TP_CONFIG_ENUM,
	 AT(gw_config_overlay, backend),
	 .names = backend_names,
	 .preset = "auto",
	 .help = "Who does WireGuard: the kernel, wireguard-go, or whichever of the two is there. "
		 "With none the device is taken as somebody else has set it up."},
	{.name = "full_tunnel",
	 .type = TP_CONFIG_BOOL,
	 AT(gw_config_overlay, full_tunnel),
	 .preset = "false",
	 .help = "Take 0.0.0.0/0 and ::/0 in allowed_ips as they are, so that a peer may send from "
		 "any address. The host's default route stays as it is either way."},
	{.name = "peers",
	 .type = TP_CONFIG_GROUPS,
	 LIST(gw_config_overlay, peers),
	 .table = &peer_table,
	 .help = "The peers of this overlay: its nodes, and the relay if there is one."},
};

static const struct tp_config_table overlay_table = {
	.fields = overlay_fields,
	.n = COUNT_OF(overlay_fields),
	.size = sizeof(struct gw_config_overlay),
	.line = offsetof(struct gw_config_overlay, line),
};

static const struct tp_config_field egress_fields[] = {
	{.name = "uplinks",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_STRING,
	 GROUP_LIST(gw_config, egress, uplinks),
	 .max = TP_GW_UPLINKS,
	 .check = tp_config_check_interface,
	 .help = "Network interfaces that lead to the subnets, and required for these. One that is "
		 "not "
		 "there is waited for. A reload changes them, one after the other, but not from or "
		 "to none. Without any "
		 "the "
		 "gateway is a plain member of its overlays, and takes no ports."},
	{.name = "addresses",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_ADDR,
	 GROUP_LIST(gw_config, egress, addresses),
	 .max = TP_GW_ADDRS,
	 .check = gw_check_masquerade,
	 .help = "IPv4 addresses to masquerade with, of those that the uplinks have. "
		 "Without it all that they have serve, whatever they change to."},
	{.name = "subnets",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_CIDR,
	 GROUP_LIST(gw_config, egress, subnets),
	 .max = 4096,
	 .help = "Subnets that the nodes may reach through this gateway, as far as rules allow. "
		 "Each is served by the uplink that the host's routes to it lead to."},
	{.name = "masquerade",
	 .type = TP_CONFIG_BOOL,
	 AT(gw_config, egress.masquerade),
	 .preset = "true",
	 .frozen = true,
	 .help = "Give IPv4 packets of nodes the address of the uplink. "
		 "Without it the subnets need a route back to the overlay through this host. "
		 "IPv6 is always routed."},
	{.name = "ports",
	 .type = TP_CONFIG_STRING,
	 AT(gw_config, egress.ports),
	 .preset = "10000-32767",
	 .frozen = true,
	 .check = gw_check_ports,
	 .help = "First and last port of masqueraded flows on each address; as many whole blocks "
		 "as "
		 "fit are used. "
		 "The daemon adds them to net.ipv4.ip_local_reserved_ports, so that the kernel "
		 "gives none of them to the host's own connections, and does not start while a "
		 "socket is bound to one."},
	{.name = "ports_per_node",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(gw_config, egress.ports_per_node, 64, PORTS_MAX),
	 .preset = "2048",
	 .frozen = true,
	 .help = "Ports that one node may hold at a time, per protocol. "
		 "Rounded up to whole blocks, at most 64 of them."},
	{.name = "ports_per_block",
	 .type = TP_CONFIG_INT,
	 NUMBER(gw_config, egress.ports_per_block, 64, 256),
	 .preset = "128",
	 .frozen = true,
	 .check = gw_check_block,
	 .help = "Ports that a node is given at once: 64, 128 or 256. "
		 "The log of port blocks has a record for each."},
	{.name = "filtering",
	 .type = TP_CONFIG_ENUM,
	 AT(gw_config, egress.filtering),
	 .names = filtering_names,
	 .preset = "address-dependent",
	 .frozen = true,
	 .help = "Who may answer on a node's mapping: only addresses that the node has sent to "
		 "from "
		 "it, or anyone that the policy allows to reach the node."},
	{.name = "hairpin",
	 .type = TP_CONFIG_BOOL,
	 AT(gw_config, egress.hairpin),
	 .preset = "true",
	 .frozen = true,
	 .help = "Let nodes reach each other's mappings on the gateway's address."},
	{.name = "flows",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(gw_config, egress.flows, 1024, FLOWS_MAX),
	 .preset = "262144",
	 .frozen = true,
	 .help = "Flows in the whole table. When it is full, new flows are refused."},
	{.name = "flows_per_node",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(gw_config, egress.flows_per_node, 1, FLOWS_MAX),
	 .preset = "8192",
	 .frozen = true,
	 .help = "Flows with one node at an end."},
};

static const struct tp_config_table egress_table = {
	.fields = egress_fields,
	.n = COUNT_OF(egress_fields),
};

#define TIMEOUT(member, low, value, text)                                                          \
	{                                                                                          \
		.name = #member, .type = TP_CONFIG_QUANTITY,                                       \
		NUMBER(gw_config, timeouts.member, low, 7 * DAY), .preset = value, .frozen = true, \
		.help = text                                                                       \
	}

static const struct tp_config_field timeout_fields[] = {
	TIMEOUT(udp, 120, "300", "Seconds that a UDP flow lives after the node's last packet."),
	TIMEOUT(icmp, 60, "60", "The same for an ICMP query."),
	TIMEOUT(tcp_transitory, 240, "240",
		"Seconds that a TCP connection lives while it is being opened."),
	TIMEOUT(tcp_established, 7440, "7440",
		"Seconds that an open TCP connection may be silent."),
	TIMEOUT(tcp_closing, 1, "240",
		"Seconds that a TCP connection is kept after FINs from both sides, or RST."),
	TIMEOUT(other, 60, "60", "Seconds that a flow of any other protocol lives."),
	TIMEOUT(quarantine, 0, "120",
		"Seconds that a freed port rests before another mapping gets it. "
		"A TCP port whose connection was seen to end rests not at all."),
};

static const struct tp_config_table timeout_table = {
	.fields = timeout_fields,
	.n = COUNT_OF(timeout_fields),
};

static const struct tp_config_field rule_fields[] = {
	{.name = "name",
	 .type = TP_CONFIG_STRING,
	 AT(gw_config_rule, name),
	 .max = JOINED_NAME_MAX,
	 .required = true,
	 .check = tp_config_check_name,
	 .help = "Name of the rule in counters and in output, unique in the file."},
	{.name = "from",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_STRING,
	 LIST(gw_config_rule, from),
	 .max = 4096,
	 .help = "Who may begin the flow: names of peers, tag:NAME, addresses, prefixes, or any. "
		 "Required."},
	{.name = "to",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_STRING,
	 LIST(gw_config_rule, to),
	 .max = 4096,
	 .help = "Where to, in the same forms. Required."},
	{.name = "protocol",
	 .type = TP_CONFIG_STRING,
	 AT(gw_config_rule, protocol),
	 .preset = "all",
	 .check = gw_check_protocol,
	 .help = "One of all, tcp, udp and icmp, the last also being that of IPv6."},
	{.name = "ports",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_STRING,
	 LIST(gw_config_rule, ports),
	 .max = 256,
	 .help = "Destination ports and ranges of them such as 8000-8100, for tcp and udp. "
		 "Without it all ports."},
	{.name = "shadow",
	 .type = TP_CONFIG_BOOL,
	 AT(gw_config_rule, shadow),
	 .preset = "false",
	 .help = "Only count what the rule would allow."},
};

static const struct tp_config_table rule_table = {
	.fields = rule_fields,
	.n = COUNT_OF(rule_fields),
	.size = sizeof(struct gw_config_rule),
	.line = offsetof(struct gw_config_rule, line),
};

static const struct tp_config_field acl_fields[] = {
	{.name = "default",
	 .type = TP_CONFIG_ENUM,
	 AT(gw_config, acl.verdict),
	 .names = verdict_names,
	 .preset = "deny",
	 .help = "What becomes of a flow that no rule allows."},
	{.name = "shadow",
	 .type = TP_CONFIG_BOOL,
	 AT(gw_config, acl.shadow),
	 .preset = "false",
	 .help = "Judge and count, but let everything pass."},
	{.name = "memory",
	 .type = TP_CONFIG_QUANTITY,
	 NUMBER(gw_config, acl.memory, 1000000, 100000000000ull),
	 .unit = "B",
	 .preset = "256M",
	 .help = "Bytes that the compiled rules may take. "
		 "Rules that need more are refused, and those in force stay."},
	{.name = "rules",
	 .type = TP_CONFIG_GROUPS,
	 GROUP_LIST(gw_config, acl, rules),
	 .max = TP_POLICY_HITS - 1,
	 .table = &rule_table,
	 .help = "What is allowed; the first rule that fits is the one that counts the flow. "
		 "Answers pass by themselves."},
};

static const struct tp_config_table acl_table = {.fields = acl_fields, .n = COUNT_OF(acl_fields)};

static const struct tp_config_field control_fields[] = {TP_MEMBER_FIELDS(gw_config)};

static const struct tp_config_table control_table = {
	.fields = control_fields,
	.n = COUNT_OF(control_fields),
};

static const struct tp_config_field fields[] = {
	{.name = "control",
	 .type = TP_CONFIG_GROUP,
	 .table = &control_table,
	 .help = "The control plane that says what networks the gateway is in: overlays, "
		 "egress.subnets and acl come from there, and must not be in the file. What it "
		 "said last is kept in state_dir, so that a gateway that starts without it goes "
		 "on with that."},
	{.name = "overlays",
	 .type = TP_CONFIG_GROUPS,
	 LIST(gw_config, overlays),
	 .max = OVERLAYS_MAX,
	 .table = &overlay_table,
	 .help = "WireGuard devices, each a network of its own: two may use the same addresses. "
		 "A reload adds and removes them; one that is removed takes its flows with it, and "
		 "its device, if that was made here. "
		 "Only a restart changes the backend and the key file of one that stays."},
	{.name = "attach",
	 .type = TP_CONFIG_ENUM,
	 AT(gw_config, attach),
	 .names = attach_names,
	 .preset = "native",
	 .frozen = true,
	 .help = "How XDP is attached to the uplinks, the first line that drops what no flow waits "
		 "for: in the driver, in the kernel's generic hook, or not at all. "
		 "The daemon does not start when it cannot have what this asks for. "
		 "In the driver, it also forwards established flows between uplinks and overlays "
		 "that are Ethernet. "
		 "All else is done in tc, on every kind of device."},
	{.name = "egress",
	 .type = TP_CONFIG_GROUP,
	 .table = &egress_table,
	 .help = "What nodes may reach beyond this host, and how."},
	{.name = "timeouts",
	 .type = TP_CONFIG_GROUP,
	 .table = &timeout_table,
	 .help = "How long silent flows and their mappings are kept."},
	{.name = "acl", .type = TP_CONFIG_GROUP, .table = &acl_table, .help = "The policy."},
	{.name = "metrics_listen",
	 .type = TP_CONFIG_ENDPOINT,
	 AT(gw_config, metrics_listen),
	 .preset = "127.0.0.1:9587",
	 .or_off = true,
	 .frozen = true,
	 .help = "TCP address and port for Prometheus at /metrics and health at /healthz and "
		 "/readyz, or off."},
	{.name = "control_socket",
	 .type = TP_CONFIG_PATH,
	 AT(gw_config, control_socket),
	 .max = SOCKET_MAX,
	 .preset = "/run/turnpike/gateway.sock",
	 .frozen = true,
	 .help = "Socket for turnpike(1)."},
	{.name = "pin_path",
	 .type = TP_CONFIG_PATH,
	 AT(gw_config, pin_path),
	 .preset = "/sys/fs/bpf/turnpike",
	 .frozen = true,
	 .help = "Directory in a BPF file system where maps and links are kept across restarts."},
	{.name = "instance",
	 .type = TP_CONFIG_STRING,
	 AT(gw_config, instance),
	 .max = NAME_MAX_LEN,
	 .preset = "gateway",
	 .frozen = true,
	 .check = tp_config_check_instance,
	 .help = "Directory under pin_path, for more than one gateway on a host. "
		 "Letters, digits, _ and -."},
	{.name = "state_dir",
	 .type = TP_CONFIG_PATH,
	 AT(gw_config, state_dir),
	 .preset = "/var/lib/turnpike",
	 .frozen = true,
	 .help = "Directory for what the daemon keeps on disk: what it last applied, and the log "
		 "of "
		 "port blocks."},
};

static const struct tp_config_table table = {
	.fields = fields,
	.n = COUNT_OF(fields),
	.size = sizeof(struct gw_config),
};

/* --- what gateway/config.h promises ---------------------------------------------------------- */

int gw_config_load(const char *path, struct gw_config **out, const struct json_t *more,
		   FILE *errors)
{
	void *config;
	int err = tp_config_load_with(path, more, &table, gw_config_validate, &config, errors);

	*out = config;
	return err;
}

int gw_config_parse(const char *name, const char *text, size_t len, struct gw_config **out,
		    FILE *errors)
{
	void *config;
	int err = tp_config_parse(name, text, len, &table, gw_config_validate, &config, errors);

	*out = config;
	return err;
}

void gw_config_free(struct gw_config *c)
{
	tp_config_free(&table, c);
}

static bool texts_differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) != 0 : a != b;
}

static const struct gw_config_overlay *overlay_named(const struct gw_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_overlays; i++)
		if (!strcmp(c->overlays[i].name, name))
			return &c->overlays[i];
	return NULL;
}

bool gw_config_has_overlay(const struct gw_config *c, const char *name)
{
	return overlay_named(c, name);
}

bool gw_config_has_uplink(const struct gw_config *c, const char *name)
{
	for (size_t i = 0; i < c->egress.n_uplinks; i++)
		if (!strcmp(c->egress.uplinks[i], name))
			return true;
	return false;
}

/* Overlays come and go, and what one has may change, but not who does its WireGuard. */
static bool overlays_differ(const struct gw_config *a, const struct gw_config *b)
{
	for (size_t i = 0; i < a->n_overlays; i++) {
		const struct gw_config_overlay *was = &a->overlays[i];
		const struct gw_config_overlay *is = overlay_named(b, was->name);

		if (is && (texts_differ(was->private_key_file, is->private_key_file) ||
			   was->backend != is->backend))
			return true;
	}
	return false;
}

/* The programs and tables of uplinks are there from the start, or not at all. */
static bool uplinks_differ(const struct gw_config *a, const struct gw_config *b)
{
	return !a->egress.n_uplinks != !b->egress.n_uplinks;
}

static size_t add_name(const char *name, size_t n, char *buf, size_t size)
{
	size_t used = strnlen(buf, size);

	if (used < size)
		snprintf(buf + used, size - used, "%s%s", n ? ", " : "", name);
	return n + 1;
}

size_t gw_config_frozen_diff(const struct gw_config *a, const struct gw_config *b, char *buf,
			     size_t size)
{
	size_t n = tp_config_frozen_diff(&table, a, b, buf, size);

	if (uplinks_differ(a, b))
		n = add_name("egress.uplinks, from none or to none", n, buf, size);
	if (overlays_differ(a, b))
		n = add_name("overlays", n, buf, size);
	return n;
}

const char *gw_attach_name(enum gw_attach attach)
{
	return attach_names[attach];
}

void gw_config_print_manual(FILE *out)
{
	tp_config_print_manual(&table, out);
}
