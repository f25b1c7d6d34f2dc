/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Nodes over real NCP connections: joining, being told, reporting, acknowledging. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/event.h>
#include <jansson.h>

#include "clock.h"
#include "control/events.h"
#include "control/network.h"
#include "control/nodes.h"
#include "control/nodes_reports.h"
#include "control/paths.h"
#include "control/policy.h"
#include "control/reaper.h"
#include "control/relay.h"
#include "crypto.h"
#include "ncp_client.h"
#include "ncp_document.h"

#define PATIENCE TP_SEC(30)

static struct event_base *base;
static struct ctl_store *s;
static struct ctl_nodes *nodes;
static struct tp_noise_identity identity;
static struct ctl_error err;
static struct ctl_network office;
static struct ctl_tenant acme;
static uint16_t port;
static char dir[64];

/* A node that does as it is told; `deaf` ones acknowledge nothing, `broken` ones fail. */
struct agent {
	const char *name;
	int kind;
	char key_file[96], auth_key[CTL_SECRET_LEN];
	struct tp_ncp_client *client;
	struct tp_ncp_document doc;
	uint8_t public_key[32];
	int snapshots, deltas, joins, errors, disconnects;
	char error[256];
	bool deaf, broken;
};

/* --- an agent --- */

static void on_hello(void *arg, struct tp_ncp_hello *hello)
{
	static struct tp_endpoint at;
	struct agent *a = arg;

	hello->kind = a->kind;
	snprintf(hello->name, sizeof(hello->name), "%s", a->name);
	hello->epoch = a->doc.epoch;
	hello->revision = a->doc.revision;
	if (a->kind == TP_NCP_RELAY) {
		memcpy(hello->public_key, a->public_key, 32);
		tp_endpoint_parse("203.0.113.99:443", &at);
		hello->endpoints = &at;
		hello->n_endpoints = 1;
	}
}

static void on_connected(void *arg)
{
	(void)arg;
}

static void on_disconnected(void *arg, const char *why, bool was, unsigned int retry_ms)
{
	struct agent *a = arg;

	(void)why;
	(void)was;
	(void)retry_ms;
	a->disconnects++;
}

static void report_key(struct agent *a, const char *network)
{
	struct tp_ncp_message m = {.type = TP_NCP_PUBKEY, .pubkey = {.listen_port = 51820}};

	snprintf(m.pubkey.network_id, sizeof(m.pubkey.network_id), "%s", network);
	memcpy(m.pubkey.public_key, a->public_key, 32);
	tp_ncp_client_send_message(a->client, &m);
}

static void acknowledge(struct agent *a)
{
	struct tp_ncp_message m = {.type = TP_NCP_ACK,
				   .ack = {.epoch = a->doc.epoch, .revision = a->doc.revision}};

	if (a->broken) {
		m.ack.status = TP_NCP_FAILED;
		strcpy(m.ack.reason, "no such device");
	}
	if (!a->deaf)
		tp_ncp_client_send_message(a->client, &m);
}

static void on_message(void *arg, const char *type, const json_t *msg)
{
	struct agent *a = arg;
	struct tp_ncp_message m;

	if (!strcmp(type, "snapshot") || !strcmp(type, "delta")) {
		assert_int_equal(tp_ncp_document_apply(&a->doc, msg, NULL), 0);
		*(*type == 's' ? &a->snapshots : &a->deltas) += 1;
		acknowledge(a);
		return;
	}
	assert_int_equal(tp_ncp_message_decode(msg, &m, NULL), 0);
	if (m.type == TP_NCP_JOIN) {
		a->joins++;
		report_key(a, m.join.network_id);
	} else if (m.type == TP_NCP_ERROR) {
		a->errors++;
		snprintf(a->error, sizeof(a->error), "%s", m.error.message);
	}
	tp_ncp_message_fini(&m);
}

static const struct tp_ncp_client_ops ops = {
	.hello = on_hello,
	.connected = on_connected,
	.message = on_message,
	.disconnected = on_disconnected,
};

