// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/nodes_seen.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/device.h"
#include "log.h"

struct ctl_seen {
	struct ctl_store *store;
	struct event *timer; /* pending: some wait */
	char (*left)[CTL_ID_LEN];
	size_t n, room;
};

static int write_all(struct ctl_seen *s, struct ctl_error *err)
{
	if (ctl_begin(s->store, "system", err))
		return -1;
	for (size_t i = 0; i < s->n; i++)
		if (ctl_device_seen(s->store, s->left[i], err)) {
			ctl_rollback(s->store);
			return -1;
		}
	return ctl_commit(s->store, err);
}

static void flush(struct ctl_seen *s)
{
	struct ctl_error err;

	if (s->n && write_all(s, &err))
		tp_err("when devices were last seen: %s", err.text);
	s->n = 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

struct ctl_seen *ctl_seen_new(struct event_base *base, struct ctl_store *store)
{
	struct ctl_seen *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->store = store;
	s->timer = evtimer_new(base, on_timer, s);
	if (!s->timer) {
		free(s);
		return NULL;
	}
	return s;
}

void ctl_seen_free(struct ctl_seen *s)
{
	if (!s)
		return;
	flush(s);
	event_free(s->timer);
	free(s->left);
	free(s);
}

void ctl_seen_left(struct ctl_seen *s, const char *device)
{
	static const struct timeval soon = {.tv_sec = 1};

	if (s->n == s->room) {
		size_t room = 2 * s->room + 64;
		void *left = realloc(s->left, room * sizeof(*s->left));

		if (!left)
			return;
		s->left = left;
		s->room = room;
	}
	snprintf(s->left[s->n++], sizeof(*s->left), "%s", device);
	if (!evtimer_pending(s->timer, NULL))
		evtimer_add(s->timer, &soon);
}
