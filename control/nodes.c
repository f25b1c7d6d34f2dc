// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/nodes.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "control/nodes_reports.h"
#include "control/path_reports.h"
#include "control/view.h"
#include "acceptor.h"
#include "crypto.h"
#include "log.h"
#include "ncp.h"
#include "ncp_document.h"
#include "ncp_messages.h"
#include "ncp_session.h"

#define ANONYMOUS_MAX 1024 /* connections that have not said hello */

struct node {
	struct ctl_nodes *nodes;
	struct tp_ncp_session *session;
	struct ctl_device device; /* id is "" before its hello */
	char auth_key[129];
	json_t *view; /* as it was told */
	bool known;   /* its hello was good; an empty id then: on its way out */
	bool dirty;   /* something that touches it was not told yet */
	struct ctl_node_state state;
	LIST_ENTRY(node) entry;
};

struct ctl_nodes {
	struct event_base *base;
	struct ctl_store *store;
	struct tp_acceptor *acceptor;
	struct event *distribute;
	struct ctl_path_reports *paths;
	struct tp_ncp_session_config config;
	unsigned long ends[TP_NCP_N_ENDS];
	LIST_HEAD(, node) list;
	unsigned int n_anonymous;
	struct ctl_nodes_stats stats;
};

/* --- telling --- */

static int send_counted(struct node *n, json_t *msg)
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

static void say_error(struct node *n, const char *code, const char *text)
{
	json_t *last = json_pack("{s:s,s:s,s:s}", "type", "error", "code", code, "message", text);

	tp_ncp_session_close(n->session, last);
	json_decref(last);
}

/* A whole view, whatever it had. */
static void tell_all(struct node *n, struct ctl_views *views)
{
	uint64_t revision = ctl_store_revision(n->nodes->store);
	struct ctl_error err;
	json_t *view;

	n->dirty = false;
	if (ctl_view_of(views, &n->device, &view, &err)) {
		tp_err("node %s: %s", n->device.name, err.text);
		say_error(n, "internal", "the view could not be made");
		return;
	}
	json_decref(n->view);
	n->view = view;
	n->state.told = revision;
	n->nodes->stats.snapshots++;
	send_counted(n, snapshot(n, revision));
}

/* Only what is different. */
static void tell_changes(struct node *n, struct ctl_views *views)
{
	uint64_t revision = ctl_store_revision(n->nodes->store);
	json_t *view, *changes;
	struct ctl_error err;

	n->dirty = false;
	if (ctl_view_of(views, &n->device, &view, &err)) {
		tp_err("node %s: %s", n->device.name, err.text);
		return;
	}
	changes = tp_ncp_view_diff(n->view, view);
	if (!changes || json_object_size(changes)) {
		n->nodes->stats.deltas++;
		send_counted(n, tp_ncp_delta_new(ctl_store_epoch(n->nodes->store), n->state.told,
						 revision, changes));
		n->state.told = revision;
	} else {
		json_decref(changes);
	}
	json_decref(n->view);
	n->view = view;
}

static void on_distribute(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_nodes *nodes = arg;
	struct ctl_views *views = ctl_views_new(nodes->store, ctl_nodes_paths(nodes));
	struct ctl_error err;
	struct node *n;

	(void)fd;
	(void)what;
	LIST_FOREACH (n, &nodes->list, entry)
		if (views && n->dirty && n->device.id[0])
			tell_changes(n, views);
	ctl_views_free(views);
	ctl_nodes_settle(nodes, &err);
}

/* --- whom a change touches --- */

static bool names_network(const json_t *list, const char *network)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);

		if (!strcmp(json_string_value(json_object_get(entry, "network_id")), network))
			return true;
	}
	return false;
}

/* By what it was told: no question to the database for each of the nodes. */
static bool touches(const struct node *n, const struct ctl_change *c)
{
	if (c->kind == CTL_CHANGE_RELAY)
		return n->device.kind == CTL_RELAY;
	if (c->kind == CTL_CHANGE_DEVICE)
		return !strcmp(c->id, n->device.id);
	return names_network(json_object_get(n->view, "networks"), c->network) ||
	       names_network(json_object_get(n->view, "serves"), c->network);
}

static void invite(struct node *n, const char *network)
{
	send_counted(n, json_pack("{s:s,s:s}", "type", "join", "network_id", network));
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

static struct node *find(const struct ctl_nodes *nodes, const char *device)
{
	struct node *n;

	LIST_FOREACH (n, &nodes->list, entry)
		if (!strcmp(n->device.id, device))
			return n;
	return NULL;
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
		n = find(nodes, ctl_db_text(q, 0));
		invited = ctl_db_int(q, 1);
	}
	ctl_db_done(q);
	if (!n || !n->known)
		return;
	n->dirty = true;
	if (invited)
		invite(n, c->network);
}