static void agent_connect(struct agent *a)
{
	struct tp_ncp_client_config c;

	tp_ncp_client_config_init(&c);
	c.host = "127.0.0.1";
	c.port = port;
	memcpy(c.control_key, identity.public_key, 32);
	c.key_file = a->key_file;
	c.auth_key = a->auth_key[0] ? a->auth_key : NULL;
	c.agent = "test/1";
	c.ops = &ops;
	c.arg = a;
	assert_int_equal(tp_ncp_client_new(&a->client, base, &c), 0);
}

static void agent_init(struct agent *a, const char *name, int kind, const char *auth_key)
{
	memset(a, 0, sizeof(*a));
	a->name = name;
	a->kind = kind;
	snprintf(a->key_file, sizeof(a->key_file), "%s/%s", dir, name);
	snprintf(a->auth_key, sizeof(a->auth_key), "%s", auth_key ? auth_key : "");
	tp_random(a->public_key, 32);
	agent_connect(a);
}

static void agent_end(struct agent *a)
{
	tp_ncp_client_free(a->client);
	tp_ncp_document_fini(&a->doc);
	unlink(a->key_file);
}

/* --- control --- */

#define AWAIT(condition)                                                  \
	do {                                                              \
		uint64_t end_ = tp_now() + PATIENCE;                      \
		while (!(condition)) {                                    \
			if (tp_now() > end_)                              \
				fail_msg("did not come: %s", #condition); \
			event_base_loop(base, EVLOOP_ONCE);               \
		}                                                         \
	} while (0)

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static struct event *tick; /* so that EVLOOP_ONCE returns */

static int listen_here(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 16), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	port = ntohs(sa.sin_port);
	return fd;
}

