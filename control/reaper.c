// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/reaper.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "control/device.h"
#include "control/nodes.h"
#include "log.h"

#define ROUNDS 10 /* while a device is away */

struct ctl_reaper {
	struct event *timer;
	struct ctl_store *store;
	const struct ctl_nodes *nodes;
	int64_t away_ms;
	int rounds_until; /* the first deletion */
};

static bool connected(void *arg, const char *device)
{
	const struct ctl_reaper *r = arg;
	struct ctl_node_state state;

	return ctl_nodes_find(r->nodes, device, &state);
}

static int reap(struct ctl_reaper *r, unsigned int *n, struct ctl_error *err)
{
	int64_t since = r->rounds_until ? 0 : ctl_now(r->store) - r->away_ms;

	if (ctl_begin(r->store, "system", err))
		return -1;
	if (ctl_device_reap(r->store, since, connected, r, n, err)) {
		ctl_rollback(r->store);
		return -1;
	}
	return ctl_commit(r->store, err);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_reaper *r = arg;
	struct ctl_error err;
	unsigned int n;

	(void)fd;
	(void)what;
	r->rounds_until -= r->rounds_until > 0;
	if (reap(r, &n, &err))
		tp_err("ephemeral devices: %s", err.text);
	else if (n)
		tp_info("%u ephemeral devices were away for too long and are deleted", n);
}

int ctl_reaper_new(struct ctl_reaper **out, struct event_base *base, struct ctl_store *store,
		   const struct ctl_nodes *nodes, int64_t away_ms)
{
	struct ctl_reaper *r = calloc(1, sizeof(*r));
	const int64_t every = away_ms / ROUNDS;
	const struct timeval tv = {every / 1000, every % 1000 * 1000};

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->store = store;
	r->nodes = nodes;
	r->away_ms = away_ms;
	r->rounds_until = ROUNDS;
	r->timer = event_new(base, -1, EV_PERSIST, on_timer, r);
	if (!r->timer || event_add(r->timer, &tv)) {
		ctl_reaper_free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void ctl_reaper_free(struct ctl_reaper *r)
{
	if (!r)
		return;
	if (r->timer)
		event_free(r->timer);
	free(r);
}
