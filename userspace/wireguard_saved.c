// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What of a state outlives the process: {"endpoints": {"<public key>": "203.0.113.9:443", …}}. */
#include <errno.h>

#include "crypto.h"
#include "wireguard_state.h"

static int save_peer(json_t *endpoints, const struct state_peer *peer)
{
	char key[TP_KEY_STRLEN], endpoint[TP_ADDR_STRLEN];

	if (!peer->endpoint.port)
		return 0;
	return json_object_set_new(endpoints, tp_key_format(peer->public_key, key),
				   json_string(tp_endpoint_format(&peer->endpoint, endpoint)));
}

json_t *tp_wireguard_state_save(const struct tp_wireguard_state *state)
{
	json_t *endpoints = json_object();
	struct state_peer *peer, *next;
	int err = endpoints ? 0 : -ENOMEM;

	HASH_ITER (hh, state->peers, peer, next) {
		err = err ?: save_peer(endpoints, peer);
	}
	if (err) {
		json_decref(endpoints);
		return NULL;
	}
	return json_pack("{s:o}", "endpoints", endpoints);
}

static int load_peer(const struct tp_wireguard_sink *sink, const char *key, const json_t *value)
{
	struct tp_wireguard_seen_peer peer = {0};

	if (!json_is_string(value) || tp_key_parse(key, peer.stats.public_key) ||
	    tp_endpoint_parse(json_string_value(value), &peer.stats.endpoint))
		return -EINVAL;
	return sink->peer(sink->ctx, &peer);
}

int tp_wireguard_state_load(struct tp_wireguard_state **out, const json_t *saved)
{
	json_t *endpoints = json_object_get(saved, "endpoints"), *value;
	struct tp_wireguard_state *state;
	struct tp_wireguard_sink sink;
	const char *key;
	int err = 0;

	*out = NULL;
	if (!json_is_object(endpoints))
		return -EINVAL;
	state = tp_wireguard_state_new();
	if (!state)
		return -ENOMEM;
	sink = tp_wireguard_state_sink(state);
	json_object_foreach(endpoints, key, value)
	{
		err = err ?: load_peer(&sink, key, value);
	}
	if (err) {
		tp_wireguard_state_free(state);
		return err;
	}
	*out = state;
	return 0;
}