static int begin(void **state)
{
	struct ctl_network_new in = {.name = "office"};
	struct timeval often = {.tv_usec = 20000};
	uint8_t secret[32];

	(void)state;
	strcpy(dir, "/tmp/test-nodes-XXXXXX");
	assert_non_null(mkdtemp(dir));
	base = event_base_new();
	tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	event_add(tick, &often);
	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(&identity, secret), 0);
	assert_int_equal(ctl_store_open(&s, ":memory:"), 0);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_tenant_create(s, "acme", &acme, &err), 0);
	in.tenant = acme.id;
	assert_int_equal(ctl_network_create(s, &in, &office, &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_nodes_new(&nodes, base, listen_here(), s, &identity), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ctl_nodes_free(nodes);
	ctl_store_close(s);
	event_free(tick);
	event_base_free(base);
	rmdir(dir);
	return 0;
}

static void make_key(enum ctl_kind kind, const char *tags, char secret[CTL_SECRET_LEN])
{
	const struct ctl_auth_key_new in = {.tenant = acme.id,
					    .network = kind == CTL_RELAY ? NULL : office.id,
					    .name = "key",
					    .kind = kind,
					    .tags = tags};
	struct ctl_auth_key key;

	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_auth_key_create(s, &in, &key, secret, &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
}

#define DO(call)                                                      \
	do {                                                          \
		assert_int_equal(ctl_begin(s, "user:test", &err), 0); \
		if (call)                                             \
			fail_msg("%s", err.text);                     \
		assert_int_equal(ctl_commit(s, &err), 0);             \
	} while (0)

/* --- what an agent has --- */

static const json_t *network_of(const struct agent *a)
{
	return json_array_get(json_object_get(a->doc.view, "networks"), 0);
}

static size_t peers_of(const struct agent *a)
{
	return json_array_size(json_object_get(network_of(a), "peers"));
}

static const char *address_of(const struct agent *a)
{
	const char *text = json_string_value(json_object_get(network_of(a), "address"));

	return text ? text : "";
}

static const char *device_of(const struct agent *a)
{
	static struct ctl_device d;

	assert_int_equal(ctl_device_by_key(s, tp_ncp_client_key(a->client), &d, &err), 0);
	return d.id;
}

/* --- tests --- */

static void test_nodes_join(void **state)
{
	char secret[CTL_SECRET_LEN];
	struct agent a, b;

	(void)state;
	make_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(!strcmp(address_of(&a), "100.64.1.1/24"));
	assert_int_equal(a.joins, 1);
	assert_int_equal(peers_of(&a), 0);
	agent_init(&b, "bob", TP_NCP_NODE, secret);
	AWAIT(peers_of(&a) == 1 && peers_of(&b) == 1);
	assert_string_equal(address_of(&b), "100.64.1.2/24");
	assert_int_equal(a.snapshots, 1);
	assert_true(a.deltas >= 2);
	DO(ctl_peer_remove(s, acme.id, office.id, device_of(&b), &err));
	AWAIT(peers_of(&a) == 0 && !network_of(&b));
	agent_end(&a);
	agent_end(&b);
}

static void test_strangers(void **state)
{
	struct agent a;

	(void)state;
	agent_init(&a, "mallory", TP_NCP_NODE, "tpk_wrong");
	AWAIT(a.errors);
	assert_string_equal(a.error, "the auth key is not known");
	AWAIT(a.disconnects);
	assert_null(a.doc.view);
	agent_end(&a);
	agent_init(&a, "mallory", TP_NCP_NODE, NULL);
	AWAIT(a.errors);
	assert_null(a.doc.view);
	agent_end(&a);
}

static void test_coming_again(void **state)
{
	char secret[CTL_SECRET_LEN], id[CTL_ID_LEN];
	struct agent a;

	(void)state;
	make_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(!strcmp(address_of(&a), "100.64.1.1/24"));
	snprintf(id, sizeof(id), "%s", device_of(&a));
	tp_ncp_client_free(a.client);
	a.auth_key[0] = '\0';
	DO(ctl_policy_delete(s, acme.id, office.id, "initial", &err)); /* while it is away */
	agent_connect(&a);
	AWAIT(a.snapshots == 2);
	assert_int_equal(a.joins, 1);
	assert_string_equal(device_of(&a), id);
	assert_int_equal(a.doc.revision, ctl_store_revision(s));
	agent_end(&a);
}

static void test_policy_reaches_nodes_and_relay(void **state)
{
	json_t *none = json_array(),
	       *rules = json_loads("[{\"from\":[\"tag:staff\"],\"to\":[\"any\"]},"
				   "{\"from\":[\"tag:staff\"],\"to\":[\"10.0.0.0/8\"]}]",
				   0, NULL);
	char node[CTL_SECRET_LEN], staff[CTL_SECRET_LEN], relay[CTL_SECRET_LEN];
	struct agent a, b, c, r;
	const json_t *served, *mine;

	(void)state;
	make_key(CTL_NODE, NULL, node);
	make_key(CTL_GATEWAY, "[\"staff\"]", staff);
	make_key(CTL_RELAY, NULL, relay);
	agent_init(&r, "fra", TP_NCP_RELAY, relay);
	AWAIT(r.snapshots);
	assert_string_equal(json_string_value(json_object_get(r.doc.view, "service_address")),
			    "100.127.255.1");
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	ctl_db_run(ctl_store_db(s), "INSERT INTO relay_network SELECT id, ? FROM relay", "t",
		   office.id);
	ctl_changed(s, CTL_CHANGE_NETWORK, office.id, office.id);
	ctl_changed(s, CTL_CHANGE_RELAY, "r", NULL);
	assert_int_equal(ctl_commit(s, &err), 0);
	agent_init(&a, "alice", TP_NCP_NODE, node);
	agent_init(&b, "bob", TP_NCP_NODE, node);
	agent_init(&c, "carol", TP_NCP_GATEWAY, staff);
	AWAIT(peers_of(&a) == 2 && peers_of(&b) == 2 && peers_of(&c) == 2);
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(json_object_get(network_of(&a), "peers"), 0), "endpoint")),
		"203.0.113.99:443");
	DO(ctl_policy_apply(s, acme.id, office.id, "initial", 0, rules, &err));
	AWAIT(peers_of(&a) == 1 && peers_of(&b) == 1 && peers_of(&c) == 2);
	assert_int_equal(json_array_size(json_object_get(network_of(&c), "rules")), 2);
	mine = json_object_get(network_of(&a),
			       "rules"); /* what leads to others is not its business */
	assert_int_equal(json_array_size(mine), 1);
	mine = json_object_get(json_array_get(mine, 0), "to");
	assert_int_equal(json_array_size(mine), 1);
	assert_string_equal(json_string_value(json_array_get(mine, 0)), "alice");
	served = json_array_get(json_object_get(r.doc.view, "serves"), 0);
	AWAIT(json_array_size(json_object_get(served, "nodes")) == 3);
	AWAIT(json_array_size(json_object_get(
		      json_array_get(json_object_get(r.doc.view, "serves"), 0), "admits")) == 2);
	DO(ctl_policy_apply(s, acme.id, office.id, "initial", 0, none, &err));
	AWAIT(peers_of(&a) == 0 && peers_of(&c) == 0);
	AWAIT(json_array_size(json_object_get(
		      json_array_get(json_object_get(r.doc.view, "serves"), 0), "admits")) == 0);
	json_decref(rules);
	json_decref(none);
	agent_end(&a);
	agent_end(&b);
	agent_end(&c);
	agent_end(&r);
}

