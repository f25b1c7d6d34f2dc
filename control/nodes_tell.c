// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What nodes are told: whom a change touches, and when the difference goes out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "control/nodes_private.h"
#include "control/nodes_reports.h"
#include "log.h"
#include "ncp_document.h"

#define REST_MAX TP_SEC(1)
#define SLICE	 TP_MS(50) /* of a round; then whatever else is ready has its turn */

/* --- telling --- */

int ctl_node_send(struct node *n, json_t *msg)
{
	char *text = msg ? json_dumps(msg, JSON_COMPACT) : NULL;
	int err = text ? tp_ncp_session_send_text(n->session, text, strlen(text)) : -ENOMEM;

	if (!err)
		n->nodes->stats.bytes += strlen(text);
	else
		tp_log_limited(LOG_ERR, "node %s cannot be told: %s", n->device.name,
			       strerror(-err));
	free(text);
	json_decref(msg);
	return err;
}

static json_t *snapshot(const struct node *n, uint64_t revision)
{
	struct tp_ncp_document doc = {ctl_store_epoch(n->nodes->store), revision, n->view};

	return tp_ncp_document_snapshot(&doc);
}

void ctl_node_say_error(struct node *n, const char *code, const char *text)
{
	json_t *last = json_pack("{s:s,s:s,s:s}", "type", "error", "code", code, "message", text);

	tp_ncp_session_close(n->session, last);
	json_decref(last);
}

/* By its view it is known whom a change touches: without that it would not be told again. */
static void keep_view(struct node *n, json_t *view)
{
	json_decref(n->view);
	n->view = view;
	if (ctl_audience_take(n->nodes->audience, &n->seats, n, view))
		ctl_node_say_error(n, "internal", "out of memory");
}

/* A whole view, whatever it had. */
static void tell_all(struct node *n)
{
	uint64_t revision = ctl_store_revision(n->nodes->store);
	struct ctl_error err;
	json_t *view;

	n->whole = false;
	if (ctl_view_of(n->nodes->views, &n->device, &view, &err)) {
		tp_err("node %s: %s", n->device.name, err.text);
		ctl_node_say_error(n, "internal", "the view could not be made");
		return;
	}
	keep_view(n, view);
	n->state.told = revision;
	n->nodes->stats.snapshots++;
	ctl_node_send(n, snapshot(n, revision));
}

/* Only what is different. */
static void tell_changes(struct node *n)
{
	uint64_t revision = ctl_store_revision(n->nodes->store);
	json_t *view, *changes;
	struct ctl_error err;

	if (ctl_view_of(n->nodes->views, &n->device, &view, &err)) {
		tp_err("node %s: %s", n->device.name, err.text);
		return;
	}
	changes = tp_ncp_view_diff(n->view, view);
	if (!changes || json_object_size(changes)) {
		n->nodes->stats.deltas++;
		ctl_node_send(n, tp_ncp_delta_new(ctl_store_epoch(n->nodes->store), n->state.told,
						  revision, changes));
		n->state.told = revision;
	} else {
		json_decref(changes);
	}
	keep_view(n, view);
}

static void make_due(struct node *n)
{
	if (n->state.pending)
		return;
	n->state.pending = true;
	n->round = n->nodes->round;
	TAILQ_INSERT_TAIL(&n->nodes->pending, n, turn);
}

static void make_undue(struct node *n)
{
	if (n->state.pending)
		TAILQ_REMOVE(&n->nodes->pending, n, turn);
	n->state.pending = false;
}

static void tell(struct node *n)
{
	make_undue(n);
	if (!n->device.id[0])
		return;
	if (n->whole)
		tell_all(n);
	else
		tell_changes(n);
}

static void schedule(struct ctl_nodes *nodes)
{
	uint64_t now = tp_now(), wait = nodes->rest_until > now ? nodes->rest_until - now : 0;
	const struct timeval tv = {(time_t)(wait / TP_NS_PER_SEC),
				   (suseconds_t)(wait % TP_NS_PER_SEC / 1000)};

	if (!nodes->scheduled)
		nodes->scheduled = !event_add(nodes->distribute, &tv);
}

/* Those whose turn is in this round; who becomes due meanwhile has to wait for the next one. */
static struct node *next_of_round(const struct ctl_nodes *nodes)
{
	struct node *n = TAILQ_FIRST(&nodes->pending);

	return n && n->round != nodes->round ? n : NULL;
}

static void tell_slice(struct ctl_nodes *nodes)
{
	uint64_t began = tp_now(), now = began;
	struct node *n;

	while (now - began < SLICE && (n = next_of_round(nodes))) {
		tell(n);
		now = tp_now();
	}
	nodes->took += now - began;
}

/* A round rests for as long as it took: what comes meanwhile is told at once to each, and whatever
 * a burst of changes costs, half of the time is left for everything else. Nor does a long round,
 * as after a restart with thousands of nodes, keep everything else waiting until it is over. */
