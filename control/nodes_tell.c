// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What nodes are told: whom a change touches, and when the difference goes out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "control/json_memory.h"
#include "control/nodes_private.h"
#include "control/nodes_settle.h"
#include "control/peer.h"
#include "log.h"
#include "ncp_document.h"

#define REST_MAX TP_SEC(1)
#define SLICE	 TP_MS(50)

/* --- telling --- */

/* NULL without memory. Of that Jansson 2.14 would sometimes just leave out a key. */
static char *text_of(const json_t *msg)
{
	unsigned long failures = ctl_json_failures();
	char *text = msg ? json_dumps(msg, JSON_COMPACT) : NULL;

	if (ctl_json_failures() == failures)
		return text;
	free(text);
	return NULL;
}

int ctl_node_send(struct node *n, json_t *msg)
{
	char *text = text_of(msg);
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

static json_t *snapshot(const struct node *n, json_t *view, uint64_t revision)
{
	struct tp_ncp_document doc = {ctl_store_epoch(n->nodes->store), revision, view};

	return tp_ncp_document_snapshot(&doc);
}

void ctl_node_say_error(struct node *n, const char *code, const char *text)
{
	json_t *last = json_pack("{s:s,s:s,s:s}", "type", "error", "code", code, "message", text);

	tp_ncp_session_close(n->session, last);
	json_decref(last);
}

/* --- invitations --- */

static void invite(struct node *n, const char *network)
{
	if (ctl_node_send(n, json_pack("{s:s,s:s}", "type", "join", "network_id", network)))
		n->uninvited = true;
}

static bool invite_keyless(void *arg, const struct ctl_peer *p)
{
	if (!p->ip)
		invite(arg, p->network);
	return true;
}

static int invite_all(struct node *n)
{
	struct ctl_error err;

	n->uninvited = false;
	if (ctl_peer_list(n->nodes->store, NULL, NULL, n->device.id, "", UINT32_MAX, invite_keyless,
			  n, &err))
		n->uninvited = true;
	return n->uninvited ? -1 : 0;
}

/* --- views --- */

/* By its view it is known whom a change touches: without that it would not be told again. */
static void keep(struct node *n, json_t *view, uint64_t revision)
{
	json_decref(n->view);
	n->view = json_incref(view);
	n->state.told = revision;
	if (ctl_audience_take(n->nodes->audience, &n->seats, n, view))
		ctl_node_say_error(n, "internal", "out of memory");
}

/* A whole view, whatever it had. */
static int tell_all(struct node *n, json_t *view, uint64_t revision)
{
	if (ctl_node_send(n, snapshot(n, view, revision)))
		return -1;
	n->whole = false;
	n->nodes->stats.snapshots++;
	keep(n, view, revision);
	return 0;
}

/* Only what is different. */
static int tell_changes(struct node *n, json_t *view, uint64_t revision)
{
	json_t *changes = tp_ncp_view_diff(n->view, view);
	uint64_t told = n->state.told;

	if (json_object_size(changes) || !changes) {
		if (ctl_node_send(n, tp_ncp_delta_new(ctl_store_epoch(n->nodes->store), told,
						      revision, changes)))
			return -1;
		n->nodes->stats.deltas++;
		told = revision;
	} else {
		json_decref(changes);
	}
	keep(n, view, told);
	return 0;
}

/* Unless it is on its way, nothing has changed. */
static int try_to_tell(struct node *n)
{
	uint64_t revision = ctl_store_revision(n->nodes->store);
	struct ctl_error err;
	json_t *view;
	int rc;

	if (n->uninvited && invite_all(n))
		return -1;
	if (ctl_view_of(n->nodes->views, &n->device, &view, &err)) {
		tp_log_limited(LOG_ERR, "node %s cannot be told yet: %s", n->device.name, err.text);
		return -1;
	}
	rc = n->whole ? tell_all(n, view, revision) : tell_changes(n, view, revision);
	json_decref(view);
	return rc;
}

static void tell(struct node *n)
{
	ctl_turn_take(n);
	if (n->device.id[0] && try_to_tell(n))
		ctl_turn_failed(n);
	else
		ctl_turn_done(n);
}

static void tell_slice(struct ctl_nodes *nodes)
{
	uint64_t began = tp_now(), now = began;
	struct node *n;

	while ((n = ctl_turn_next(nodes))) {
		tell(n);
		now = tp_now();
		if (now - began >= nodes->slice)
			break;
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
	if (!ctl_turn_next(nodes)) {
		ctl_nodes_settle(nodes, NULL, &err);
		nodes->rest_until = tp_now() + (nodes->took < REST_MAX ? nodes->took : REST_MAX);
		nodes->took = 0;
	}
	if (!TAILQ_EMPTY(&nodes->due))
		ctl_turns_schedule(nodes);
}

/* --- whom a change touches --- */

static void touch(struct node *n)
{
	if (n->device.id[0])
		ctl_turn_due(n);
}

/* Whom it touches cannot be found out. */
static void touch_all(struct ctl_nodes *nodes)
{
	struct node *n;

	TAILQ_FOREACH (n, &nodes->list, entry) {
		n->uninvited = true;
		touch(n);
	}
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
	int got = ctl_db_step(db, q);

	if (got == 1) {
		n = ctl_node_of(nodes, ctl_db_text(q, 0));
		invited = ctl_db_int(q, 1);
	}
	ctl_db_done(q);
	if (got < 0)
		touch_all(nodes);
	if (!n)
		return;
	ctl_turn_due(n);
	if (invited)
		invite(n, c->network);
}

/* The device may be gone: then it is shown out. When that cannot be found out, too: its next hello
 * will tell. */
static void follow_device(struct ctl_nodes *nodes, const struct ctl_change *c)
{
	struct node *n = ctl_node_of(nodes, c->id);
	struct ctl_device d;
	struct ctl_error err;

	if (!n)
		return;
	ctl_turn_due(n);
	if (!ctl_device_get(nodes->store, NULL, c->id, &d, &err))
		return;
	if (err.code == CTL_NOT_FOUND) {
		ctl_paths_forget(ctl_path_reports_known(nodes->paths), c->id);
		ctl_fail(&err, CTL_UNAUTHENTICATED, "the device was removed");
	}
	ctl_node_show_out(n, ctl_code_name(err.code), err.text);
}

/* The relay itself: whom it serves may be different. A change of what it is to others comes with
 * changes of their networks. */
static void follow_relay(struct ctl_nodes *nodes, const struct ctl_change *c)
{
	struct ctl_db *db = ctl_store_db(nodes->store);
	struct sqlite3_stmt *q = ctl_db_query(
		db, "SELECT device FROM relay WHERE id = ? AND device IS NOT NULL", "t", c->id);
	int got = ctl_db_step(db, q);
	struct node *n = got == 1 ? ctl_node_of(nodes, ctl_db_text(q, 0)) : NULL;

	ctl_db_done(q);
	if (n)
		ctl_turn_due(n);
	if (got < 0)
		touch_all(nodes);
}

/* By what nodes were told: no question to the database for each of them. */
static void follow(struct ctl_nodes *nodes, const struct ctl_change *c)
{
	if (c->kind == CTL_CHANGE_DEVICE)
		follow_device(nodes, c);
	else if (c->kind == CTL_CHANGE_RELAY)
		follow_relay(nodes, c);
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
	ctl_turns_schedule(nodes);
}

void ctl_node_welcome(struct node *n)
{
	invite_all(n);
	n->whole = true;
	ctl_turn_due(n);
	ctl_turns_schedule(n->nodes);
}

void ctl_node_forget(struct node *n)
{
	ctl_turn_forget(n);
	ctl_audience_leave(n->nodes->audience, &n->seats);
	json_decref(n->view);
	n->view = NULL;
}

/* --- life --- */

int ctl_nodes_tell_start(struct ctl_nodes *nodes)
{
	TAILQ_INIT(&nodes->due);
	nodes->slice = SLICE;
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