/* Is the latest event of the action about this device, and does it say so? */
static bool happened(const char *action, const char *device, const char *details)
{
	const struct ctl_events *events = ctl_store_events(s);

	for (uint64_t n = ctl_events_last(events); n; n--) {
		const struct ctl_event *e = ctl_events_get(events, n);

		if (!strcmp(e->action, action))
			return !strcmp(e->object, device) && !strcmp(e->tenant, acme.id) &&
			       strstr(e->details, details);
	}
	return false;
}

static void test_events(void **state)
{
	char secret[CTL_SECRET_LEN], id[CTL_ID_LEN];
	struct agent a;

	(void)state;
	make_key(CTL_GATEWAY, NULL, secret);
	agent_init(&a, "gw", TP_NCP_GATEWAY, secret);
	AWAIT(!strcmp(address_of(&a), "100.64.1.1/24"));
	snprintf(id, sizeof(id), "%s", device_of(&a));
	assert_true(happened("device.create", id, "gw"));
	assert_true(happened("node.connect", id, "gateway"));
	AWAIT(happened("node.applied", id, "revision"));
	a.broken = true;
	DO(ctl_policy_delete(s, acme.id, office.id, "initial", &err));
	AWAIT(happened("node.failed", id, "no such device"));
	assert_false(happened("node.disconnect", id, ""));
	tp_ncp_client_free(a.client);
	a.client = NULL;
	AWAIT(happened("node.disconnect", id, ""));
	agent_end(&a);
}

static int64_t held(void)
{
	struct sqlite3_stmt *q =
		ctl_db_query(ctl_store_db(s), "SELECT count(*) FROM address_hold", "");
	int64_t n;

	assert_int_equal(ctl_db_step(ctl_store_db(s), q), 1);
	n = ctl_db_int(q, 0);
	ctl_db_done(q);
	return n;
}

static void test_addresses_wait_for_the_gateway(void **state)
{
	char node[CTL_SECRET_LEN], gateway[CTL_SECRET_LEN];
	struct ctl_node_state st;
	struct agent a, g;

	(void)state;
	make_key(CTL_NODE, NULL, node);
	make_key(CTL_GATEWAY, NULL, gateway);
	agent_init(&g, "gw", TP_NCP_GATEWAY, gateway);
	agent_init(&a, "alice", TP_NCP_NODE, node);
	AWAIT(peers_of(&g) == 1 && network_of(&a));
	g.deaf = true;
	DO(ctl_peer_remove(s, acme.id, office.id, device_of(&a), &err));
	AWAIT(peers_of(&g) == 0);
	AWAIT(a.deltas >= 1 && !network_of(&a));
	assert_int_equal(held(), 1);
	g.deaf = false;
	g.broken = true;
	acknowledge(&g);
	AWAIT(ctl_nodes_find(nodes, device_of(&g), &st) && st.failed);
	assert_string_equal(st.reason, "no such device");
	assert_int_equal(held(), 1);
	g.broken = false;
	acknowledge(&g);
	AWAIT(held() == 0);
	agent_end(&a);
	agent_end(&g);
}

