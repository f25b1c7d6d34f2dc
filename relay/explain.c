/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "Why can't A reach B?": the steps of a relayed pair, in the order they happen. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "control.h"
#include "relay/admit.h"
#include "relay/commands.h"
#include "relay/flows.h"
#include "relay/groups.h"
#include "relay/report.h"

#define UNUSED_SEC 5

enum outcome { STEP_OK, STEP_FAILED, STEP_OPEN };

struct story {
	struct daemon *d;
	struct node *a, *b;
	uint64_t now;
	json_t *steps;
	char verdict[448]; /* of the first step that failed */
};

__attribute__((format(printf, 4, 5))) static void tell(struct story *s, enum outcome outcome,
						       const char *step, const char *fmt, ...)
{
	char detail[256];
	va_list args;
	json_t *ok = outcome == STEP_OPEN ? json_null() : json_boolean(outcome == STEP_OK);

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	if (outcome == STEP_FAILED && !s->verdict[0])
		snprintf(s->verdict, sizeof(s->verdict), "%s: %s", step, detail);
	json_array_append_new(s->steps,
			      json_pack("{s:s,s:o,s:s}", "step", step, "ok", ok, "detail", detail));
}

static double ago(const struct story *s, uint64_t then)
{
	return (double)(s->now - then) / (double)TP_NS_PER_SEC;
}

static void tell_registered(struct story *s, const struct node *n)
{
	char step[128], at[TP_ADDR_STRLEN];

	snprintf(step, sizeof(step), "%s is registered", n->name);
	if (node_online(n, s->now))
		tell(s, STEP_OK, step, "at %s, last seen %.0f s ago",
		     tp_endpoint_format(&n->endpoint, at), ago(s, n->last_seen));
	else if (n->site)
		tell(s, STEP_FAILED, step,
		     "silent for %.0f s; it was at %s. Its relay peer needs PersistentKeepalive = "
		     "25",
		     ago(s, n->last_seen), tp_endpoint_format(&n->endpoint, at));
	else
		tell(s, STEP_FAILED, step,
		     "never heard from with this key; check its [Peer] for the relay, and UDP %u",
		     s->d->config->listen_port);
}

static const char *group_text(const struct node *n, char buf[80])
{
	const char *name = groups_name(n->network->groups, n->group);

	snprintf(buf, 80, name ? "group %s" : "no group", name);
	return buf;
}

static void tell_groups(struct story *s)
{
	char a[80], b[80];

	tell(s, STEP_OK, "same network", "%s", s->a->network->name);
	if (admit_may_talk(s->a, s->b))
		tell(s, STEP_OK, "admitted", "%s and %s may talk", group_text(s->a, a),
		     group_text(s->b, b));
	else
		tell(s, STEP_FAILED, "admitted",
		     "%s and %s may not talk in network %s: its admit names no such pair",
		     group_text(s->a, a), group_text(s->b, b), s->a->network->name);
}

static void tell_network(struct story *s)
{
	if (s->a->network == s->b->network)
		tell_groups(s);
	else
		tell(s, STEP_FAILED, "same network",
		     "%s is in %s, %s in %s: they can never reach each other", s->a->name,
		     s->a->network->name, s->b->name, s->b->network->name);
}

static void tell_initiation(struct story *s, const struct pair *p, const struct node *from,
			    const struct node *to, bool needed)
{
	int side = p ? pair_side(p, from) : 0;
	char step[160];

	snprintf(step, sizeof(step), "%s has initiated to %s", from->name, to->name);
	if (!p || !p->last_initiation[side]) {
		tell(s, needed ? STEP_FAILED : STEP_OPEN, step,
		     "not seen; a peer initiates when it has something to send");
		return;
	}
	if (p->last_refusal[side] < 0) {
		tell(s, STEP_OK, step, "%.0f s ago, passed on", ago(s, p->last_initiation[side]));
		return;
	}
	tell(s, needed ? STEP_FAILED : STEP_OPEN, step, "%.0f s ago, not passed on: %s",
	     ago(s, p->last_initiation[side]), relay_reason_texts[p->last_refusal[side]].text);
}

