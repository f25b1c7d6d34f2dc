/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What nodes are told of policies and round trips, and what they report. */
#include "control_agents.h"

#include "control/path_reports.h"
#include "control/policy.h"
#include "control/relay.h"
#include "crypto.h"

static void serve_the_office(struct agent *relay)
{
	char id[CTL_ID_LEN];

	AWAIT(relay->snapshots);
	relay_of(relay, id);
	DO(ctl_relay_attach(lab.s, id, lab.office.id, &lab.err));
}

/* A node in the office, and a relay that does not serve it yet. */
static void alice_and_a_relay(struct agent *alice, struct agent *relay)
{
	char node[CTL_SECRET_LEN], key[CTL_SECRET_LEN];

	agents_key(CTL_NODE, NULL, node);
	agents_key(CTL_RELAY, NULL, key);
	agent_init(alice, "alice", TP_NCP_NODE, node);
	agent_init(relay, "fra", TP_NCP_RELAY, key);
	AWAIT(network_of(alice) && relay->snapshots);
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
	agents_key(CTL_NODE, NULL, node);
	agents_key(CTL_GATEWAY, "[\"staff\"]", staff);
	agents_key(CTL_RELAY, NULL, relay);
	agent_init(&r, "fra", TP_NCP_RELAY, relay);
	AWAIT(r.snapshots);
	assert_string_equal(json_string_value(json_object_get(r.doc.view, "service_address")),
			    "100.127.255.1");
	serve_the_office(&r);
	agent_init(&a, "alice", TP_NCP_NODE, node);
	agent_init(&b, "bob", TP_NCP_NODE, node);
	agent_init(&c, "carol", TP_NCP_GATEWAY, staff);
	AWAIT(peers_of(&a) == 2 && peers_of(&b) == 2 && peers_of(&c) == 2);
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(json_object_get(network_of(&a), "peers"), 0), "endpoint")),
		"203.0.113.99:443");
	DO(ctl_policy_apply(lab.s, lab.acme.id, lab.office.id, "initial", 0, rules, &lab.err));
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
	DO(ctl_policy_apply(lab.s, lab.acme.id, lab.office.id, "initial", 0, none, &lab.err));
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

/* Where `a` was told that the peer of this key is; "": nowhere. */
static const char *told_endpoint(const struct agent *a, const uint8_t key[32])
{
	char text[TP_KEY_STRLEN];
	const json_t *peer;
	const char *at;
	size_t i;

	tp_key_format(key, text);
	json_array_foreach(json_object_get(network_of(a), "peers"), i, peer)
	{
		if (strcmp(json_string_value(json_object_get(peer, "public_key")), text) != 0)
			continue;
		at = json_string_value(json_object_get(peer, "endpoint"));
		return at ? at : "";
	}
	return "";
}

static void test_a_relay_peer(void **state)
{
	const struct ctl_peer_role role = {.is_relay = true};
	struct agent alice, vm, carol;
	char secret[CTL_SECRET_LEN], id[CTL_ID_LEN];
	struct ctl_peer p;

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&alice, "alice", TP_NCP_NODE, secret);
	agent_init(&vm, "vm", TP_NCP_NODE, secret);
	agent_init(&carol, "carol", TP_NCP_NODE, secret);
	AWAIT(peers_of(&alice) == 2 && peers_of(&vm) == 2 && peers_of(&carol) == 2);
	snprintf(id, sizeof(id), "%s", device_of(&vm));
	DO(ctl_peer_endpoint(lab.s, lab.office.id, id, "203.0.113.7:51820", true, &lab.err));
	DO(ctl_peer_set_role(lab.s, lab.acme.id, lab.office.id, id, &role, &p, &lab.err));
	DO(ctl_peer_assign_relay(lab.s, lab.acme.id, lab.office.id, device_of(&alice), id,
				 &lab.err));
	AWAIT(!strcmp(told_endpoint(&carol, alice.public_key), "203.0.113.7:51820"));
	/* Alice is not where the relay peer itself is: she comes to it. */
	AWAIT(vm.doc.revision == carol.doc.revision);
	assert_int_equal(peers_of(&vm), 2);
	assert_string_equal(told_endpoint(&vm, alice.public_key), "");
	assert_string_equal(told_endpoint(&alice, vm.public_key), "203.0.113.7:51820");
	agent_end(&alice);
	agent_end(&vm);
	agent_end(&carol);
}