/* The device may be gone: then it is shown out. */
static void follow(struct node *n, const struct ctl_change *c)
{
	struct ctl_device d;
	struct ctl_error err;

	n->dirty = true;
	if (c->kind == CTL_CHANGE_DEVICE &&
	    ctl_device_get(n->nodes->store, NULL, c->id, &d, &err)) {
		ctl_paths_forget(ctl_path_reports_known(n->nodes->paths), c->id);
		n->device.id[0] = '\0';
		say_error(n, "unauthenticated", "the device was removed");
	}
}

static void on_change(void *arg, uint64_t revision, const struct ctl_change *changes, size_t count)
{
	struct ctl_nodes *nodes = arg;
	struct node *n;

	(void)revision;
	LIST_FOREACH (n, &nodes->list, entry)
		for (size_t i = 0; i < count && n->known && n->device.id[0]; i++)
			if (touches(n, &changes[i]))
				follow(n, &changes[i]);
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind == CTL_CHANGE_PEER)
			follow_peer(nodes, &changes[i]);
	event_active(nodes->distribute, 0, 0);
}

/* --- hello --- */

static enum ctl_kind kind_of(int kind)
{
	return kind == TP_NCP_RELAY ? CTL_RELAY : kind == TP_NCP_GATEWAY ? CTL_GATEWAY : CTL_NODE;
}

static int enter(struct node *n, const struct tp_ncp_hello *hello, struct ctl_error *err)
{
	struct ctl_store *s = n->nodes->store;
	bool joined;

	if (ctl_begin(s, "ncp", err))
		return -1;
	if (ctl_join(s, tp_ncp_session_key(n->session), hello->name[0] ? hello->name : "node",
		     n->auth_key[0] ? n->auth_key : NULL, &n->device, &joined, err) ||
	    ctl_device_seen(s, n->device.id, err) || ctl_nodes_hello(s, &n->device, hello, err)) {
		ctl_rollback(s);
		return -1;
	}
	n->nodes->stats.joined += joined;
	return ctl_commit(s, err);
}

/* One connection a device: the newest, as the older may be a dead one. */
static void replace_older(struct node *n)
{
	struct node *other;

	LIST_FOREACH (other, &n->nodes->list, entry)
		if (other != n && !strcmp(other->device.id, n->device.id)) {
			other->device.id[0] = '\0';
			say_error(other, "aborted", "the device has connected again");
		}
}

static void refuse(struct node *n, const struct ctl_error *err)
{
	n->nodes->stats.refused++;
	n->device.id[0] = '\0';
	tp_log_limited(LOG_NOTICE, "a node was refused: %s", err->text);
	say_error(n, ctl_code_name(err->code), err->text);
}

static void hello(struct node *n, const struct tp_ncp_hello *hello)
{
	bool first = !n->device.id[0];
	struct ctl_views *views;
	struct ctl_error err;

	if (first) {
		if (enter(n, hello, &err)) {
			refuse(n, &err);
			return;
		}
		tp_wipe(n->auth_key, sizeof(n->auth_key));
		if (n->device.kind == CTL_RELAY)
			ctl_paths_forget_relay(ctl_path_reports_known(n->nodes->paths),
					       hello->public_key);
		n->known = true;
		n->state.since = ctl_now(n->nodes->store);
		n->nodes->n_anonymous--;
		n->nodes->stats.connected++;
		replace_older(n);
		ctl_nodes_event(n->nodes->store, &n->device, "node.connect",
				json_pack("{s:s}", "kind", ctl_kind_name(n->device.kind)));
	}
	if ((n->device.kind == CTL_RELAY) != (hello->kind == TP_NCP_RELAY))
		tp_warn("node %s says it is a %s, and is known as a %s", n->device.name,
			ctl_kind_name(kind_of(hello->kind)), ctl_kind_name(n->device.kind));
	invite_all(n);
	views = ctl_views_new(n->nodes->store, ctl_nodes_paths(n->nodes));
	if (views)
		tell_all(n, views);
	ctl_views_free(views);
}

/* --- messages --- */

