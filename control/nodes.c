// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/nodes_private.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#include "control/nodes_reports.h"
#include "control/nodes_seen.h"
#include "control/nodes_settle.h"
#include "acceptor.h"
#include "crypto.h"
#include "log.h"
#include "ncp.h"
#include "ncp_document.h"
#include "ncp_messages.h"

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

struct node *ctl_node_of(const struct ctl_nodes *nodes, const char *device)
{
	struct node *n;

	HASH_FIND_STR(nodes->by_device, device, n);
	return n;
}

static void leave(struct node *n)
{
	if (n->device.id[0] && n->known)
		HASH_DELETE(hh, n->nodes->by_device, n);
	n->device.id[0] = '\0';
}

void ctl_node_show_out(struct node *n, const char *code, const char *text)
{
	leave(n);
	ctl_node_say_error(n, code, text);
}

/* One connection a device: the newest, as the older may be a dead one. */
static void replace_older(struct node *n)
{
	struct node *older = ctl_node_of(n->nodes, n->device.id);

	if (older)
		ctl_node_show_out(older, "aborted", "the device has connected again");
	HASH_ADD_STR(n->nodes->by_device, device.id, n);
}

static void refuse(struct node *n, const struct ctl_error *err)
{
	n->nodes->stats.refused++;
	leave(n);
	tp_log_limited(LOG_NOTICE, "a node was refused: %s", err->text);
	ctl_node_say_error(n, ctl_code_name(err->code), err->text);
}

/* Its round trips come anew. */
static void relay_came(struct node *n, const uint8_t key[WG_KEY_LEN])
{
	struct ctl_paths *paths = ctl_path_reports_known(n->nodes->paths);

	ctl_paths_forget_relay(paths, key);
	ctl_paths_connected(paths, n->device.id);
}

static void hello(struct node *n, const struct tp_ncp_hello *hello)
{
	bool first = !n->device.id[0];
	struct ctl_error err;

	if (first) {
		if (enter(n, hello, &err)) {
			refuse(n, &err);
			return;
		}
		tp_wipe(n->auth_key, sizeof(n->auth_key));
		if (n->device.kind == CTL_RELAY)
			relay_came(n, hello->public_key);
		n->known = true;
		n->state.since = ctl_now(n->nodes->store);
		ctl_waiting_remove(n);
		TAILQ_INSERT_TAIL(&n->nodes->list, n, entry);
		n->nodes->stats.connected++;
		replace_older(n);
		ctl_nodes_event(n->nodes->store, &n->device, "node.connect",
				json_pack("{s:s}", "kind", ctl_kind_name(n->device.kind)));
	}
	if ((n->device.kind == CTL_RELAY) != (hello->kind == TP_NCP_RELAY))
		tp_warn("node %s says it is a %s, and is known as a %s", n->device.name,
			ctl_kind_name(kind_of(hello->kind)), ctl_kind_name(n->device.kind));
	ctl_node_welcome(n);
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
	ctl_nodes_settle(n->nodes, n->device.id, &err);
}

static void handle(struct node *n, const struct tp_ncp_message *m)
{
	struct ctl_error err;
	int failed = 0;

	switch (m->type) {
	case TP_NCP_HELLO: hello(n, &m->hello); return;
	case TP_NCP_ACK: acknowledge(n, &m->ack); return;
	case TP_NCP_STATS:
		if (m->stats.traffic.time && n->device.kind == CTL_RELAY)
			n->state.traffic = m->stats.traffic;
		failed = ctl_path_reports_take(n->nodes->paths, &n->device, &m->stats, &err);
		break;
	default: failed = ctl_nodes_report(n->nodes->store, &n->device, m, &err); break;
	}
	if (failed) {
		tp_log_limited(LOG_NOTICE, "node %s: %s: %s", n->device.name,
			       tp_ncp_type_name(m->type), err.text);
		ctl_node_send(n, json_pack("{s:s,s:s,s:s}", "type", "error", "code",
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
		ctl_node_say_error(n, "invalid_argument",
				   err == -EINVAL ? fault.text : "out of memory");
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
	ctl_waiting_greeted(n);
	return 0;
}

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	(void)arg;
	(void)s;
	(void)payload;
}

void ctl_node_free(struct node *n)
{
	leave(n);
	if (n->known) {
		TAILQ_REMOVE(&n->nodes->list, n, entry);
		n->nodes->stats.connected--;
	} else {
		ctl_waiting_remove(n);
	}
	ctl_node_forget(n);
	tp_wipe(n, sizeof(*n));
	free(n);
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	struct node *n = arg;

	(void)s;
	if (n->device.id[0]) {
		tp_debug("node %s: %s", n->device.name, tp_ncp_end_name(end));
		ctl_seen_left(n->nodes->seen, n->device.id);
		ctl_paths_disconnected(ctl_path_reports_known(n->nodes->paths), n->device.id,
				       ctl_now(n->nodes->store));
		ctl_nodes_event(n->nodes->store, &n->device, "node.disconnect",
				json_pack("{s:s}", "reason", tp_ncp_end_name(end)));
	}
	ctl_node_free(n);
}

static const struct tp_ncp_session_ops session_ops = {
	.accept = on_accept,
	.established = on_established,
	.message = on_message,
	.closed = on_closed,
};

static void on_connection(void *arg, int fd, const struct sockaddr *from)
{
	struct ctl_nodes *nodes = arg;
	struct bufferevent *bev;
	struct node *n;

	(void)from;
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
	n->fd = fd;
	ctl_waiting_add(n);
	if (tp_ncp_session_respond(&n->session, bev, &nodes->config, n))
		ctl_node_free(n);
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
	TAILQ_INIT(&n->list);
	ctl_waiting_init(n);
	n->seen = ctl_seen_new(base, store);
	if (!n->seen || ctl_path_reports_new(&n->paths, base, store) || ctl_nodes_tell_start(n) ||
	    tp_acceptor_new(&n->acceptor, base, listen_fd, on_connection, n)) {
		ctl_nodes_free(n);
		return -ENOMEM;
	}
	*out = n;
	return 0;
}

void ctl_nodes_free(struct ctl_nodes *n)
{
	struct node *node;

	if (!n)
		return;
	while ((node = TAILQ_FIRST(&n->list)) || (node = TAILQ_FIRST(&n->silent.list)) ||
	       (node = TAILQ_FIRST(&n->greeted.list))) {
		if (node->device.id[0])
			ctl_seen_left(n->seen, node->device.id);
		tp_ncp_session_free(node->session);
		ctl_node_free(node);
	}
	ctl_nodes_tell_stop(n);
	tp_acceptor_free(n->acceptor);
	ctl_path_reports_free(n->paths);
	ctl_seen_free(n->seen);
	free(n);
}

void ctl_nodes_stats(const struct ctl_nodes *n, struct ctl_nodes_stats *out)
{
	struct ctl_views_stats views;

	ctl_views_stats(n->views, &views);
	*out = n->stats;
	out->waiting = n->silent.n + n->greeted.n;
	out->views = views.views;
	out->networks = views.networks;
}

const struct ctl_paths *ctl_nodes_paths(const struct ctl_nodes *n)
{
	return n ? ctl_path_reports_known(n->paths) : NULL;
}

bool ctl_nodes_find(const struct ctl_nodes *n, const char *device, struct ctl_node_state *out)
{
	const struct node *node = ctl_node_of(n, device);

	if (node)
		*out = node->state;
	return node;
}