/* Is the latest event of the action about this device, and does it say so? */
static void test_reports(void **state)
{
	struct tp_ncp_message m = {.type = TP_NCP_HANDSHAKES};
	struct tp_ncp_handshake one = {.time = 1700000000123};
	char secret[CTL_SECRET_LEN];
	struct ctl_peer p;
	struct agent a, b;

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	agent_init(&b, "bob", TP_NCP_NODE, secret);
	AWAIT(peers_of(&a) == 1 && peers_of(&b) == 1);
	strcpy(one.network_id, lab.office.id);
	memcpy(one.public_key, b.public_key, 32);
	m.handshakes.handshakes = &one;
	m.handshakes.n_handshakes = 1;
	tp_ncp_client_send_message(a.client, &m);
	AWAIT(!ctl_peer_get(lab.s, NULL, lab.office.id, device_of(&b), &p, &lab.err) &&
	      p.last_handshake);
	assert_int_equal(p.last_handshake, 1700000000);
	/* A node may say where it is, and not where another is. */
	m = (struct tp_ncp_message){.type = TP_NCP_ENDPOINT_REPORT};
	strcpy(m.endpoint.network_id, lab.office.id);
	tp_endpoint_parse("198.51.100.7:7", &m.endpoint.endpoint);
	memcpy(m.endpoint.public_key, b.public_key, 32);
	tp_ncp_client_send_message(a.client, &m);
	AWAIT(a.errors == 1);
	assert_string_equal(a.error, "only a relay of the network may");
	memset(m.endpoint.public_key, 0, 32);
	tp_ncp_client_send_message(a.client, &m);
	AWAIT(!ctl_peer_get(lab.s, NULL, lab.office.id, device_of(&a), &p, &lab.err) &&
	      p.endpoint[0]);
	assert_string_equal(p.endpoint, "198.51.100.7:7");
	agent_end(&a);
	agent_end(&b);
}

/* A relay knows a node by its key alone, and may know some that control has removed. */
static void test_handshakes_of_a_relay(void **state)
{
	struct tp_ncp_handshake list[2] = {{.public_key = {9}, .time = 1700000000123},
					   {.time = 1700000001123}};
	struct tp_ncp_message m = {.type = TP_NCP_HANDSHAKES, .handshakes = {list, 2}};
	struct tp_ncp_message where = {.type = TP_NCP_ENDPOINT_REPORT};
	uint64_t revision;
	struct ctl_peer p;
	struct agent a, r;

	(void)state;
	alice_and_a_relay(&a, &r);
	memcpy(list[1].public_key, a.public_key, 32);
	tp_ncp_client_send_message(r.client, &m); /* it does not serve the office yet */
	tp_endpoint_parse("198.51.100.7:7", &where.endpoint.endpoint);
	memcpy(where.endpoint.public_key, a.public_key, 32);
	tp_ncp_client_send_message(r.client, &where); /* and is told so */
	AWAIT(r.errors == 1);
	serve_the_office(&r);
	assert_int_equal(ctl_peer_get(lab.s, NULL, lab.office.id, device_of(&a), &p, &lab.err), 0);
	assert_int_equal(p.last_handshake, 0);
	revision = ctl_store_revision(lab.s);
	tp_ncp_client_send_message(r.client, &m);
	AWAIT(!ctl_peer_get(lab.s, NULL, lab.office.id, device_of(&a), &p, &lab.err) &&
	      p.last_handshake);
	assert_int_equal(p.last_handshake, 1700000001);
	assert_int_equal(ctl_store_revision(lab.s), revision); /* which is nobody's news */
	assert_int_equal(r.errors, 1);
	agent_end(&a);
	agent_end(&r);
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
	agents_key(CTL_NODE, NULL, secret);
	agents_key(CTL_RELAY, NULL, relay);
	agent_init(&r, "fra", TP_NCP_RELAY, relay);
	serve_the_office(&r);
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
	return ctl_paths_gone(ctl_nodes_paths(lab.nodes), device,
			      ctl_now(lab.s) + CTL_PATHS_GONE_MS + 1);
}

static void test_a_relay_that_goes(void **state)
{
	char relay[CTL_SECRET_LEN], id[CTL_ID_LEN];
	struct agent r;

	(void)state;
	agents_key(CTL_RELAY, NULL, relay);
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

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, agents_begin, agents_end)

static void test_traffic(void **state)
{
	const struct tp_ncp_message m = {
		.type = TP_NCP_STATS,
		.stats.traffic = {.time = 1700000000123, .nodes = 3, .online = 2, .packets = 7},
	};
	struct ctl_node_state st;
	struct agent a, r;

	(void)state;
	alice_and_a_relay(&a, &r);
	tp_ncp_client_send_message(a.client, &m);
	tp_ncp_client_send_message(r.client, &m);
	AWAIT(ctl_nodes_find(lab.nodes, device_of(&r), &st) && st.traffic.time);
	assert_memory_equal(&st.traffic, &m.stats.traffic, sizeof(st.traffic));
	assert_true(ctl_nodes_find(lab.nodes, device_of(&a), &st));
	assert_int_equal(st.traffic.time, 0); /* a node has none */
	agent_end(&a);
	agent_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_policy_reaches_nodes_and_relay),
		CASE(test_a_relay_peer),
		CASE(test_reports),
		CASE(test_handshakes_of_a_relay),
		CASE(test_round_trips),
		CASE(test_a_relay_that_goes),
		CASE(test_traffic),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
