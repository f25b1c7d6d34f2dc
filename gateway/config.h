/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gateway.conf, read and checked whole. docs/man/gateway.conf.5 is made from the same table. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "addr.h"
#include "member.h"
#include "messages.h"

enum gw_attach { GW_ATTACH_NATIVE, GW_ATTACH_GENERIC, GW_ATTACH_OFF };
enum gw_backend { GW_BACKEND_AUTO, GW_BACKEND_KERNEL, GW_BACKEND_WIREGUARD_GO, GW_BACKEND_NONE };
enum gw_filtering_name { GW_CONFIG_ADDRESS_DEPENDENT, GW_CONFIG_ENDPOINT_INDEPENDENT };
enum gw_verdict { GW_DENY, GW_ALLOW };

struct gw_config_peer {
	char *name; /* unique within its file */
	uint8_t public_key[WG_KEY_LEN];
	char *preshared_key_file; /* NULL: none */
	char *endpoint;		  /* "address:port" or "name:port"; NULL: the peer comes to us */
	struct tp_prefix *allowed_ips;
	size_t n_allowed_ips;
	uint16_t keepalive; /* seconds; 0: none */
	char **tags;
	size_t n_tags;
	int line;
};

struct gw_config_overlay {
	char *name; /* of the device */
	struct tp_addr address, address6;
	unsigned int address_bits, address6_bits;
	uint16_t listen_port; /* host order; 0: the kernel chooses */
	uint32_t mtu;
	char *private_key_file; /* NULL with GW_BACKEND_NONE */
	enum gw_backend backend;
	bool full_tunnel;
	struct gw_config_peer *peers;
	size_t n_peers;
	int line;
};

struct gw_config_egress {
	char **uplinks;
	size_t n_uplinks;
	struct tp_addr *addresses; /* none: those that the uplinks have */
	size_t n_addresses;
	struct tp_prefix *subnets;
	size_t n_subnets;
	bool masquerade, hairpin;
	char *ports; /* "first-last" */
	uint32_t ports_per_node, ports_per_block;
	enum gw_filtering_name filtering;
	uint32_t flows, flows_per_node;
};

struct gw_config_timeouts { /* seconds; bpf/abi/gateway.h says of what */
	uint32_t udp, icmp, tcp_transitory, tcp_established, tcp_closing, other, quarantine;
};

struct gw_config_rule {
	char *name;
	char **from, **to, **ports;
	size_t n_from, n_to, n_ports;
	char *protocol;
	bool shadow;
	int line;
};

struct gw_config_acl {
	enum gw_verdict verdict; /* of what no rule allows */
	bool shadow;
	uint64_t memory; /* bytes that the compiled policy may take */
	struct gw_config_rule *rules;
	size_t n_rules;
};

struct gw_config {
	struct tp_member_settings control; /* server NULL: the file has all there is */
	struct gw_config_overlay *overlays;
	size_t n_overlays;
	enum gw_attach attach; /* of the first line, XDP on the uplinks */
	struct gw_config_egress egress;
	struct gw_config_timeouts timeouts;
	struct gw_config_acl acl;
	struct tp_endpoint metrics_listen; /* port 0: off */
	char *control_socket;
	char *pin_path;
	char *instance; /* the directory under pin_path; default "gateway" */
	char *state_dir;
};

/* As relay/config.h: 0 with a new config in *out, or -errno with all problems written to `errors`.
 * Key files are not read. `more`: settings that the control plane has, or NULL. */
int gw_config_load(const char *path, struct gw_config **out, const struct json_t *more,
		   FILE *errors);
int gw_config_parse(const char *name, const char *text, size_t len, struct gw_config **out,
		    FILE *errors);
void gw_config_free(struct gw_config *c);

/* Names of settings that differ and that only a restart can change, comma separated, into buf;
 * returns how many. */
size_t gw_config_frozen_diff(const struct gw_config *a, const struct gw_config *b, char *buf,
			     size_t size);

bool gw_config_has_overlay(const struct gw_config *c, const char *name);
bool gw_config_has_uplink(const struct gw_config *c, const char *name);

/* The ports that masquerading uses: as many blocks as fit the configured range, as its first port
 * and their number. 0 or -EINVAL. */
int gw_config_ports(const struct gw_config_egress *e, uint16_t *first, uint16_t *n);

const char *gw_attach_name(enum gw_attach attach);

/* The table of settings as mdoc(7) items, for the manual page. */
void gw_config_print_manual(FILE *out);

#endif