static void acknowledge(struct node *n, const struct tp_ncp_ack *ack)
{
	struct ctl_error err;

	if (ack->epoch != ctl_store_epoch(n->nodes->store) || ack->revision > n->state.told)
		return;
	n->state.acknowledged = ack->revision;
	n->state.failed = ack->status == TP_NCP_FAILED;
	strcpy(n->state.reason, ack->reason);
	ctl_nodes_event(n->nodes->store, &n->device,
			n->state.failed ? "node.failed" : "node.applied",
			json_pack("{s:I,s:s*}", "revision", (json_int_t)ack->revision, "reason",
				  n->state.failed ? ack->reason : NULL));
	if (n->state.failed) {
		n->nodes->stats.failed++;
		tp_log_limited(LOG_WARNING, "node %s could not apply revision %llu: %s",
			       n->device.name, (unsigned long long)ack->revision, ack->reason);
		return;
	}
	n->nodes->stats.applied++;
	ctl_nodes_settle(n->nodes, &err);
}

static void handle(struct node *n, const struct tp_ncp_message *m)
{
	struct ctl_error err = {.code = CTL_OK};

	switch (m->type) {
	case TP_NCP_HELLO: hello(n, &m->hello); return;
	case TP_NCP_ACK: acknowledge(n, &m->ack); return;
	case TP_NCP_STATS:
		ctl_path_reports_take(n->nodes->paths, &n->device, &m->stats, &err);
		break;
	default: ctl_nodes_report(n->nodes->store, &n->device, m, &err); break;
	}
	if (err.code != CTL_OK) {
		tp_log_limited(LOG_NOTICE, "node %s: %s: %s", n->device.name,
			       tp_ncp_type_name(m->type), err.text);
		send_counted(n, json_pack("{s:s,s:s,s:s}", "type", "error", "code",
					  ctl_code_name(err.code), "message", err.text));
	}
}

static void on_message(void *arg, struct tp_ncp_session *s, const char *type, const json_t *msg)
{
	struct node *n = arg;
	struct tp_ncp_message m;
	struct tp_ncp_fault fault;
	int err = tp_ncp_message_decode(msg, &m, &fault);

	(void)s;
	if (err == -ENOTSUP)
		return;
	if (err) {
		tp_log_limited(LOG_NOTICE, "%s: %.32s: %s", n->device.name, type,
			       err == -EINVAL ? fault.text : strerror(-err));
		say_error(n, "invalid_argument", err == -EINVAL ? fault.text : "out of memory");
		return;
	}
	if (n->device.id[0] || m.type == TP_NCP_HELLO)
		handle(n, &m);
	tp_ncp_message_fini(&m);
}

/* --- connections --- */

/* It may be a replay: nothing is looked up, nothing is used. */
static int on_accept(void *arg, struct tp_ncp_session *s, const uint8_t key[WG_KEY_LEN],
		     const json_t *payload)
{
	struct node *n = arg;
	struct tp_ncp_auth auth;

	(void)s;
	(void)key;
	if (tp_ncp_decode(&tp_ncp_auth_table, payload, &auth, NULL))
		return -EINVAL;
	memcpy(n->auth_key, auth.auth_key, sizeof(n->auth_key));
	tp_wipe(&auth, sizeof(auth));
	return 0;
}

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	(void)arg;
	(void)s;
	(void)payload;
}

static void node_free(struct node *n)
{
	LIST_REMOVE(n, entry);
	if (n->known)
		n->nodes->stats.connected--;
	else
		n->nodes->n_anonymous--;
	json_decref(n->view);
	tp_wipe(n, sizeof(*n));
	free(n);
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	struct node *n = arg;

	(void)s;
	if (n->device.id[0]) {
		tp_debug("node %s: %s", n->device.name, tp_ncp_end_name(end));
		ctl_nodes_event(n->nodes->store, &n->device, "node.disconnect",
				json_pack("{s:s}", "reason", tp_ncp_end_name(end)));
	}
	node_free(n);
}

static const struct tp_ncp_session_ops session_ops = {
	.accept = on_accept,
	.established = on_established,
	.message = on_message,
	.closed = on_closed,
};

/* Those who connect and say nothing must not keep others out. */
static void drop_oldest_anonymous(struct ctl_nodes *nodes)
{
	struct node *n, *oldest = NULL;

	LIST_FOREACH (n, &nodes->list, entry) /* the newest first */
		if (!n->known)
			oldest = n;
	if (!oldest)
		return;
	tp_ncp_session_free(oldest->session);
	node_free(oldest);
}

