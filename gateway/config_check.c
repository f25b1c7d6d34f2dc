// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway/config_check.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi/gateway.h"
#include "userspace/config.h"
#include "userspace/config_checks.h"
#include "userspace/member_config.h"
#include "gateway/config.h"
#include "gateway/endpoints.h"

#define PORT_LOWEST 1024

/* --- single values --------------------------------------------------------------------------- */

const char *gw_check_endpoint(const void *member)
{
	const char *text = *(char *const *)member;
	char host[GW_HOST_MAX + 1];
	struct tp_endpoint e;
	uint16_t port;

	if (!tp_endpoint_parse(text, &e) && e.port && tp_addr_is_unicast(&e.addr))
		return NULL;
	return gw_endpoint_split(text, host, &port) ? "not an IP address or host name, and port"
						    : NULL;
}

const char *gw_check_tag(const void *member)
{
	const char *tag = *(char *const *)member;

	if (!strncmp(tag, "tag:", 4))
		return "a tag is written without \"tag:\" here";
	return tp_config_check_name(member);
}

const char *gw_check_masquerade(const void *member)
{
	const struct tp_addr *a = member;

	return tp_addr_is_v4(a) && tp_addr_is_unicast(a) ? NULL : "not a unicast IPv4 address";
}

/* "10000-32767" */
static bool parse_range(const char *text, unsigned int *first, unsigned int *last)
{
	int used = 0;

	if (!isdigit((unsigned char)*text) || strlen(text) > 11)
		return false;
	if (sscanf(text, "%5u-%n", first, &used) != 1 || !used ||
	    !isdigit((unsigned char)text[used]))
		return false;
	text += used;
	return sscanf(text, "%5u%n", last, &used) == 1 && !text[used];
}

const char *gw_check_ports(const void *member)
{
	unsigned int first, last;

	if (!parse_range(*(char *const *)member, &first, &last) || last > UINT16_MAX)
		return "not a range of ports such as 10000-32767";
	if (first < PORT_LOWEST)
		return "ports below 1024 are the host's";
	return last < first ? "ends before it begins" : NULL;
}

const char *gw_check_block(const void *member)
{
	uint32_t n = *(const uint32_t *)member;

	return n == 64 || n == 128 || n == 256 ? NULL : "must be 64, 128 or 256";
}

const char *gw_check_protocol(const void *member)
{
	static const char *const known[] = {"all", "tcp", "udp", "icmp"};
	const char *text = *(char *const *)member;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(text, known[i]))
			return NULL;
	return "must be one of all, tcp, udp, icmp";
}

int gw_config_ports(const struct gw_config_egress *e, uint16_t *first, uint16_t *n)
{
	unsigned int low, high, block = e->ports_per_block;

	*first = *n = 0;
	if (!e->ports || !block || !parse_range(e->ports, &low, &high) || high < low ||
	    high - low + 1 < block)
		return -EINVAL;
	*first = (uint16_t)low;
	*n = (uint16_t)((high - low + 1) / block * block);
	return 0;
}

/* --- uniqueness ------------------------------------------------------------------------------ */

static const char *or_unnamed(const char *name)
{
	return name ? name : "(unnamed)";
}

static void complain_overlay(struct tp_config_report *report, const struct tp_config_claim *first,
			     const struct tp_config_claim *later)
{
	tp_config_error(report, later->line, "overlays.name: \"%s\" is the overlay in line %d",
			later->name, first->line);
}

static void complain_name(struct tp_config_report *report, const struct tp_config_claim *first,
			  const struct tp_config_claim *later)
{
	tp_config_error(report, later->line,
			"overlays.peers.name: \"%s\" is the name of the peer in line %d",
			later->name, first->line);
}

static void complain_key(struct tp_config_report *report, const struct tp_config_claim *first,
			 const struct tp_config_claim *later)
{
	tp_config_error(report, later->line,
			"overlays.peers.public_key: \"%s\" has the key of \"%s\" in line %d",
			or_unnamed(later->name), or_unnamed(first->name), first->line);
}

static void complain_address(struct tp_config_report *report, const struct tp_config_claim *first,
			     const struct tp_config_claim *later)
{
	tp_config_error(report, later->line,
			"overlays.peers.allowed_ips: \"%s\" has an entry of \"%s\" in line %d",
			or_unnamed(later->name), or_unnamed(first->name), first->line);
}

static void complain_rule(struct tp_config_report *report, const struct tp_config_claim *first,
			  const struct tp_config_claim *later)
{
	tp_config_error(report, later->line,
			"acl.rules.name: \"%s\" is the name of the rule in line %d", later->name,
			first->line);
}

static struct tp_config_claim claim_name(char *name, int line)
{
	return (struct tp_config_claim){name, strlen(name), line, name, NULL};
}

static size_t claim_keys(struct tp_config_claim *to, const struct gw_config_overlay *o)
{
	static const uint8_t zero[WG_KEY_LEN];
	size_t n = 0;

	for (size_t i = 0; i < o->n_peers; i++) {
		const struct gw_config_peer *p = &o->peers[i];

		if (memcmp(p->public_key, zero, sizeof(zero)) != 0)
			to[n++] = (struct tp_config_claim){p->public_key, WG_KEY_LEN, p->line,
							   p->name, o->name};
	}
	return n;
}

static size_t claim_addresses(struct tp_config_claim *to, const struct gw_config_overlay *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_peers; i++) {
		const struct gw_config_peer *p = &o->peers[i];

		for (size_t j = 0; j < p->n_allowed_ips; j++)
			to[n++] = (struct tp_config_claim){&p->allowed_ips[j],
							   sizeof(p->allowed_ips[j]), p->line,
							   p->name, o->name};
	}
	return n;
}

