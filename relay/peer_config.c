/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The wg-quick file of a stock peer: the relay once for itself, and once as every other node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "relay/commands.h"
#include "relay/daemon.h"
#include "relay/node.h"

#define KEEPALIVE_SEC 25 /* below the 30 s that a NAT may forget a UDP mapping after (RFC 4787) */

/* A peer takes one endpoint; the others are there to be swapped in. */
static void write_other_endpoints(FILE *out, const struct relay_config *c)
{
	char endpoint[TP_ADDR_STRLEN];

	for (size_t i = 1; i < c->n_public_endpoints; i++)
		fprintf(out, "# Endpoint = %s\n",
			tp_endpoint_format(&c->public_endpoints[i], endpoint));
}

static void write_relay_peer(FILE *out, const struct daemon *d, const char *endpoint)
{
	char key[TP_KEY_STRLEN], addr[TP_ADDR_STRLEN];
	const struct tp_addr *service = &d->config->service_address;

	fprintf(out,
		"\n[Peer]\n# the relay: registers this node and keeps its NAT open\n"
		"PublicKey = %s\nEndpoint = %s\n",
		tp_key_format(d->relay->identity.public_key, key), endpoint);
	write_other_endpoints(out, d->config);
	if (!tp_addr_is_zero(service))
		fprintf(out, "AllowedIPs = %s/%u\n", tp_addr_format(service, addr),
			tp_addr_is_v4(service) ? 32 : 128);
	fprintf(out, "PersistentKeepalive = %u\n", KEEPALIVE_SEC);
}

static void write_node_peer(FILE *out, const struct node *n, const char *endpoint)
{
	char key[TP_KEY_STRLEN], addr[TP_ADDR_STRLEN];

	fprintf(out, "\n[Peer]\n# %s\nPublicKey = %s\nEndpoint = %s\n", n->name,
		tp_key_format(n->public_key, key), endpoint);
	if (!tp_addr_is_zero(&n->overlay))
		fprintf(out, "AllowedIPs = %s/%u\n", tp_addr_format(&n->overlay, addr),
			tp_addr_is_v4(&n->overlay) ? 32 : 128);
	else
		fprintf(out, "# AllowedIPs = <overlay address of %s>\n", n->name);
}

static void write_interface(FILE *out, const struct node *n)
{
	char addr[TP_ADDR_STRLEN];

	fprintf(out, "# %s in network %s\n[Interface]\nPrivateKey = <private key of %s>\n", n->name,
		n->network->name, n->name);
	if (!tp_addr_is_zero(&n->overlay))
		fprintf(out, "Address = %s/%u\n", tp_addr_format(&n->overlay, addr),
			n->overlay_bits);
	else
		fprintf(out, "# Address = <overlay address of %s>\n", n->name);
}

static void write_peers(FILE *out, const struct daemon *d, const struct node *n,
			const char *endpoint)
{
	const struct node *other;

	write_relay_peer(out, d, endpoint);
	LIST_FOREACH (other, &n->network->nodes, in_network) {
		if (other != n)
			write_node_peer(out, other, endpoint);
	}
}

json_t *command_peer_config(struct daemon *d, const char *name)
{
	const struct node *n = node_by_word(d->relay, name);
	char endpoint[TP_ADDR_STRLEN] = "<this relay's address>";
	char *text = NULL;
	size_t size;
	json_t *out;
	FILE *f;

	if (!n)
		return tp_control_error("no node, or more than one, is named %s", name);
	if (d->config->n_public_endpoints)
		tp_endpoint_format(&d->config->public_endpoints[0], endpoint);
	else
		snprintf(endpoint + strlen(endpoint), sizeof(endpoint) - strlen(endpoint), ":%u",
			 d->config->listen_port);
	f = open_memstream(&text, &size);
	if (!f)
		return tp_control_error("out of memory");
	write_interface(f, n);
	write_peers(f, d, n, endpoint);
	fclose(f);
	out = json_pack("{s:s}", "text", text);
	free(text);
	return out;
}
