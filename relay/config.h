/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* relay.conf, read and checked whole. docs/man/relay.conf.5 is made from the same table. */
#ifndef RELAY_CONFIG_H
#define RELAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "addr.h"
#include "member.h"
#include "messages.h"

enum relay_attach { RELAY_ATTACH_NATIVE, RELAY_ATTACH_GENERIC, RELAY_ATTACH_OFF };

struct relay_config_node {
	char *name; /* unique within its file */
	uint8_t public_key[WG_KEY_LEN];
	struct tp_addr address; /* overlay address for peer-config; all zero: not given */
	unsigned int address_bits;
	char *group; /* NULL: none */
	int line;
};

struct relay_config_network {
	char *name;
	struct relay_config_node *nodes;
	size_t n_nodes;
	char **admit; /* pairs of groups, "phones servers"; "* *" is everyone (groups.h) */
	size_t n_admit;
	int line;
};

struct relay_config_limits {
	uint32_t flows;		      /* in the whole table */
	uint32_t flows_per_node;      /* with the node as sender */
	uint32_t handshakes_per_node; /* initiations a second from one node */
	uint32_t packets_per_node;    /* a second; 0: no limit */
	uint64_t bits_per_node;	      /* a second; 0: no limit */
	uint32_t stun_per_prefix;     /* answers a second per source /24 or /56; 0 turns STUN off */
};

struct relay_config {
	char **interfaces;
	size_t n_interfaces;
	enum relay_attach attach;
	bool coexist;
	uint16_t listen_port; /* host order */
	uint16_t stun_port;   /* host order; 0: none besides listen_port */
	char *private_key_file;
	struct tp_addr service_address; /* all zero: none */
	struct tp_endpoint *public_endpoints;
	size_t n_public_endpoints;
	struct tp_member_settings control; /* server NULL: the file has all there is */
	struct relay_config_network *networks;
	size_t n_networks;
	struct relay_config_limits limits;
	struct tp_endpoint metrics_listen; /* port 0: off */
	char *control_socket;
	char *pin_path;
	char *instance; /* the directory under pin_path; default "relay" */
	char *state_dir;
};

/* Reads and checks the file, with settings that the control plane has (NULL: none;
 * tp_config_load_with() of userspace/config.h). On success *out is a new config that the caller
 * frees. On failure every problem found is written to `errors` as "file:line: message" and -EINVAL
 * (or the errno of opening the file) is returned. The private key file itself is not read. */
int relay_config_load(const char *path, struct relay_config **out, const struct json_t *more,
		      FILE *errors);
/* The same from memory; `name` stands for the file in messages. */
int relay_config_parse(const char *name, const char *text, size_t len, struct relay_config **out,
		       FILE *errors);
void relay_config_free(struct relay_config *c);

/* Names of settings that differ and that only a restart can change, comma separated, into buf;
 * returns how many. */
size_t relay_config_frozen_diff(const struct relay_config *a, const struct relay_config *b,
				char *buf, size_t size);

const char *relay_attach_name(enum relay_attach attach);

/* The table of settings as mdoc(7) items, for the manual page. */
void relay_config_print_manual(FILE *out);

#endif
