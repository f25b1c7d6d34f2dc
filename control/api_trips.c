// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/api_trips.h"

#include <stdlib.h>
#include <string.h>

#include "control/api_call.h"
#include "control/nodes.h"
#include "control/paths.h"
#include "control/relay.h"

struct api_trip_relay {
	char id[CTL_ID_LEN], name[CTL_NAME_LEN];
	uint8_t public_key[32];
};

static bool add_relay(void *arg, const struct ctl_relay *r)
{
	struct api_trips *t = arg;
	struct api_trip_relay *grown;

	if (!r->has_key)
		return true;
	grown = reallocarray(t->relays, t->n + 1, sizeof(*grown));
	if (!grown)
		return false; /* round trips that are not shown do no harm */
	t->relays = grown;
	grown += t->n++;
	strcpy(grown->id, r->id);
	strcpy(grown->name, r->name);
	memcpy(grown->public_key, r->public_key, sizeof(grown->public_key));
	return true;
}

int api_trips_begin(struct api_call *c, const char *network, struct api_trips *t)
{
	*t = (struct api_trips){.call = c};
	if (!ctl_nodes_paths(c->api->setup.nodes))
		return 0;
	return ctl_relay_of_network(c->store, network, add_relay, t, &c->err);
}

void api_trips_end(struct api_trips *t)
{
	free(t->relays);
}

struct trip {
	const struct api_trip_relay *relay;
	uint32_t us;
};

static int by_length(const void *a, const void *b)
{
	const struct trip *x = a, *y = b;

	return x->us != y->us ? (x->us > y->us) - (x->us < y->us)
			      : strcmp(x->relay->id, y->relay->id);
}

static size_t find_trips(const struct api_trips *t, const struct ctl_peer *p, struct trip *trips)
{
	const struct ctl_paths *paths = ctl_nodes_paths(t->call->api->setup.nodes);
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		trips[n].relay = &t->relays[i];
		n += ctl_paths_get(paths, p->device, p->public_key, t->relays[i].public_key,
				   &trips[n].us);
	}
	qsort(trips, n, sizeof(*trips), by_length);
	return n;
}

struct json_t *api_trips_json(const struct api_trips *t, const struct ctl_peer *p)
{
	struct trip *trips = calloc(t->n + 1, sizeof(*trips));
	json_t *list = json_array();
	size_t n = trips ? find_trips(t, p, trips) : 0;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:s,s:s,s:I}", "relayId", trips[i].relay->id, "relayName",
					trips[i].relay->name, "rttUs", (json_int_t)trips[i].us));
	free(trips);
	return list;
}
