// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "relay/config_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/config.h"
#include "userspace/config_checks.h"
#include "userspace/member_config.h"
#include "relay/config.h"
#include "relay/groups.h"

/* --- uniqueness ------------------------------------------------------------------------------ */

static const char *or_unnamed(const char *name)
{
	return name ? name : "(unnamed)";
}

static void complain_network(struct tp_config_report *report, const struct tp_config_claim *first,
			     const struct tp_config_claim *later)
{
	tp_config_error(report, later->line,
			"networks.name: \"%s\" is the name of the network in "
			"line %d",
			later->name, first->line);
}

static void complain_name(struct tp_config_report *report, const struct tp_config_claim *first,
			  const struct tp_config_claim *later)
{
	tp_config_error(report, later->line,
			"networks.nodes.name: \"%s\" is the name of the node in line %d",
			later->name, first->line);
}

static void complain_key(struct tp_config_report *report, const struct tp_config_claim *first,
			 const struct tp_config_claim *later)
{
	if (first->group == later->group)
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
			or_unnamed(first->group));
}

static void complain_address(struct tp_config_report *report, const struct tp_config_claim *first,
			     const struct tp_config_claim *later)
{
	tp_config_error(report, later->line,
			"networks.nodes.address: \"%s\" has the address of \"%s\" in line %d",
			or_unnamed(later->name), or_unnamed(first->name), first->line);
}

static struct tp_config_claim claim_of(const struct relay_config_network *network,
				       const struct relay_config_node *node, const void *id,
				       size_t len)
{
	return (struct tp_config_claim){id, len, node->line, node->name, network->name};
}

static size_t claim_names(struct tp_config_claim *to, const struct relay_config_network *network)
{
	size_t n = 0;

	for (size_t i = 0; i < network->n_nodes; i++) {
		const struct relay_config_node *node = &network->nodes[i];

		if (node->name)
			to[n++] = claim_of(network, node, node->name, strlen(node->name));
	}
	return n;
}

static size_t claim_keys(struct tp_config_claim *to, const struct relay_config_network *network)
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

static size_t claim_addresses(struct tp_config_claim *to,
			      const struct relay_config_network *network)
{
	size_t n = 0;

	for (size_t i = 0; i < network->n_nodes; i++) {
		const struct relay_config_node *node = &network->nodes[i];

		if (!tp_addr_is_zero(&node->address))
			to[n++] = claim_of(network, node, node->address.b, sizeof(node->address.b));
	}
	return n;
}

static void check_networks(const struct relay_config *c, struct tp_config_claim *claims,
			   struct tp_config_report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_networks; i++) {
		const char *name = c->networks[i].name;

		if (name)
			claims[n++] = (struct tp_config_claim){name, strlen(name),
							       c->networks[i].line, name, NULL};
	}
	tp_config_find_repeats(claims, n, report, complain_network);
}

static void check_nodes(const struct relay_config *c, struct tp_config_claim *claims,
			struct tp_config_report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_networks; i++)
		n += claim_names(claims + n, &c->networks[i]);
	tp_config_find_repeats(claims, n, report, complain_name);

	n = 0;
	for (size_t i = 0; i < c->n_networks; i++)
		n += claim_keys(claims + n, &c->networks[i]);
	tp_config_find_repeats(claims, n, report, complain_key);

	/* Networks are separate worlds: an address may come again in another. */
	for (size_t i = 0; i < c->n_networks; i++) {
		n = claim_addresses(claims, &c->networks[i]);
		tp_config_find_repeats(claims, n, report, complain_address);
	}
}

static void check_unique(const struct relay_config *c, struct tp_config_report *report)
{
	size_t most = c->n_networks;
	struct tp_config_claim *claims;

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

/* --- groups ---------------------------------------------------------------------------------- */

static void check_group(const struct relay_config_network *network, const struct groups *groups,
			const char *name, struct tp_config_report *report)
{
	if (strcmp(name, "*") && groups_find(groups, name) == GROUP_NONE)
		tp_config_error(report, network->line,
				"networks.admit: no node of \"%s\" is in group \"%s\"",
				or_unnamed(network->name), name);
}

static void check_admit(const struct relay_config_network *network, struct tp_config_report *report)
{
	struct groups *groups;
	char *copy, *a, *b;
	int err = groups_new(&groups, network);

	if (err)
		tp_config_error(report, network->line, "networks: \"%s\": %s",
				or_unnamed(network->name),
				err == -EINVAL ? "has more than 1024 groups" : strerror(-err));
	for (size_t i = 0; !err && i < network->n_admit; i++) {
		copy = network->admit[i] ? strdup(network->admit[i]) : NULL;
		if (copy && groups_split(copy, &a, &b)) {
			check_group(network, groups, a, report);
			check_group(network, groups, b, report);
		}
		free(copy);
	}
	groups_free(groups);
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

static void check_control(const struct relay_config *c, struct tp_config_report *report)
{
	tp_member_check(&c->control, report);
	if (c->control.server && !c->n_public_endpoints)
		tp_config_error(report, tp_config_line(report, "control"),
				"control: public_endpoints must say where peers reach this relay");
}

void relay_config_validate(const void *config, struct tp_config_report *report)
{
	const struct relay_config *c = config;

	check_interfaces(c, report);
	check_control(c, report);
	if (c->stun_port && c->stun_port == c->listen_port)
		tp_config_error(report, tp_config_line(report, "stun.port"),
				"stun.port: %u is listen_port, which answers STUN anyway",
				c->stun_port);
	check_service_address(c, report);
	check_unique(c, report);
	for (size_t i = 0; i < c->n_networks; i++)
		check_admit(&c->networks[i], report);
}