static void tell_response(struct story *s, const struct pair *p, const struct node *from,
			  const struct node *to, bool needed)
{
	int side = p ? pair_side(p, to) : 0;
	char step[160];

	if (!p || !p->last_initiation[side])
		return;
	snprintf(step, sizeof(step), "%s has answered %s", from->name, to->name);
	if (p->last_response[side])
		tell(s, STEP_OK, step, "%.0f s ago", ago(s, p->last_response[side]));
	else
		tell(s, needed ? STEP_FAILED : STEP_OPEN, step,
		     "no answer yet; does %s have %s as a peer with this relay as endpoint?",
		     from->name, to->name);
}

struct in_use {
	unsigned int flows;
	struct relay_count sum;
	uint64_t oldest, until;
};

static struct in_use flows_between(const struct story *s, const struct node *from,
				   const struct node *to)
{
	struct in_use use = {.oldest = s->now};
	const struct flow *f;

	LIST_FOREACH (f, &from->sends, in_sends) {
		struct relay_count c = flow_count(s->d->relay, f);
		uint64_t born = f->value.expires_at - TP_SEC(FLOW_LIFE_SEC);

		if (f->to != to || !flow_live(f, s->now))
			continue;
		use.flows++;
		use.sum.packets += c.packets;
		use.sum.bytes += c.bytes;
		use.oldest = born < use.oldest ? born : use.oldest;
		use.until = f->value.expires_at > use.until ? f->value.expires_at : use.until;
	}
	return use;
}

static void tell_flows(struct story *s, const struct node *from, const struct node *to)
{
	struct in_use use = flows_between(s, from, to);
	char step[160];

	snprintf(step, sizeof(step), "flows from %s to %s", from->name, to->name);
	if (!use.flows)
		tell(s, STEP_FAILED, step, "none: no handshake of the last 190 s was completed");
	else
		tell(s, STEP_OK, step, "%u, for %.0f s more; %llu packets, %llu bytes", use.flows,
		     (double)(use.until - s->now) / (double)TP_NS_PER_SEC,
		     (unsigned long long)use.sum.packets, (unsigned long long)use.sum.bytes);
}

/* An initiator that takes the response sends at once; when it does not, the two disagree about
 * something that the relay can't see. */
static void tell_use(struct story *s)
{
	struct in_use there = flows_between(s, s->a, s->b), back = flows_between(s, s->b, s->a);

	if (!there.flows || there.sum.packets || back.sum.packets ||
	    s->now < there.oldest + TP_SEC(UNUSED_SEC))
		return;
	tell(s, STEP_FAILED, "the initiator has accepted the answer",
	     "nothing was sent since; do both have the same PresharedKey, or none?");
}

static void tell_pair(struct story *s)
{
	const struct pair *p = pair_find(s->d->relay, s->a, s->b);
	/* One handshake is enough, whoever began it. */
	bool made = p && p->n_sessions;
	bool b_tried = p && p->last_initiation[pair_side(p, s->b)];

	tell_initiation(s, p, s->a, s->b, !made && !b_tried);
	tell_response(s, p, s->b, s->a, !made);
	if (b_tried) {
		tell_initiation(s, p, s->b, s->a, !made);
		tell_response(s, p, s->a, s->b, !made);
	}
	tell_flows(s, s->a, s->b);
	tell_flows(s, s->b, s->a);
	tell_use(s);
}

json_t *command_explain(struct daemon *d, const char *a, const char *b)
{
	struct story s = {
		.d = d,
		.a = node_by_word(d->relay, a),
		.b = node_by_word(d->relay, b),
		.now = tp_now(),
	};

	if (!s.a || !s.b)
		return tp_control_error("no node, or more than one, is named %s", s.a ? b : a);
	if (s.a == s.b)
		return tp_control_error("%s and %s are the same node", a, b);
	s.steps = json_array();
	tell_registered(&s, s.a);
	tell_registered(&s, s.b);
	tell_network(&s);
	if (admit_may_talk(s.a, s.b))
		tell_pair(&s);
	return json_pack("{s:s,s:s,s:b,s:s,s:o}", "a", s.a->name, "b", s.b->name, "ok",
			 !s.verdict[0], "verdict",
			 s.verdict[0] ? s.verdict : "everything is in place", "steps", s.steps);
}
