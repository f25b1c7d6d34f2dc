/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <string.h>

#include "clock.h"
#include "relay/admit.h"
#include "relay/budget.h"
#include "relay/flows.h"
#include "relay/handshake.h"
#include "relay/pending.h"
#include "relay/register.h"

#define COOKIE_LIFE_SEC (WG_COOKIE_SECRET_TIME - 5)
#define RECENT_TRIES	64 /* keys, before the trial budgets are asked */
#define NOTED_SENDERS	4  /* more possible senders than this: the response will tell */

static bool is_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;

	while (len--)
		any |= p[len];
	return !any;
}

/* --- whom is it for? --- */

static bool fits(const struct node *n, const struct packet *p)
{
	return tp_mac1_fits(&n->macs, p->data, p->len);
}

static struct node *try_recent_of(struct relay *r, const struct node *sender,
				  const struct packet *p, unsigned int *tries)
{
	for (unsigned int i = 0; i < NODE_RECENT && sender->recent[i] && *tries; i++) {
		struct node *n = node_by_id(r, sender->recent[i]);

		if (!n || n->network != sender->network)
			continue;
		--*tries;
		if (fits(n, p))
			return n;
	}
	return NULL;
}

/* Whoever is registered at the very address first, then its neighbours behind the same NAT. */
static struct node *try_recent(struct relay *r, const struct site *site, const struct packet *p)
{
	const struct node *likely = node_by_endpoint(r, p->from), *sender;
	unsigned int tries = RECENT_TRIES;
	struct node *n;

	n = likely ? try_recent_of(r, likely, p, &tries) : NULL;
	if (n)
		return n;
	LIST_FOREACH (sender, &site->nodes, in_site) {
		n = sender == likely ? NULL : try_recent_of(r, sender, p, &tries);
		if (n || !tries)
			return n;
	}
	return NULL;
}

static bool seen_before(const struct site *site, const struct node *until)
{
	const struct node *n;

	LIST_FOREACH (n, &site->nodes, in_site) {
		if (n == until)
			return false;
		if (n->network == until->network)
			return true;
	}
	return false;
}

static struct node *try_network(struct relay *r, struct site *site, const struct network *w,
				const struct packet *p, enum standing standing)
{
	uint32_t untried = w->n_nodes;
	struct node *n;

	LIST_FOREACH (n, &w->nodes, in_network) {
		untried--;
		if (fits(n, p))
			break;
	}
	admit_untried(r, site, untried, standing);
	return n;
}

/* Every node of every network that has a node at this site. *out_of_budget tells why NULL. */
static struct node *try_all(struct relay *r, struct site *site, const struct packet *p,
			    enum standing standing, bool *out_of_budget)
{
	const struct node *sender;
	struct node *n;

	LIST_FOREACH (sender, &site->nodes, in_site) {
		const struct network *w = sender->network;

		if (seen_before(site, sender))
			continue;
		if (!admit_trial(r, site, w->n_nodes, standing, p->now)) {
			*out_of_budget = true;
			return NULL;
		}
		n = try_network(r, site, w, p, standing);
		if (n)
			return n;
	}
	return NULL;
}

static struct node *find_target(struct relay *r, struct site *site, const struct packet *p,
				enum standing standing, enum tp_reason *why)
{
	bool out_of_budget = false;
	struct node *n = try_recent(r, site, p);

	if (!n)
		n = try_all(r, site, p, standing, &out_of_budget);
	if (n && admit_senders(site, n))
		return n;
	*why = out_of_budget ? TP_DROP_trial_budget : TP_DROP_target_unknown;
	return NULL;
}

/* --- it is challenged, or sent on --- */

static bool target_loaded(const struct node *target, uint64_t now)
{
	return now < target->cookie_until;
}

/* "Come back with a cookie", in the target's name. A stock initiator does so 5 s later, and is then
 * told from whoever spoofs its address. */
static void challenge(struct relay *r, const struct node *target, const struct packet *p)
{
	struct wg_cookie_reply reply;

	tp_cookie_reply(&r->cookie_secret, &target->macs, p->from, p->data, p->len, p->now, &reply);
	r->ops->send(r->ops_ctx, p->local, p->from, &reply, sizeof(reply));
	r->stats.challenges++;
	relay_count(r, TP_ANSWER_challenge, p->len);
}

static void note_one(struct relay *r, const struct node *sender, const struct node *target,
		     uint64_t now, int refusal)
{
	struct pair *pair = pair_get(r, sender, target);

	if (!pair)
		return;
	pair->last_initiation[pair_side(pair, sender)] = now;
	pair->last_refusal[pair_side(pair, sender)] = refusal;
}

/* For `explain`: what became of the latest initiation between these two. Who sent it is sure only
 * when it is answered, so behind one address it may be several nodes'; a record for every node of a
 * large site would make as many as it has pairs. */