static void test_reports(void **state)
{
	struct tp_ncp_message m = {.type = TP_NCP_HANDSHAKES};
	struct tp_ncp_handshake one = {.time = 1700000000123};
	char secret[CTL_SECRET_LEN];
	struct ctl_peer p;
	struct agent a, b;

	(void)state;
	make_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	agent_init(&b, "bob", TP_NCP_NODE, secret);
	AWAIT(peers_of(&a) == 1 && peers_of(&b) == 1);
	strcpy(one.network_id, office.id);
	memcpy(one.public_key, b.public_key, 32);
	m.handshakes.handshakes = &one;
	m.handshakes.n_handshakes = 1;
	tp_ncp_client_send_message(a.client, &m);
	AWAIT(!ctl_peer_get(s, NULL, office.id, device_of(&b), &p, &err) && p.last_handshake);
	assert_int_equal(p.last_handshake, 1700000000);
	/* A node may say where it is, and not where another is. */
	m = (struct tp_ncp_message){.type = TP_NCP_ENDPOINT_REPORT};
	strcpy(m.endpoint.network_id, office.id);
	tp_endpoint_parse("198.51.100.7:7", &m.endpoint.endpoint);
	memcpy(m.endpoint.public_key, b.public_key, 32);
	tp_ncp_client_send_message(a.client, &m);
	AWAIT(a.errors == 1);
	assert_string_equal(a.error, "only a relay of the network may");
	memset(m.endpoint.public_key, 0, 32);
	tp_ncp_client_send_message(a.client, &m);
	AWAIT(!ctl_peer_get(s, NULL, office.id, device_of(&a), &p, &err) && p.endpoint[0]);
	assert_string_equal(p.endpoint, "198.51.100.7:7");
	agent_end(&a);
	agent_end(&b);
}

static void say_paths(struct agent *a, const uint8_t key[32], uint32_t rtt_us)
{
	struct tp_ncp_path path = {.rtt_us = rtt_us};
	struct tp_ncp_message m = {.type = TP_NCP_STATS,
				   .stats = {.paths = &path, .n_paths = rtt_us ? 1 : 0}};

	memcpy(path.public_key, key, 32);
	tp_ncp_client_send_message(a->client, &m);
}

/* What `a` was told of its only peer's round trip to the only relay; 0: nothing. */
static json_int_t told_path(const struct agent *a)
{
	const json_t *peer = json_array_get(json_object_get(network_of(a), "peers"), 0);

	return json_integer_value(
		json_object_get(json_array_get(json_object_get(peer, "paths"), 0), "rtt_us"));
}

