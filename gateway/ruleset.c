/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/ruleset.h"

#include <errno.h>
#include <stdlib.h>

static size_t count_peers(const struct gw_config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_overlays; i++)
		n += c->overlays[i].n_peers;
	return n;
}

static void fill_nodes(struct gw_policy_node *to, const struct gw_config *c,
		       const struct gw_state *state)
{
	for (size_t i = 0; i < c->n_overlays; i++) {
		const struct gw_config_overlay *o = &c->overlays[i];
		uint32_t id = state ? (uint32_t)gw_state_overlay(state, o->name) : (uint32_t)i;

		for (size_t j = 0; j < o->n_peers; j++)
			*to++ = (struct gw_policy_node){
				.name = o->peers[j].name,
				.overlay = id,
				.addrs = o->peers[j].allowed_ips,
				.n_addrs = o->peers[j].n_allowed_ips,
				.tags = o->peers[j].tags,
				.n_tags = o->peers[j].n_tags,
			};
	}
}

static void fill_rules(struct gw_policy_rule *to, const struct gw_config_acl *acl)
{
	for (size_t i = 0; i < acl->n_rules; i++) {
		const struct gw_config_rule *r = &acl->rules[i];

		to[i] = (struct gw_policy_rule){
			.name = r->name,
			.from = r->from,
			.to = r->to,
			.n_from = r->n_from,
			.n_to = r->n_to,
			.protocol = r->protocol,
			.ports = r->ports,
			.n_ports = r->n_ports,
			.shadow = r->shadow,
			.line = r->line,
		};
	}
}

int gw_ruleset_compile(const struct gw_config *config, const struct gw_state *state,
		       const struct tp_addr *locals, size_t n_locals, const char *source,
		       struct gw_policy_tables **out, FILE *messages)
{
	size_t n_nodes = count_peers(config), n_rules = config->acl.n_rules;
	struct gw_policy_node *nodes = calloc(n_nodes + 1, sizeof(*nodes));
	struct gw_policy_rule *rules = calloc(n_rules + 1, sizeof(*rules));
	struct gw_policy_input in = {
		.source = source,
		.nodes = nodes,
		.n_nodes = n_nodes,
		.locals = locals,
		.n_locals = n_locals,
		.rules = rules,
		.n_rules = n_rules,
		.allow = config->acl.verdict == GW_ALLOW,
		.shadow = config->acl.shadow,
		.memory = config->acl.memory,
	};
	int err = -ENOMEM;

	*out = NULL;
	if (nodes && rules) {
		fill_nodes(nodes, config, state);
		fill_rules(rules, &config->acl);
		err = gw_policy_compile(&in, out, messages);
	}
	free(nodes);
	free(rules);
	return err;
}