static void note(struct relay *r, const struct site *site, const struct node *target,
		 const struct packet *p, int refusal)
{
	const struct node *sender = node_by_endpoint(r, p->from);
	unsigned int n = 0;

	if (sender && admit_may_talk(sender, target)) {
		note_one(r, sender, target, p->now, refusal);
		return;
	}
	LIST_FOREACH (sender, &site->nodes, in_site) {
		if (!admit_may_talk(sender, target))
			continue;
		note_one(r, sender, target, p->now, refusal);
		if (++n == NOTED_SENDERS)
			return;
	}
}

static void pass_on_initiation(struct relay *r, const struct site *site, struct node *target,
			       const struct packet *p, struct wg_initiation *msg,
			       enum standing standing)
{
	struct pending *pending;

	pending = pending_add(r, target, p->from, msg->sender, p->now);
	if (!pending) {
		note(r, site, target, p, TP_DROP_handshake_quota);
		relay_count(r, TP_DROP_handshake_quota, p->len);
		return;
	}
	pending->local = *p->local;
	pending->proven = standing != STANDING_UNPROVEN;
	memcpy(pending->mac1, msg->macs.mac1, sizeof(pending->mac1));
	/* The target's cookie belongs to the relay's address, so it serves every initiator. */
	if (target_loaded(target, p->now))
		tp_mac2_write(target->cookie, msg, sizeof(*msg));
	else if (pending->proven)
		memset(msg->macs.mac2, 0, sizeof(msg->macs.mac2));
	note(r, site, target, p, -1);
	r->ops->send(r->ops_ctx, &target->local, &target->endpoint, msg, sizeof(*msg));
	r->stats.initiations++;
}

static void route_initiation(struct relay *r, const struct packet *p, struct wg_initiation *msg,
			     enum standing standing)
{
	struct site *site = site_of(r, &p->from->addr);
	enum tp_reason why = TP_DROP_source_unknown;
	struct node *target;

	target = site ? find_target(r, site, p, standing, &why) : NULL;
	if (!target) {
		relay_count(r, why, p->len);
		return;
	}
	why = TP_DROP_target_offline;
	if (!target->site)
		goto refuse;
	why = TP_DROP_duplicate;
	if (pending_known(r, target, p->from, msg->sender, msg->macs.mac1)) {
		relay_count(r, why, p->len);
		return;
	}
	if (admit_initiation(r, site, target, p, standing, &why)) {
		pass_on_initiation(r, site, target, p, msg, standing);
		return;
	}
	if (standing == STANDING_UNPROVEN) {
		note(r, site, target, p, TP_ANSWER_challenge);
		challenge(r, target, p);
		return;
	}
refuse:
	note(r, site, target, p, (int)why);
	relay_count(r, why, p->len);
}

void handshake_initiation(struct relay *r, const struct packet *p, void *bytes)
{
	struct wg_initiation *msg = bytes;
	bool proven = !is_zero(msg->macs.mac2, sizeof(msg->macs.mac2)) &&
		      tp_mac2_fits(&r->cookie_secret, p->from, p->data, p->len, p->now);

	enum standing standing = admit_standing(r, p, proven);

	if (tp_mac1_fits(&r->macs, p->data, p->len))
		register_initiation(r, p, standing);
	else
		route_initiation(r, p, msg, standing);
}

/* --- responses --- */

/* Whom was the response made for? Most likely for the node that is registered where the initiation
 * came from; beside it, there is a budget for looking at others behind the same address. */
static struct node *response_sender(struct relay *r, const struct pending *pending,
				    struct node *target, const struct packet *p)
{
	const struct site *site = site_of(r, &pending->from.addr);
	struct node *likely = node_by_endpoint(r, &pending->from), *n;

	if (likely && admit_may_talk(likely, target) && fits(likely, p))
		return likely;
	if (!site || !admit_response_trial(target, site->n_nodes, p->now))
		return NULL;
	LIST_FOREACH (n, &site->nodes, in_site) {
		if (n != likely && admit_may_talk(n, target) && fits(n, p))
			return n;
	}
	return NULL;
}

/* Of the initiations that went to where the response comes from, the one it answers. There are few
 * with one index: pending_add() sees to that. */
static struct pending *answered(struct relay *r, const struct packet *p, struct node **sender,
				enum tp_reason *why)
{
	const struct wg_response *msg = (const void *)p->data;
	struct pending *pending = NULL;

	*why = TP_DROP_response_unknown;
	while ((pending = pending_find(r, p->from, msg->receiver, pending))) {
		struct node *target = node_by_id(r, pending->target);

		*sender = target ? response_sender(r, pending, target, p) : NULL;
		*why = TP_DROP_response_mac1;
		if (!*sender)
			continue;
		*why = TP_DROP_response_limit;
		if (pending->responses < PENDING_RESPONSES)
			return pending;
	}
	return NULL;
}

