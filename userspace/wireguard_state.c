// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wireguard_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"

static const uint8_t none[WG_KEY_LEN];

static bool is_none(const uint8_t key[WG_KEY_LEN])
{
	return tp_equal(key, none, WG_KEY_LEN);
}

struct tp_wireguard_state *tp_wireguard_state_new(void)
{
	return calloc(1, sizeof(struct tp_wireguard_state));
}

void tp_wireguard_state_free(struct tp_wireguard_state *state)
{
	struct state_prefix *prefix, *next_prefix;
	struct state_peer *peer, *next_peer;

	if (!state)
		return;
	HASH_ITER (hh, state->prefixes, prefix, next_prefix) {
		HASH_DEL(state->prefixes, prefix);
		free(prefix);
	}
	HASH_ITER (hh, state->peers, peer, next_peer) {
		HASH_DEL(state->peers, peer);
		free(peer);
	}
	tp_wipe(state->private_key, sizeof(state->private_key));
	free(state);
}

struct state_peer *tp_wireguard_state_peer(const struct tp_wireguard_state *state,
					   const uint8_t public_key[WG_KEY_LEN])
{
	struct state_peer *peer;

	HASH_FIND(hh, state->peers, public_key, WG_KEY_LEN, peer);
	return peer;
}

static struct tp_wireguard_prefix network(const struct tp_wireguard_prefix *prefix)
{
	struct tp_wireguard_prefix key;

	memset(&key, 0, sizeof(key));
	key.addr = tp_addr_prefix(&prefix->addr, prefix->bits);
	key.bits = prefix->bits;
	return key;
}

struct state_prefix *tp_wireguard_state_prefix(const struct tp_wireguard_state *state,
					       const struct tp_wireguard_prefix *prefix)
{
	struct tp_wireguard_prefix key = network(prefix);
	struct state_prefix *found;

	HASH_FIND(hh, state->prefixes, &key, sizeof(key), found);
	return found;
}

/* --- filling --- */

static int add_peer(struct tp_wireguard_state *state, const uint8_t public_key[WG_KEY_LEN],
		    struct state_peer **out)
{
	struct state_peer *peer = calloc(1, sizeof(*peer));

	*out = NULL;
	if (!peer)
		return -ENOMEM;
	memcpy(peer->public_key, public_key, WG_KEY_LEN);
	HASH_ADD(hh, state->peers, public_key, WG_KEY_LEN, peer);
	if (!tp_hash_added(peer)) {
		free(peer);
		return -ENOMEM;
	}
	*out = peer;
	return 0;
}

static int add_prefix(struct tp_wireguard_state *state, struct state_peer *peer,
		      const struct tp_wireguard_prefix *prefix)
{
	struct state_prefix *entry = tp_wireguard_state_prefix(state, prefix);

	if (entry)
		return entry->owner == peer ? 0 : -EEXIST;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->key = network(prefix);
	entry->owner = peer;
	HASH_ADD(hh, state->prefixes, key, sizeof(entry->key), entry);
	if (!tp_hash_added(entry)) {
		free(entry);
		return -ENOMEM;
	}
	entry->next = peer->allowed;
	peer->allowed = entry;
	return 0;
}

static void set_private_key(struct tp_wireguard_state *state, const uint8_t key[WG_KEY_LEN])
{
	memcpy(state->private_key, key, WG_KEY_LEN);
	if (!is_none(key))
		tp_public_key(state->public_key, key);
}

/* The peer's key is hashed too: else equal secrets of two peers would show. */
static void set_preshared_key(const struct tp_wireguard_state *state, struct state_peer *peer,
			      const uint8_t key[WG_KEY_LEN])
{
	uint8_t both[2 * WG_KEY_LEN];

	memset(peer->preshared_print, 0, sizeof(peer->preshared_print));
	if (is_none(key))
		return;
	memcpy(both, peer->public_key, WG_KEY_LEN);
	memcpy(both + WG_KEY_LEN, key, WG_KEY_LEN);
	tp_mac(peer->preshared_print, state->private_key, WG_KEY_LEN, both, sizeof(both));
	tp_wipe(both, sizeof(both));
}

