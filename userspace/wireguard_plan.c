// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wireguard_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "wireguard_state.h"

static struct tp_wireguard_peer_change *add_change(struct tp_wireguard_plan *plan,
						   const uint8_t public_key[WG_KEY_LEN])
{
	struct tp_wireguard_peer_change *change = &plan->peers[plan->n_peers++];

	memset(change, 0, sizeof(*change));
	memcpy(change->public_key, public_key, WG_KEY_LEN);
	change->keepalive = -1;
	change->allowed = plan->prefixes + plan->n_prefixes;
	return change;
}

static void add_allowed(struct tp_wireguard_plan *plan, struct tp_wireguard_peer_change *change,
			const struct state_prefix *prefix)
{
	plan->prefixes[plan->n_prefixes++] = prefix->key;
	change->n_allowed++;
}

static void add_removal(struct tp_wireguard_plan *plan, const uint8_t public_key[WG_KEY_LEN])
{
	struct tp_wireguard_peer_change *change = add_change(plan, public_key);

	change->remove = true;
	change->update_only = true;
}

static void plan_device(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
			const struct tp_wireguard_state *to,
			const struct tp_wireguard_config *config)
{
	struct tp_wireguard_device_change *device = &plan->device;

	device->private_key =
		memcmp(from->public_key, to->public_key, WG_KEY_LEN) ? config->private_key : NULL;
	device->listen_port =
		to->listen_port && to->listen_port != from->listen_port ? to->listen_port : -1;
	device->fwmark = to->fwmark != from->fwmark ? (int64_t)to->fwmark : -1;
}

/* --- prefixes that staying peers lose --- */

static bool is_lost(const struct state_prefix *prefix, const struct tp_wireguard_state *to)
{
	return !tp_wireguard_state_prefix(to, &prefix->key) &&
	       tp_wireguard_state_peer(to, prefix->owner->public_key);
}

/* Gives them to a peer whose key nobody has the secret of. Returns whether there are any. */
static bool plan_scratch(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
			 const struct tp_wireguard_state *to, uint8_t scratch[WG_KEY_LEN])
{
	struct tp_wireguard_peer_change *change = NULL;
	struct state_prefix *prefix, *next;

	tp_random(scratch, WG_KEY_LEN);
	HASH_ITER (hh, from->prefixes, prefix, next) {
		if (!is_lost(prefix, to))
			continue;
		if (!change)
			change = add_change(plan, scratch);
		add_allowed(plan, change, prefix);
	}
	return change;
}

/* --- peers --- */

static bool owned_by(const struct tp_wireguard_state *state, const struct state_prefix *prefix)
{
	const struct state_prefix *entry = tp_wireguard_state_prefix(state, &prefix->key);

	return entry && !memcmp(entry->owner->public_key, prefix->owner->public_key, WG_KEY_LEN);
}

static void plan_allowed(struct tp_wireguard_plan *plan, struct tp_wireguard_peer_change *change,
			 const struct tp_wireguard_state *from, const struct state_peer *peer)
{
	for (const struct state_prefix *p = peer->allowed; p; p = p->next)
		if (!owned_by(from, p))
			add_allowed(plan, change, p);
}

static void plan_new_peer(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
			  const struct state_peer *peer, const struct tp_wireguard_peer *wanted)
{
	static const uint8_t none[WG_MAC_LEN];
	struct tp_wireguard_peer_change *change = add_change(plan, peer->public_key);

	if (memcmp(peer->preshared_print, none, sizeof(none)))
		change->preshared_key = wanted->preshared_key;
	change->endpoint = peer->endpoint;
	if (peer->keepalive)
		change->keepalive = peer->keepalive;
	plan_allowed(plan, change, from, peer);
}

static void plan_kept_peer(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
			   const struct state_peer *old, const struct state_peer *peer,
			   const struct tp_wireguard_peer *wanted)
{
	struct tp_wireguard_peer_change *change = add_change(plan, peer->public_key);

	change->update_only = true;
	if (memcmp(old->preshared_print, peer->preshared_print, WG_MAC_LEN))
		change->preshared_key = wanted->preshared_key;
	if (!tp_endpoint_equal(&old->endpoint, &peer->endpoint))
		change->endpoint = peer->endpoint;
	if (old->keepalive != peer->keepalive)
		change->keepalive = peer->keepalive;
	plan_allowed(plan, change, from, peer);
	if (!change->preshared_key && !change->endpoint.port && change->keepalive < 0 &&
	    !change->n_allowed)
		plan->n_peers--;
}

static void plan_peers(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
		       const struct tp_wireguard_state *to,
		       const struct tp_wireguard_config *config)
{
	const struct tp_wireguard_peer *wanted;
	struct state_peer *peer, *next, *old;

	HASH_ITER (hh, to->peers, peer, next) {
		wanted = &config->peers[peer->index];
		old = tp_wireguard_state_peer(from, peer->public_key);
		if (old)
			plan_kept_peer(plan, from, old, peer, wanted);
		else
			plan_new_peer(plan, from, peer, wanted);
	}
}

static void plan_removals(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
			  const struct tp_wireguard_state *to)
{
	struct state_peer *peer, *next;

	HASH_ITER (hh, from->peers, peer, next) {
		if (!tp_wireguard_state_peer(to, peer->public_key))
			add_removal(plan, peer->public_key);
	}
}

/* --- the whole --- */

static int make_room(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
		     const struct tp_wireguard_state *to)
{
	size_t peers = HASH_COUNT(from->peers) + HASH_COUNT(to->peers) + 2;
	size_t prefixes = HASH_COUNT(from->prefixes) + HASH_COUNT(to->prefixes) + 1;

	plan->peers = calloc(peers, sizeof(*plan->peers));
	plan->prefixes = calloc(prefixes, sizeof(*plan->prefixes));
	if (plan->peers && plan->prefixes)
		return 0;
	tp_wireguard_plan_fini(plan);
	return -ENOMEM;
}

int tp_wireguard_plan(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
		      const struct tp_wireguard_state *to, const struct tp_wireguard_config *config)
{
	uint8_t scratch[WG_KEY_LEN];
	bool scratched;
	int err;

	memset(plan, 0, sizeof(*plan));
	err = make_room(plan, from, to);
	if (err)
		return err;
	plan_device(plan, from, to, config);
	scratched = plan_scratch(plan, from, to, scratch);
	plan_peers(plan, from, to, config);
	plan_removals(plan, from, to);
	if (scratched)
		add_removal(plan, scratch);
	return 0;
}

void tp_wireguard_plan_fini(struct tp_wireguard_plan *plan)
{
	free(plan->peers);
	free(plan->prefixes);
	memset(plan, 0, sizeof(*plan));
}

bool tp_wireguard_plan_is_empty(const struct tp_wireguard_plan *plan)
{
	return !plan->n_peers && !plan->device.private_key && plan->device.listen_port < 0 &&
	       plan->device.fwmark < 0;
}
