/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/admit.h"
#include "relay/budget.h"
#include "relay/flows.h"
#include "relay/groups.h"

#define MULTIPLE_MAX 64 /* nodes behind one address that count */

enum standing admit_standing(const struct relay *r, const struct packet *p, bool proven)
{
	if (!proven)
		return STANDING_UNPROVEN;
	return node_by_endpoint(r, p->from) ? STANDING_NODE : STANDING_PROVEN;
}

bool admit_may_talk(const struct node *sender, const struct node *target)
{
	return sender != target && sender->network == target->network &&
	       groups_admit(sender->network->groups, sender->group, target->group);
}

unsigned int admit_senders(const struct site *site, const struct node *target)
{
	const struct node *n;
	unsigned int count = 0;

	LIST_FOREACH (n, &site->nodes, in_site)
		count += admit_may_talk(n, target);
	return count;
}

static uint32_t times_at_most(uint32_t a, uint32_t b)
{
	uint64_t product = (uint64_t)a * b;

	return product < UINT32_MAX ? (uint32_t)product : UINT32_MAX;
}

static struct budget_rate times(struct budget_rate rate, unsigned int n)
{
	n = n < MULTIPLE_MAX ? n : MULTIPLE_MAX;
	n = n ? n : 1;
	return (struct budget_rate){times_at_most(rate.per_second, n),
				    times_at_most(rate.burst, n)};
}

/* The word of one source and target (0: the relay). Unproven and merely proven sources share their
 * host prefix's, whatever port they write; a node's own address has one to itself. */
static uint64_t *source_budget(struct relay *r, const struct packet *p, uint32_t target,
			       enum standing standing)
{
	struct {
		struct tp_addr addr;
		uint32_t port, target, standing;
	} key = {tp_addr_host_prefix(&p->from->addr), 0, target, standing};

	if (standing == STANDING_NODE) {
		key.addr = p->from->addr;
		key.port = p->from->port;
	}
	return &r->pair_budget[tp_siphash(&key, sizeof(key)) % RELAY_PAIR_BUCKETS];
}

static struct budget_rate share(struct budget_rate rate, unsigned int nodes, enum standing standing)
{
	return standing == STANDING_NODE ? rate : times(rate, nodes);
}

/* --- the relay's own key --- */

bool admit_registration(struct relay *r, const struct packet *p, enum standing standing)
{
	static const struct budget_rate all[STANDINGS] = {BUDGET_REGISTER, BUDGET_REGISTER_PROVEN,
							  BUDGET_REGISTER_NODE};
	const struct site *site = site_of(r, &p->from->addr);
	struct budget_rate one =
		standing == STANDING_UNPROVEN ? BUDGET_REGISTER_SITE : BUDGET_REGISTER_SITE_PROVEN;

	return budget_take(source_budget(r, p, 0, standing),
			   share(one, site ? site->n_nodes : 1, standing), 1, p->now) &&
	       budget_take(&r->register_budget[standing], all[standing], 1, p->now);
}

/* --- mac1s --- */

static struct budget_rate trial_rate(enum standing standing)
{
	return standing == STANDING_UNPROVEN ? BUDGET_TRIAL : BUDGET_TRIAL_PROVEN;
}

static uint64_t *trial_budget(struct relay *r, enum standing standing)
{
	return &r->trial_budget[standing != STANDING_UNPROVEN];
}

bool admit_trial(struct relay *r, struct site *site, uint32_t keys, enum standing standing,
		 uint64_t now)
{
	if (!budget_take(&site->trial_budget[standing], BUDGET_TRIAL_SITE, keys, now))
		return false;
	if (budget_take(trial_budget(r, standing), trial_rate(standing), keys, now))
		return true;
	budget_return(&site->trial_budget[standing], BUDGET_TRIAL_SITE, keys);
	return false;
}

void admit_untried(struct relay *r, struct site *site, uint32_t keys, enum standing standing)
{
	budget_return(&site->trial_budget[standing], BUDGET_TRIAL_SITE, keys);
	budget_return(trial_budget(r, standing), trial_rate(standing), keys);
}

bool admit_response_trial(struct node *target, uint32_t keys, uint64_t now)
{
	return budget_take(&target->response_budget, BUDGET_TRIAL_RESPONSE, keys, now);
}

/* --- initiations for a node --- */

static bool crowded(const struct relay *r, const struct node *sender, const struct node *target)
{
	const struct pair *pair = pair_find(r, sender, target);

	return pair && pair->n_sessions >= PAIR_UNPROVEN;
}

static bool any_crowded(const struct relay *r, const struct site *site, const struct node *target)
{
	const struct node *n;
	unsigned int seen = 0;

	LIST_FOREACH (n, &site->nodes, in_site) {
		if (!admit_may_talk(n, target))
			continue;
		if (crowded(r, n, target))
			return true;
		if (++seen == MULTIPLE_MAX)
			return false;
	}
	return false;
}

static uint64_t *node_budget(const struct relay *r, struct site *site, const struct packet *p,
			     enum standing standing)
{
	struct node *n = standing == STANDING_NODE ? node_by_endpoint(r, p->from) : NULL;

	return n ? &n->handshake_budget : &site->handshake_budget[standing];
}

static struct budget_rate target_rate(const struct node *target, uint64_t now)
{
	return now < target->cookie_until ? BUDGET_TARGET_LOADED : BUDGET_TARGET;
}

bool admit_initiation(struct relay *r, struct site *site, struct node *target,
		      const struct packet *p, enum standing standing, enum tp_reason *why)
{
	unsigned int senders = admit_senders(site, target);
	uint32_t limit = r->config->limits.handshakes_per_node;
	struct budget_rate per_node = {limit, times_at_most(limit, 2)};

	*why = TP_DROP_handshake_quota;
	if (standing == STANDING_UNPROVEN && any_crowded(r, site, target))
		return false;
	if (!budget_take(source_budget(r, p, target->id, standing),
			 share(BUDGET_PAIR, senders, standing), 1, p->now) ||
	    !budget_take(node_budget(r, site, p, standing), share(per_node, senders, standing), 1,
			 p->now))
		return false;
	*why = TP_DROP_target_paced;
	return budget_take(&target->target_budget[standing], target_rate(target, p->now), 1,
			   p->now);
}