/* --- of a config --- */

static int take_peer(struct tp_wireguard_state *state, const struct tp_wireguard_peer *peer,
		     size_t index, const char **why)
{
	struct state_peer *entry;
	int err;

	if (tp_wireguard_state_peer(state, peer->public_key)) {
		*why = "a peer is there twice";
		return -EINVAL;
	}
	err = add_peer(state, peer->public_key, &entry);
	if (err)
		return err;
	entry->index = index;
	entry->endpoint = peer->endpoint;
	entry->keepalive = peer->keepalive;
	set_preshared_key(state, entry, peer->preshared_key);
	for (size_t i = 0; !err && i < peer->n_allowed; i++)
		err = add_prefix(state, entry, &peer->allowed[i]);
	if (err == -EEXIST) {
		*why = "two peers have the same allowed IPs";
		return -EINVAL;
	}
	return err;
}

int tp_wireguard_state_of(struct tp_wireguard_state **out, const struct tp_wireguard_config *config,
			  const char **why)
{
	struct tp_wireguard_state *state = tp_wireguard_state_new();
	int err = 0;

	*out = NULL;
	*why = "out of memory";
	if (!state)
		return -ENOMEM;
	set_private_key(state, config->private_key);
	state->listen_port = config->listen_port;
	state->fwmark = config->fwmark;
	for (size_t i = 0; !err && i < config->n_peers; i++)
		err = take_peer(state, &config->peers[i], i, why);
	tp_wipe(state->private_key, sizeof(state->private_key));
	if (err) {
		tp_wireguard_state_free(state);
		return err;
	}
	*out = state;
	return 0;
}

/* --- of a device --- */

static int find_or_add(struct tp_wireguard_state *state, const uint8_t public_key[WG_KEY_LEN],
		       struct state_peer **out)
{
	*out = tp_wireguard_state_peer(state, public_key);
	return *out ? 0 : add_peer(state, public_key, out);
}

static int saw_device(void *ctx, const struct tp_wireguard_seen_device *device)
{
	struct tp_wireguard_state *state = ctx;

	set_private_key(state, device->private_key);
	state->listen_port = device->listen_port;
	state->fwmark = device->fwmark;
	return 0;
}

static int saw_peer(void *ctx, const struct tp_wireguard_seen_peer *peer)
{
	struct tp_wireguard_state *state = ctx;
	struct state_peer *entry;
	int err = find_or_add(state, peer->stats.public_key, &entry);

	if (err)
		return err;
	entry->endpoint = peer->stats.endpoint;
	entry->keepalive = peer->keepalive;
	set_preshared_key(state, entry, peer->preshared_key);
	return 0;
}

static int saw_allowed(void *ctx, const uint8_t public_key[WG_KEY_LEN],
		       const struct tp_wireguard_prefix *prefix)
{
	struct tp_wireguard_state *state = ctx;
	struct state_peer *entry;
	int err = find_or_add(state, public_key, &entry);

	return err ?: add_prefix(state, entry, prefix);
}

struct tp_wireguard_sink tp_wireguard_state_sink(struct tp_wireguard_state *state)
{
	return (struct tp_wireguard_sink){state, saw_device, saw_peer, saw_allowed};
}

void tp_wireguard_state_endpoints(struct tp_wireguard_state *seen,
				  const struct tp_wireguard_state *last,
				  const struct tp_wireguard_state *wanted)
{
	const struct state_peer *configured;
	struct state_peer *peer, *next;

	HASH_ITER (hh, seen->peers, peer, next) {
		if (!peer->endpoint.port)
			continue;
		configured = last ? tp_wireguard_state_peer(last, peer->public_key) : NULL;
		if (!configured || !configured->endpoint.port)
			configured = tp_wireguard_state_peer(wanted, peer->public_key);
		if (configured)
			peer->endpoint = configured->endpoint;
	}
}
