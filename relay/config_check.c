// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "relay/config_check.h"

#include <stdlib.h>
#include <string.h>

#include "userspace/config.h"
#include "relay/config.h"

/* A node or network as something that must be unique: sorted by `id`, equals become neighbours. */
struct claim {
	const void *id;
	size_t len;
	int line;
	const char *name;    /* of the node */
	const char *network; /* that it is in */
};

bool relay_addr_is_unicast(const struct tp_addr *a)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
	uint8_t first = a->b[12];

	if (tp_addr_is_v4(a))
		return first != 0 && first != 127 && first < 224;
	return !tp_addr_is_zero(a) && a->b[0] != 0xff &&
	       memcmp(a->b, &loopback, sizeof(loopback)) != 0;
}

/* --- uniqueness ------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->id, y->id, len);

	if (order)
		return order;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return 0;
}

/* Calls complain(first, later) for each claim that repeats the one before it. */
static void find_repeats(struct claim *claims, size_t n, struct tp_config_report *report,
			 void (*complain)(struct tp_config_report *report,
					  const struct claim *first, const struct claim *later))
{
	size_t first = 0;

	if (n > 1)
		qsort(claims, n, sizeof(*claims), by_id);
	for (size_t i = 1; i < n; i++) {
		if (claims[i].len != claims[first].len ||
		    memcmp(claims[i].id, claims[first].id, claims[i].len) != 0)
			first = i;
		else
			complain(report, &claims[first], &claims[i]);
	}
}

static const char *or_unnamed(const char *name)
{
	return name ? name : "(unnamed)";
}

static void complain_network(struct tp_config_report *report, const struct claim *first,
			     const struct claim *later)
{
	tp_config_error(report, later->line,
			"networks.name: \"%s\" is the name of the network in "
			"line %d",
			later->name, first->line);
}

static void complain_name(struct tp_config_report *report, const struct claim *first,
			  const struct claim *later)
{
	tp_config_error(report, later->line,
			"networks.nodes.name: \"%s\" is the name of the node in line %d",
			later->name, first->line);
}

static void complain_key(struct tp_config_report *report, const struct claim *first,
			 const struct claim *later)
{
	if (first->network == later->network)
		tp_config_error(
			report, later->line,
			"networks.nodes.public_key: \"%s\" has the key of \"%s\" in line %d",
			or_unnamed(later->name), or_unnamed(first->name), first->line);
	else
		tp_config_error(
			report, later->line,
			"networks.nodes.public_key: \"%s\" has the key of \"%s\" in line %d, "
			"network \"%s\"; a key belongs to one network",
			or_unnamed(later->name), or_unnamed(first->name), first->line,
			or_unnamed(first->network));
}

static void complain_address(struct tp_config_report *report, const struct claim *first,
			     const struct claim *later)
{
	tp_config_error(report, later->line,
			"networks.nodes.address: \"%s\" has the address of \"%s\" in line %d",
			or_unnamed(later->name), or_unnamed(first->name), first->line);
}

static struct claim claim_of(const struct relay_config_network *network,
			     const struct relay_config_node *node, const void *id, size_t len)
{
	return (struct claim){id, len, node->line, node->name, network->name};
}

static size_t claim_names(struct claim *to, const struct relay_config_network *network)
{
	size_t n = 0;

	for (size_t i = 0; i < network->n_nodes; i++) {
		const struct relay_config_node *node = &network->nodes[i];

		if (node->name)
			to[n++] = claim_of(network, node, node->name, strlen(node->name));
	}
	return n;
}

static size_t claim_keys(struct claim *to, const struct relay_config_network *network)
{
	static const uint8_t zero[WG_KEY_LEN];
	size_t n = 0;

	for (size_t i = 0; i < network->n_nodes; i++) {
		const struct relay_config_node *node = &network->nodes[i];

		if (memcmp(node->public_key, zero, sizeof(zero)) != 0)
			to[n++] = claim_of(network, node, node->public_key, WG_KEY_LEN);
	}
	return n;
}

static size_t claim_addresses(struct claim *to, const struct relay_config_network *network)
{
	size_t n = 0;

	for (size_t i = 0; i < network->n_nodes; i++) {
		const struct relay_config_node *node = &network->nodes[i];

		if (!tp_addr_is_zero(&node->address))
			to[n++] = claim_of(network, node, node->address.b, sizeof(node->address.b));
	}
	return n;
}

static void check_networks(const struct relay_config *c, struct claim *claims,
			   struct tp_config_report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_networks; i++) {
		const char *name = c->networks[i].name;

		if (name)
			claims[n++] =
				(struct claim){name, strlen(name), c->networks[i].line, name, NULL};
	}
	find_repeats(claims, n, report, complain_network);
}

static void check_nodes(const struct relay_config *c, struct claim *claims,
			struct tp_config_report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_networks; i++)
		n += claim_names(claims + n, &c->networks[i]);
	find_repeats(claims, n, report, complain_name);

	n = 0;
	for (size_t i = 0; i < c->n_networks; i++)
		n += claim_keys(claims + n, &c->networks[i]);
	find_repeats(claims, n, report, complain_key);

	/* Networks are separate worlds: an address may come again in another. */
	for (size_t i = 0; i < c->n_networks; i++) {
		n = claim_addresses(claims, &c->networks[i]);
		find_repeats(claims, n, report, complain_address);
	}
}

static void check_unique(const struct relay_config *c, struct tp_config_report *report)
{
	size_t most = c->n_networks;
	struct claim *claims;

	for (size_t i = 0; i < c->n_networks; i++)
		most += c->networks[i].n_nodes;
	claims = calloc(most + 1, sizeof(*claims));
	if (!claims) {
		tp_config_error(report, 1, "out of memory");
		return;
	}
	check_networks(c, claims, report);
	check_nodes(c, claims, report);
	free(claims);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void check_service_address(const struct relay_config *c, struct tp_config_report *report)
{
	if (tp_addr_is_zero(&c->service_address))
		return;
	for (size_t i = 0; i < c->n_networks; i++) {
		for (size_t j = 0; j < c->networks[i].n_nodes; j++) {
			const struct relay_config_node *node = &c->networks[i].nodes[j];

			if (tp_addr_equal(&node->address, &c->service_address))
				tp_config_error(report, node->line,
						"networks.nodes.address: \"%s\" has the relay's "
						"service_address",
						or_unnamed(node->name));
		}
	}
}

static void check_interfaces(const struct relay_config *c, struct tp_config_report *report)
{
	int line = tp_config_line(report, "interfaces");

	if (!c->n_interfaces && c->attach != RELAY_ATTACH_OFF)
		tp_config_error(report, line, "interfaces: is required unless attach is \"off\"");
	for (size_t i = 0; i < c->n_interfaces; i++)
		for (size_t j = 0; j < i; j++)
			if (c->interfaces[i] && c->interfaces[j] &&
			    strcmp(c->interfaces[i], c->interfaces[j]) == 0)
				tp_config_error(report, line, "interfaces: \"%s\" is listed twice",
						c->interfaces[i]);
}

void relay_config_validate(const void *config, struct tp_config_report *report)
{
	const struct relay_config *c = config;

	check_interfaces(c, report);
	if (c->stun_port && c->stun_port == c->listen_port)
		tp_config_error(report, tp_config_line(report, "stun.port"),
				"stun.port: %u is listen_port, which answers STUN anyway",
				c->stun_port);
	check_service_address(c, report);
	check_unique(c, report);
}
