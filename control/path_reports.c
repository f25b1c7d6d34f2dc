// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/path_reports.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "control/relay.h"
#include "hash.h"
#include "log.h"

#define EVERY_SECONDS 2
#define TOLD_AT_ONCE  64 /* networks; those beyond wait for the next round */

/* A network in which something is different. */
struct marked {
	char network[CTL_ID_LEN];
	UT_hash_handle hh;
};

struct ctl_path_reports {
	struct ctl_store *store;
	struct ctl_paths *paths;
	struct event *timer;
	bool pausing;	       /* the timer runs, after a round */
	struct marked *marked; /* the first to be told first */
};

/* --- telling --- */

static int tell(struct ctl_path_reports *r, struct ctl_error *err)
{
	const struct marked *m = r->marked;

	if (ctl_begin(r->store, "ncp", err))
		return -1;
	for (size_t i = 0; m && i < TOLD_AT_ONCE; i++, m = m->hh.next)
		ctl_changed(r->store, CTL_CHANGE_NETWORK, m->network, m->network);
	return ctl_commit(r->store, err);
}

static void forget(struct ctl_path_reports *r, size_t count)
{
	struct marked *m;

	for (size_t i = 0; (m = r->marked) && i < count; i++) {
		HASH_DELETE(hh, r->marked, m);
		free(m);
	}
}

static void go_on(struct ctl_path_reports *r, time_t seconds)
{
	const struct timeval tv = {.tv_sec = seconds};

	r->pausing = !event_add(r->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_path_reports *r = arg;
	struct ctl_error err;

	(void)fd;
	(void)what;
	r->pausing = false;
	if (!r->marked)
		return;
	if (tell(r, &err))
		tp_log_limited(LOG_ERR, "round trips: %s", err.text);
	else
		forget(r, TOLD_AT_ONCE);
	go_on(r, EVERY_SECONDS);
}

static int mark(struct ctl_path_reports *r, const char *network, struct ctl_error *err)
{
	struct marked *m;

	HASH_FIND_STR(r->marked, network, m);
	if (m)
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	strcpy(m->network, network);
	HASH_ADD_STR(r->marked, network, m);
	if (!tp_hash_added(m)) {
		free(m);
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	}
	if (!r->pausing)
		go_on(r, 0);
	return 0;
}

/* --- taking --- */

static int said(struct ctl_path_reports *r, const struct ctl_device *d,
		const struct tp_ncp_stats *stats, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(r->store);
	struct sqlite3_stmt *q;
	int got, rc = 0;

	if (!ctl_paths_say(r->paths, d->id, stats->paths, stats->n_paths))
		return 0;
	q = ctl_db_query(db, "SELECT network FROM peer WHERE device = ?", "t", d->id);
	while ((got = ctl_db_step(db, q)) == 1)
		rc = rc ? rc : mark(r, ctl_db_text(q, 0), err);
	return rc ? rc : ctl_fail_db(err, got, "network");
}

/* What is not of a node that it serves is nobody's. */
static int measured(struct ctl_path_reports *r, const struct ctl_device *d,
		    const struct tp_ncp_stats *stats, struct ctl_error *err)
{
	struct ctl_error not_served;
	struct ctl_served node;

	for (size_t i = 0; i < stats->n_paths; i++) {
		const struct tp_ncp_path *p = &stats->paths[i];

		if (!ctl_relay_served(r->store, d->id, p->public_key, &node, &not_served) &&
		    ctl_paths_measure(r->paths, node.relay_key, p->public_key, p->rtt_us) &&
		    mark(r, node.network, err))
			return -1;
	}
	return 0;
}

int ctl_path_reports_take(struct ctl_path_reports *r, const struct ctl_device *d,
			  const struct tp_ncp_stats *stats, struct ctl_error *err)
{
	return d->kind == CTL_RELAY ? measured(r, d, stats, err) : said(r, d, stats, err);
}

struct ctl_paths *ctl_path_reports_known(struct ctl_path_reports *r)
{
	return r->paths;
}

/* --- life --- */

int ctl_path_reports_new(struct ctl_path_reports **out, struct event_base *base,
			 struct ctl_store *store)
{
	struct ctl_path_reports *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->store = store;
	r->paths = ctl_paths_new(ctl_now(store));
	r->timer = event_new(base, -1, 0, on_timer, r);
	if (!r->paths || !r->timer) {
		ctl_path_reports_free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void ctl_path_reports_free(struct ctl_path_reports *r)
{
	if (!r)
		return;
	if (r->timer)
		event_free(r->timer);
	ctl_paths_free(r->paths);
	forget(r, SIZE_MAX);
	free(r);
}