static int install(struct relay *r, const struct pending *pending, struct node *sender,
		   struct node *target, const struct packet *p)
{
	const struct wg_response *msg = (const void *)p->data;
	struct flow_end initiator = {sender, pending->from, pending->local, msg->receiver};
	struct flow_end responder = {target, *p->from, *p->local, msg->sender};

	return flows_install(r, &initiator, &responder, pending->id, pending->proven, p->now);
}

static void note_response(struct relay *r, const struct pending *pending, const struct node *sender,
			  const struct node *target, int refused, uint64_t now)
{
	struct pair *pair = pair_get(r, sender, target);
	int side;

	if (!pair)
		return;
	side = pair_side(pair, sender);
	if (pair->last_initiation[side] < pending->born)
		pair->last_initiation[side] = pending->born;
	pair->last_response[side] = now;
	pair->last_refusal[side] = refused ? -1 - refused : -1;
}

void handshake_response(struct relay *r, const struct packet *p, void *bytes)
{
	struct wg_response *msg = bytes;
	struct own_session *own = own_session_find(r, msg->receiver);
	struct node *sender = NULL, *target;
	struct pending *pending;
	enum tp_reason why;
	int refused;

	if (own && tp_mac1_fits(&r->macs, p->data, p->len)) {
		register_response(r, p, own);
		return;
	}
	pending = answered(r, p, &sender, &why);
	if (!pending) {
		relay_count(r, why, p->len);
		return;
	}
	target = node_by_id(r, pending->target);
	refused = install(r, pending, sender, target, p);
	note_response(r, pending, sender, target, refused, p->now);
	if (refused) {
		relay_count(r, (enum tp_reason)(-1 - refused), p->len);
		return;
	}
	pending->sender = sender->id;
	pending_add_response(r, pending, msg->sender, msg->macs.mac1);
	node_remember_target(sender, target);
	node_remember_target(target, sender);
	if (p->now < sender->cookie_until)
		tp_mac2_write(sender->cookie, msg, sizeof(*msg));
	r->ops->send(r->ops_ctx, &pending->local, &pending->from, msg, sizeof(*msg));
	r->stats.responses++;
}

/* --- cookie replies --- */

/* A node under load answers an initiation with a cookie for the relay's address. The relay keeps it
 * and writes mac2 itself from now on; the initiator hears of it unless it uses the relay's own. */
static bool cookie_for_initiation(struct relay *r, const struct packet *p)
{
	const struct wg_cookie_reply *msg = (const void *)p->data;
	struct pending *pending = NULL;

	while ((pending = pending_find(r, p->from, msg->receiver, pending))) {
		struct node *target = node_by_id(r, pending->target);
		uint8_t cookie[WG_COOKIE_LEN];

		if (!target || tp_cookie_open(&target->macs, pending->mac1, msg, cookie))
			continue;
		memcpy(target->cookie, cookie, sizeof(cookie));
		target->cookie_until = p->now + TP_SEC(COOKIE_LIFE_SEC);
		r->stats.cookies++;
		if (pending->proven)
			relay_count(r, TP_DROP_cookie_absorbed, p->len);
		else
			r->ops->send(r->ops_ctx, &pending->local, &pending->from, msg,
				     sizeof(*msg));
		return true;
	}
	return false;
}

/* An initiator under load may answer a response so. */
static bool cookie_for_response(struct relay *r, const struct packet *p)
{
	const struct wg_cookie_reply *msg = (const void *)p->data;
	unsigned int which;
	struct pending *pending = pending_find_response(r, p->from, msg->receiver, &which);
	struct node *sender = pending ? node_by_id(r, pending->sender) : NULL;
	struct node *target = pending ? node_by_id(r, pending->target) : NULL;
	uint8_t cookie[WG_COOKIE_LEN];

	if (!sender || !target ||
	    tp_cookie_open(&sender->macs, pending->response_mac1[which], msg, cookie))
		return false;
	memcpy(sender->cookie, cookie, sizeof(cookie));
	sender->cookie_until = p->now + TP_SEC(COOKIE_LIFE_SEC);
	r->stats.cookies++;
	r->ops->send(r->ops_ctx, &target->local, &pending->target_at, msg, sizeof(*msg));
	return true;
}

void handshake_cookie(struct relay *r, const struct packet *p, void *bytes)
{
	const struct wg_cookie_reply *msg = bytes;
	struct own_session *own = own_session_find(r, msg->receiver);
	unsigned int which;

	if (own && register_cookie(r, p, own))
		return;
	if (cookie_for_initiation(r, p) || cookie_for_response(r, p))
		return;
	if (own || pending_find(r, p->from, msg->receiver, NULL) ||
	    pending_find_response(r, p->from, msg->receiver, &which))
		relay_count(r, TP_DROP_cookie_invalid, p->len);
	else
		relay_count(r, TP_DROP_cookie_unknown, p->len);
}