static size_t claim_peers(struct tp_config_claim *to, const struct gw_config_overlay *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_peers; i++)
		if (o->peers[i].name)
			to[n++] = claim_name(o->peers[i].name, o->peers[i].line);
	return n;
}

static size_t most_claims(const struct gw_config *c)
{
	size_t most = c->n_overlays + c->acl.n_rules + 1;

	for (size_t i = 0; i < c->n_overlays; i++)
		for (size_t j = 0; j < c->overlays[i].n_peers; j++)
			most += 1 + c->overlays[i].peers[j].n_allowed_ips;
	return most;
}

static void check_names(const struct gw_config *c, struct tp_config_claim *claims,
			struct tp_config_report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_overlays; i++)
		if (c->overlays[i].name)
			claims[n++] = claim_name(c->overlays[i].name, c->overlays[i].line);
	tp_config_find_repeats(claims, n, report, complain_overlay);

	n = 0;
	for (size_t i = 0; i < c->n_overlays; i++)
		n += claim_peers(claims + n, &c->overlays[i]);
	tp_config_find_repeats(claims, n, report, complain_name);

	n = 0;
	for (size_t i = 0; i < c->acl.n_rules; i++)
		if (c->acl.rules[i].name)
			claims[n++] = claim_name(c->acl.rules[i].name, c->acl.rules[i].line);
	tp_config_find_repeats(claims, n, report, complain_rule);
}

/* Overlays are separate worlds: a key or an address may come again in another. */
static void check_unique(const struct gw_config *c, struct tp_config_report *report)
{
	struct tp_config_claim *claims = calloc(most_claims(c), sizeof(*claims));
	size_t n;

	if (!claims) {
		tp_config_error(report, 1, "out of memory");
		return;
	}
	check_names(c, claims, report);
	for (size_t i = 0; i < c->n_overlays; i++) {
		n = claim_keys(claims, &c->overlays[i]);
		tp_config_find_repeats(claims, n, report, complain_key);
		n = claim_addresses(claims, &c->overlays[i]);
		tp_config_find_repeats(claims, n, report, complain_address);
	}
	free(claims);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void check_overlay(const struct gw_config_overlay *o, struct tp_config_report *report)
{
	if (o->backend == GW_BACKEND_NONE)
		return;
	if (!o->private_key_file)
		tp_config_error(report, o->line,
				"overlays.private_key_file: is required unless backend is "
				"\"none\"");
	if (tp_addr_is_zero(&o->address) && tp_addr_is_zero(&o->address6))
		tp_config_error(report, o->line, "overlays.address: is required");
}

static void check_uplinks(const struct gw_config *c, struct tp_config_report *report)
{
	const struct gw_config_egress *e = &c->egress;
	int line = tp_config_line(report, "egress.uplinks");

	if (!e->n_uplinks && e->n_subnets)
		tp_config_error(report, tp_config_line(report, "egress.subnets"),
				"egress.uplinks: is required for egress.subnets");
	for (size_t i = 0; i < e->n_uplinks; i++) {
		const char *name = e->uplinks[i];

		for (size_t j = 0; name && j < i; j++)
			if (e->uplinks[j] && !strcmp(name, e->uplinks[j]))
				tp_config_error(report, line,
						"egress.uplinks: \"%s\" is listed twice", name);
		for (size_t j = 0; name && j < c->n_overlays; j++)
			if (c->overlays[j].name && !strcmp(name, c->overlays[j].name))
				tp_config_error(report, line,
						"egress.uplinks: \"%s\" is an overlay", name);
	}
}

static void check_ports(const struct gw_config_egress *e, struct tp_config_report *report)
{
	uint16_t first, n;

	if (!e->ports || !e->ports_per_block)
		return;
	if (gw_config_ports(e, &first, &n))
		tp_config_error(report, tp_config_line(report, "egress.ports"),
				"egress.ports: \"%s\" has less than one block of %u ports",
				e->ports, e->ports_per_block);
	if (e->ports_per_node > TP_GW_NODE_BLOCKS * e->ports_per_block)
		tp_config_error(report, tp_config_line(report, "egress.ports_per_node"),
				"egress.ports_per_node: %u is more than %u blocks of %u",
				e->ports_per_node, TP_GW_NODE_BLOCKS, e->ports_per_block);
}

static void check_rule(const struct gw_config_rule *r, struct tp_config_report *report)
{
	if (!r->n_from)
		tp_config_error(report, r->line, "acl.rules.from: is required");
	if (!r->n_to)
		tp_config_error(report, r->line, "acl.rules.to: is required");
	if (r->n_ports && r->protocol && strcmp(r->protocol, "tcp") && strcmp(r->protocol, "udp"))
		tp_config_error(report, r->line,
				"acl.rules.ports: only tcp and udp have ports, not %s",
				r->protocol);
}

void gw_config_validate(const void *config, struct tp_config_report *report)
{
	const struct gw_config *c = config;

	tp_member_check(&c->control, report);
	if (!c->n_overlays && !c->control.server)
		tp_config_error(report, tp_config_line(report, "overlays"),
				"overlays: is required");
	for (size_t i = 0; i < c->n_overlays; i++)
		check_overlay(&c->overlays[i], report);
	check_uplinks(c, report);
	check_ports(&c->egress, report);
	for (size_t i = 0; i < c->acl.n_rules; i++)
		check_rule(&c->acl.rules[i], report);
	check_unique(c, report);
}