static void on_distribute(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_nodes *nodes = arg;
	struct ctl_error err;

	(void)fd;
	(void)what;
	nodes->scheduled = false;
	if (!nodes->took)
		nodes->round++;
	tell_slice(nodes);
	if (!next_of_round(nodes)) {
		ctl_nodes_settle(nodes, &err);
		nodes->rest_until = tp_now() + (nodes->took < REST_MAX ? nodes->took : REST_MAX);
		nodes->took = 0;
	}
	if (!TAILQ_EMPTY(&nodes->pending))
		schedule(nodes);
}

/* --- whom a change touches --- */

static void touch(struct node *n)
{
	if (n->device.id[0])
		make_due(n);
}

static void invite(struct node *n, const char *network)
{
	ctl_node_send(n, json_pack("{s:s,s:s}", "type", "join", "network_id", network));
}

static bool invite_keyless(void *arg, const struct ctl_peer *p)
{
	if (!p->ip)
		invite(arg, p->network);
	return true;
}

static void invite_all(struct node *n)
{
	struct ctl_error err;

	ctl_peer_list(n->nodes->store, NULL, NULL, n->device.id, "", UINT32_MAX, invite_keyless, n,
		      &err);
}

/* The device of a peer may not have been told of the network yet: it is invited, or has its address
 * now. */
static void follow_peer(struct ctl_nodes *nodes, const struct ctl_change *c)
{
	struct ctl_db *db = ctl_store_db(nodes->store);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT device, ip IS NULL FROM peer WHERE id = ?", "t", c->id);
	struct node *n = NULL;
	bool invited = false;

	if (ctl_db_step(db, q) == 1) {
		n = ctl_node_of(nodes, ctl_db_text(q, 0));
		invited = ctl_db_int(q, 1);
	}
	ctl_db_done(q);
	if (!n)
		return;
	make_due(n);
	if (invited)
		invite(n, c->network);
}

/* The device may be gone: then it is shown out. */
static void follow_device(struct ctl_nodes *nodes, const struct ctl_change *c)
{
	struct node *n = ctl_node_of(nodes, c->id);
	struct ctl_device d;
	struct ctl_error err;

	if (!n)
		return;
	make_due(n);
	if (ctl_device_get(nodes->store, NULL, c->id, &d, &err)) {
		ctl_paths_forget(ctl_path_reports_known(nodes->paths), c->id);
		ctl_node_show_out(n, "unauthenticated", "the device was removed");
	}
}

static void follow_relay(struct ctl_nodes *nodes)
{
	struct node *n;

	TAILQ_FOREACH (n, &nodes->list, entry)
		if (n->device.kind == CTL_RELAY)
			touch(n);
}

/* By what nodes were told: no question to the database for each of them. */
static void follow(struct ctl_nodes *nodes, const struct ctl_change *c)
{
	if (c->kind == CTL_CHANGE_DEVICE)
		follow_device(nodes, c);
	else if (c->kind == CTL_CHANGE_RELAY)
		follow_relay(nodes);
	else
		ctl_audience_each(nodes->audience, c->network, touch);
	if (c->kind == CTL_CHANGE_PEER)
		follow_peer(nodes, c);
}

static void on_change(void *arg, uint64_t revision, const struct ctl_change *changes, size_t count)
{
	struct ctl_nodes *nodes = arg;

	(void)revision;
	for (size_t i = 0; i < count; i++)
		ctl_views_change(nodes->views, &changes[i]);
	for (size_t i = 0; i < count; i++)
		follow(nodes, &changes[i]);
	schedule(nodes);
}

void ctl_node_welcome(struct node *n)
{
	invite_all(n);
	n->whole = true;
	make_due(n);
	schedule(n->nodes);
}

void ctl_node_forget(struct node *n)
{
	make_undue(n);
	ctl_audience_leave(n->nodes->audience, &n->seats);
	json_decref(n->view);
	n->view = NULL;
}

/* --- life --- */

int ctl_nodes_tell_start(struct ctl_nodes *nodes)
{
	TAILQ_INIT(&nodes->pending);
	nodes->views = ctl_views_new(nodes->store, ctl_nodes_paths(nodes));
	nodes->audience = ctl_audience_new();
	nodes->distribute = event_new(nodes->base, -1, 0, on_distribute, nodes);
	if (!nodes->views || !nodes->audience || !nodes->distribute)
		return -ENOMEM;
	ctl_store_listen(nodes->store, on_change, nodes);
	return 0;
}

void ctl_nodes_tell_stop(struct ctl_nodes *nodes)
{
	ctl_store_listen(nodes->store, NULL, NULL);
	if (nodes->distribute)
		event_free(nodes->distribute);
	ctl_audience_free(nodes->audience);
	ctl_views_free(nodes->views);
}