static void on_connection(void *arg, int fd, const struct sockaddr *from)
{
	struct ctl_nodes *nodes = arg;
	struct bufferevent *bev;
	struct node *n;

	(void)from;
	if (nodes->n_anonymous >= ANONYMOUS_MAX)
		drop_oldest_anonymous(nodes);
	bev = bufferevent_socket_new(nodes->base, fd, BEV_OPT_CLOSE_ON_FREE);
	n = bev ? calloc(1, sizeof(*n)) : NULL;
	if (!n) {
		if (bev)
			bufferevent_free(bev);
		else
			evutil_closesocket(fd);
		return;
	}
	n->nodes = nodes;
	LIST_INSERT_HEAD(&nodes->list, n, entry);
	nodes->n_anonymous++;
	if (tp_ncp_session_respond(&n->session, bev, &nodes->config, n))
		node_free(n);
}

/* --- life --- */

static void configure(struct ctl_nodes *n, const struct tp_noise_identity *id)
{
	tp_ncp_session_config_control(&n->config);
	n->config.id = id;
	n->config.ops = &session_ops;
	n->config.ends = n->ends;
}

int ctl_nodes_new(struct ctl_nodes **out, struct event_base *base, int listen_fd,
		  struct ctl_store *store, const struct tp_noise_identity *id)
{
	struct ctl_nodes *n = calloc(1, sizeof(*n));

	*out = NULL;
	if (!n)
		return -ENOMEM;
	n->base = base;
	n->store = store;
	configure(n, id);
	LIST_INIT(&n->list);
	n->distribute = event_new(base, -1, 0, on_distribute, n);
	if (!n->distribute || ctl_path_reports_new(&n->paths, base, store) ||
	    tp_acceptor_new(&n->acceptor, base, listen_fd, on_connection, n)) {
		ctl_nodes_free(n);
		return -ENOMEM;
	}
	ctl_store_listen(store, on_change, n);
	*out = n;
	return 0;
}

void ctl_nodes_free(struct ctl_nodes *n)
{
	struct node *node;

	if (!n)
		return;
	ctl_store_listen(n->store, NULL, NULL);
	while ((node = LIST_FIRST(&n->list))) {
		tp_ncp_session_free(node->session);
		node_free(node);
	}
	tp_acceptor_free(n->acceptor);
	if (n->distribute)
		event_free(n->distribute);
	ctl_path_reports_free(n->paths);
	free(n);
}

void ctl_nodes_stats(const struct ctl_nodes *n, struct ctl_nodes_stats *out)
{
	*out = n->stats;
}

const struct ctl_paths *ctl_nodes_paths(const struct ctl_nodes *n)
{
	return n ? ctl_path_reports_known(n->paths) : NULL;
}

bool ctl_nodes_find(const struct ctl_nodes *n, const char *device, struct ctl_node_state *out)
{
	const struct node *node = find(n, device);

	if (node)
		*out = node->state;
	return node;
}

/* --- addresses that wait --- */

/* Lowers *least to what this gateway has applied. One that is away holds everything back: it goes
 * on with what it had. */
static bool least_acknowledged(const struct ctl_nodes *nodes, const char *device, uint64_t *least)
{
	const struct node *n = find(nodes, device);

	if (!n || n->state.failed)
		return false;
	/* Later revisions that did not touch it are none of its business. */
	if (n->dirty || n->state.acknowledged != n->state.told)
		*least = n->state.acknowledged < *least ? n->state.acknowledged : *least;
	return true;
}

int ctl_nodes_settle(struct ctl_nodes *nodes, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(nodes->store);
	struct sqlite3_stmt *q = ctl_db_query(
		db,
		"SELECT DISTINCT address_hold.network, ifnull(gateway.device, '') FROM address_hold"
		" LEFT JOIN (SELECT network, device FROM peer JOIN device ON device.id = "
		"peer.device"
		" WHERE kind = 2 OR kind = 1 AND is_egress) AS gateway ON gateway.network = "
		"address_hold.network"
		" ORDER BY address_hold.network",
		"");
	struct ctl_settlement waiting[64];
	size_t n = 0;
	int got;

	while ((got = ctl_db_step(db, q)) == 1) {
		const char *network = ctl_db_text(q, 0), *device = ctl_db_text(q, 1);

		if (!n || strcmp(waiting[n - 1].network, network)) {
			if (n == sizeof(waiting) / sizeof(waiting[0]))
				break;
			waiting[n] = (struct ctl_settlement){
				.revision = ctl_store_revision(nodes->store)};
			strcpy(waiting[n++].network, network);
		}
		if (device[0] && !least_acknowledged(nodes, device, &waiting[n - 1].revision))
			waiting[n - 1].revision = 0;
	}
	ctl_db_done(q);
	return got < 0 ? ctl_fail_db(err, got, "held address")
		       : ctl_nodes_release(nodes->store, waiting, n, err);
}