static void test_round_trips(void **state)
{
	char secret[CTL_SECRET_LEN], relay[CTL_SECRET_LEN];
	uint8_t stranger[32] = {9};
	struct agent a, b, r;
	int deltas;

	(void)state;
	make_key(CTL_NODE, NULL, secret);
	make_key(CTL_RELAY, NULL, relay);
	agent_init(&r, "fra", TP_NCP_RELAY, relay);
	AWAIT(r.snapshots);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	ctl_db_run(ctl_store_db(s), "INSERT INTO relay_network SELECT id, ? FROM relay", "t",
		   office.id);
	ctl_changed(s, CTL_CHANGE_NETWORK, office.id, office.id);
	assert_int_equal(ctl_commit(s, &err), 0);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	agent_init(&b, "bob", TP_NCP_NODE, secret);
	AWAIT(peers_of(&a) == 1 && peers_of(&b) == 1);
	say_paths(&r, b.public_key, 50000);
	AWAIT(told_path(&a) == 50000);
	say_paths(&r, stranger, 1);
	say_paths(&a, r.public_key, 30000);
	AWAIT(told_path(&b) == 30000);
	/* The node's own word counts; a little more or less is not worth telling. */
	deltas = b.deltas;
	say_paths(&r, a.public_key, 90000);
	say_paths(&a, r.public_key, 31000);
	say_paths(&b, r.public_key, 70000);
	AWAIT(told_path(&a) == 70000);
	assert_int_equal(told_path(&b), 30000);
	assert_int_equal(b.deltas, deltas);
	say_paths(&a, r.public_key, 0); /* no relay answers any more */
	AWAIT(told_path(&b) == 0);
	agent_end(&a);
	agent_end(&b);
	agent_end(&r);
}

static bool relay_is_gone(const char *device)
{
	return ctl_paths_gone(ctl_nodes_paths(nodes), device, ctl_now(s) + CTL_PATHS_GONE_MS + 1);
}

static void test_a_relay_that_goes(void **state)
{
	char relay[CTL_SECRET_LEN], id[CTL_ID_LEN];
	struct agent r;

	(void)state;
	make_key(CTL_RELAY, NULL, relay);
	agent_init(&r, "fra", TP_NCP_RELAY, relay);
	AWAIT(r.snapshots);
	strcpy(id, device_of(&r));
	assert_false(relay_is_gone(id));
	tp_ncp_client_free(r.client);
	AWAIT(relay_is_gone(id));
	agent_connect(&r);
	AWAIT(r.snapshots == 2);
	assert_false(relay_is_gone(id));
	agent_end(&r);
}

static void test_a_removed_device(void **state)
{
	char secret[CTL_SECRET_LEN], id[CTL_ID_LEN];
	struct agent a;

	(void)state;
	make_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(network_of(&a));
	strcpy(id, device_of(&a));
	DO(ctl_device_delete(s, acme.id, id, &err));
	AWAIT(a.errors);
	assert_string_equal(a.error, "the device was removed");
	agent_end(&a);
}

static bool there(const char *device)
{
	struct ctl_device d;

	return !ctl_device_get(s, NULL, device, &d, &err);
}

static void test_ephemeral_devices(void **state)
{
	const int64_t away_ms = 500;
	char secret[CTL_SECRET_LEN], stays[CTL_ID_LEN], goes[CTL_ID_LEN];
	uint64_t start = tp_now();
	struct ctl_reaper *reaper;
	struct agent a, b;

	(void)state;
	make_key(CTL_NODE, NULL, secret);
	agent_init(&a, "a", TP_NCP_NODE, secret);
	agent_init(&b, "b", TP_NCP_NODE, secret);
	AWAIT(network_of(&a) && network_of(&b));
	strcpy(stays, device_of(&a));
	strcpy(goes, device_of(&b));
	/* Both were last seen long ago: before control started. */
	DO(ctl_db_run(ctl_store_db(s), "UPDATE device SET ephemeral = 1, last_seen = 0", "") != 2);
	agent_end(&b);
	assert_int_equal(ctl_reaper_new(&reaper, base, s, nodes, away_ms), 0);
	AWAIT(!there(goes));
	assert_true(tp_now() - start >= TP_MS(away_ms));
	AWAIT(tp_now() - start >= 3 * TP_MS(away_ms));
	assert_true(there(stays));
	ctl_reaper_free(reaper);
	agent_end(&a);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nodes_join),
		CASE(test_strangers),
		CASE(test_coming_again),
		CASE(test_policy_reaches_nodes_and_relay),
		CASE(test_addresses_wait_for_the_gateway),
		CASE(test_events),
		CASE(test_reports),
		CASE(test_round_trips),
		CASE(test_a_relay_that_goes),
		CASE(test_a_removed_device),
		CASE(test_ephemeral_devices),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
