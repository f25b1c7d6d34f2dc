/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The relay's core on real maps: they follow its tables, and a daemon that comes after takes over
 * what they hold. In a network and a mount namespace of its own. */
#include "tests/unit/sim_cast.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bpf/lib/relay/flow.h"
#include "log.h"
#include "relay/datapath_private.h"
#include "relay/nexthop.h"
#include "relay/node.h"
#include "relay/probe.h"

#define LONG_AGO TP_SEC(195)

static char top[] = "/tmp/tp-adopt-XXXXXX";
static char pins[64];
static struct sim_peer dave;

/* On the real thing. */
static void attach(void)
{
	static char *interfaces[] = {"tpa"};

	config.c.attach = RELAY_ATTACH_NATIVE;
	config.c.interfaces = interfaces;
	config.c.n_interfaces = 1;
	config.c.pin_path = pins;
}

static void new_config(void)
{
	sim_config_init(&config);
	attach();
}

static void start(void)
{
	struct relay_datapath *dp;

	assert_int_equal(relay_datapath_open(&dp, &config.c), 0);
	sim_start(&sim, &config, dp);
}

/* As after kill -9: what is pinned stays. */
static void restart(void)
{
	sim_stop(&sim);
	start();
	sim.next_index = 0x20000;
	sim.stamps = 1u << 20;
}

static int setup(void **state)
{
	(void)state;
	if (system("ip link add tpa type veth peer name tpb"))
		return -1;
	cast_config();
	attach();
	sim_peer_init(&dave, "dave", "198.51.100.4:1004");
	start();
	assert_true(sim.now > 2 * LONG_AGO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_stop(&sim);
	if (system("ip link del tpa"))
		return -1;
	return relay_datapath_detach_pins(pins, "sim");
}

static void connect_all(void)
{
	cast_register();
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &eve, &ec, &oscar, &ed);
}

/* --- the map and the table --- */

static uint32_t in_map;

static int compare(void *arg, const struct relay_flow *slot)
{
	struct tp_endpoint from = {.port = slot->key.port};
	struct relay_flow flow = *slot, want;
	const struct flow *f;

	(void)arg;
	memcpy(&from.addr, slot->key.addr, sizeof(from.addr));
	f = flow_find(sim.relay, &from, slot->key.index);
	assert_non_null(f);
	flow.count = (struct relay_count){0}; /* XDP's */
	want = f->value;
	want.nexthop = flow_nexthop(sim.relay, f);
	assert_memory_equal(&flow, &want, sizeof(flow));
	in_map++;
	return 0;
}

static int bit_is_set(void *arg, const struct flow *f)
{
	volatile uint64_t *filter = arg;

	assert_true(filter[tp_index_word(f->key.index)] & tp_index_bit(f->key.index));
	return 0;
}

static unsigned int bits_set(void)
{
	volatile uint64_t *filter = relay_datapath_index_filter(sim.dp);
	unsigned int n = 0;

	for (uint32_t i = 0; i < TP_INDEX_WORDS; i++)
		n += (unsigned int)__builtin_popcountll(filter[i]);
	return n;
}

static void assert_map_is_table(uint32_t flows)
{
	in_map = 0;
	relay_datapath_flows_each(sim.dp, compare, NULL);
	assert_int_equal(in_map, flows);
	assert_int_equal(flows_total(sim.relay), flows);
	flows_each(sim.relay, bit_is_set, (void *)relay_datapath_index_filter(sim.dp));
	assert_true(bits_set() <= flows);
}

/* Where XDP counts. */
static volatile struct relay_slot *slot_of(const struct sim_peer *from, const struct sim_end *to)
{
	const struct flow *f = flow_find(sim.relay, &from->at, to->index);

	assert_non_null(f);
	return relay_flow_table_find(&sim.dp->flows, &f->key);
}

static void test_map_follows(void **state)
{
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	assert_map_is_table(0);
	connect_all();
	assert_map_is_table(4);
	sim.now += TP_SEC(1);
	sim_peer_move(&alice, "[2001:db8:7::1]:777");
	sim_deliver(&sim, &alice, packet, sim_seal(&alice_own, NULL, 0, packet));
	sim_answer_probe(&sim, &alice, &alice_own);
	assert_map_is_table(4);
	sim_assert_passes(&sim, &ea, &eb);
	for (int i = 0; i < PAIR_SESSIONS; i++)
		sim_connect(&sim, &alice, &ea, &bob, &eb);
	assert_map_is_table(2 * PAIR_SESSIONS + 2);
	sim_peer_move(&carol, "203.0.113.5:5005");
	sim_register(&sim, &carol, &own); /* where eve was */
	assert_map_is_table(2 * PAIR_SESSIONS);
	sim_wait(&sim, TP_SEC(190));
	assert_map_is_table(0);
	assert_int_equal(bits_set(), 0);
}

static void move_routes(int device)
{
	sim.routed_by = device;
	relay_nexthop_reroute(sim.nexthops);
}

static void test_map_follows_routes(void **state)
{
	const struct flow *f;
	uint32_t was;

	(void)state;
	connect_all();
	f = flow_find(sim.relay, &alice.at, eb.index);
	was = flow_nexthop(sim.relay, f);
	move_routes(7);
	assert_int_not_equal(flow_nexthop(sim.relay, f), was);
	flows_refresh_nexthops(sim.relay);
	assert_map_is_table(4);
}

/* A flow that is put for another reason brings no old next hop back. */
static void test_path_mtu_after_routes(void **state)
{
	(void)state;
	connect_all();
	move_routes(7);
	flows_refresh_nexthops(sim.relay);
	assert_true(flows_path_mtu(sim.relay, flow_find(sim.relay, &alice.at, eb.index), 1300,
				   sim.now));
	assert_map_is_table(4);
}

/* Bob's place got another next hop by a flow that is gone when the others are asked. */
static void test_route_comes_back(void **state)
{
	struct sim_end e = {0}, f = {0};

	(void)state;
	move_routes(7);
	connect_all();
	move_routes(8);
	sim_connect(&sim, &carol, &e, &bob, &f);
	flows_drop_node(sim.relay, sim_node(&sim, &carol), sim.now);
	move_routes(7);
	flows_refresh_nexthops(sim.relay);
	assert_map_is_table(4);
}

/* Alice comes to where carol was, and one of her flows gets the very key that carol's had. */
static void test_map_follows_into_a_held_key(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	cast_register();
	sim_connect(&sim, &carol, &ec, &bob, &ed);
	cast_initiate(&alice, &ea, &bob, &msg);
	sim.next_index = le32toh(ed.index);
	cast_respond(&bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
	sim.next_index = 0x20000;
	assert_map_is_table(4);
	sim.now += TP_SEC(1);
	sim_peer_move(&alice, "198.51.100.3:1003");
	sim_deliver(&sim, &alice, packet, sim_seal(&alice_own, NULL, 0, packet));
	sim_answer_probe(&sim, &alice, &alice_own);
	assert_map_is_table(2);
	cast_assert_both_pass(&ea, &eb);
}

static void test_reload_clears_the_map(void **state)
{
	(void)state;
	connect_all();
	new_config();
	sim_config_add(&config, "office", &alice);
	sim_config_add(&config, "office", &carol);
	sim_config_add(&config, "other", &eve);
	sim_config_add(&config, "other", &oscar);
	assert_int_equal(relay_reload(sim.relay, &config.c, sim.now), 0);
	assert_map_is_table(2);
	sim_assert_passes(&sim, &ec, &ed);
}

static int assert_uncounted(void *arg, const struct flow *f)
{
	(void)arg;
	assert_int_equal(flow_count(sim.relay, f).packets, 0);
	return 0;
}

/* XDP counts into slots; a flow that ends gives what its slot holds to its nodes, also what was
 * under way then. */
static void test_counts_of_xdp(void **state)
{
	volatile struct relay_slot *count;
	struct relay_count rx, tx;

	(void)state;
	connect_all();
	count = slot_of(&alice, &eb);
	count->packets = 10;
	count->bytes = 1000;
	for (int i = 0; i < 3; i++) {
		node_counts(sim.relay, sim_node(&sim, &alice), &rx, &tx);
		assert_int_equal(rx.packets, i < 2 ? 10 : 11);
		assert_int_equal(rx.bytes, i < 2 ? 1000 : 1100);
		assert_int_equal(tx.packets, 0);
		node_counts(sim.relay, sim_node(&sim, &bob), &rx, &tx);
		assert_int_equal(tx.bytes, i < 2 ? 1000 : 1100);
		if (i == 0) {
			sim_wait(&sim, TP_SEC(190));
			assert_int_equal(flows_total(sim.relay), 0);
			count->packets++;
			count->bytes += 100;
		}
		sim_wait(&sim, TP_SEC(2) * (i == 1));
	}
	assert_int_equal(sim.relay->stats.finished.packets, 11);
	/* Slots are used again, from zero. */
	for (int i = 0; i < 3; i++)
		connect_all();
	flows_each(sim.relay, assert_uncounted, NULL);
}

/* --- taking over --- */

static void test_adopts(void **state)
{
	uint32_t id, session;
	uint64_t expires_at;
	struct wg_initiation replay;
	const struct flow *f, *g;

	(void)state;
	connect_all();
	slot_of(&alice, &eb)->packets = 7;
	id = sim_node(&sim, &bob)->id;
	f = flow_find(sim.relay, &alice.at, eb.index);
	session = f->value.session;
	expires_at = f->value.expires_at;
	sim_initiate(&sim, &own, &bob, sim.relay->identity.public_key, &replay);
	sim.now += TP_SEC(1);
	sim_register(&sim, &bob, &own);
	restart();
	assert_map_is_table(4);
	f = flow_find(sim.relay, &alice.at, eb.index);
	g = flow_find(sim.relay, &bob.at, ea.index);
	assert_int_equal(f->value.session, session);
	assert_int_equal(f->value.expires_at, expires_at);
	assert_ptr_equal(f->session, g->session);
	assert_ptr_equal(f->from, sim_node(&sim, &alice));
	assert_ptr_equal(f->to, sim_node(&sim, &bob));
	assert_int_equal(flow_count(sim.relay, f).packets, 7);
	assert_int_equal(sim_node(&sim, &bob)->id, id);
	assert_true(tp_endpoint_equal(&sim_node(&sim, &bob)->endpoint, &bob.at));
	assert_true(tp_addr_equal(&sim_node(&sim, &bob)->local, &bob.relay));
	assert_true(sim_node(&sim, &bob)->last_seen > 0);
	sim_assert_passes(&sim, &ea, &eb);
	sim_assert_passes(&sim, &ed, &ec);
	sim_deliver(&sim, &bob, &replay, sizeof(replay));
	sim_assert_refused(&sim, TP_DROP_handshake_replay); /* the mark was kept */
}

/* New flows take no slot, and no session number, of those taken over. */
static void test_goes_on(void **state)
{
	struct sim_end e = {0}, f = {0};

	(void)state;
	connect_all();
	restart();
	sim_connect(&sim, &carol, &e, &alice, &f);
	assert_map_is_table(6);
	assert_ptr_not_equal(slot_of(&carol, &f), slot_of(&alice, &eb));
	assert_ptr_not_equal(slot_of(&carol, &f), slot_of(&bob, &ea));
	sim_assert_passes(&sim, &e, &f);
	sim_assert_passes(&sim, &ea, &eb);
	for (int i = 0; i < PAIR_SESSIONS; i++) {
		sim_assert_passes(&sim, &ea, &eb);
		sim_connect(&sim, &alice, &e, &bob, &f);
	}
	assert_null(flow_find(sim.relay, &alice.at, eb.index)); /* the pair's oldest */
	sim_wait(&sim, TP_SEC(195));
	assert_map_is_table(0);
}

/* Who talked to whom is known: their next handshakes are no first contacts. */
static void test_remembers_targets(void **state)
{
	struct sim_end e = {0}, f = {0};

	(void)state;
	connect_all();
	restart();
	sim.relay->trial_budget[0] = sim.now + TP_SEC(60);
	sim_connect(&sim, &alice, &e, &bob, &f);
	sim_assert_passes(&sim, &e, &f);
	sim_connect(&sim, &bob, &f, &alice, &e);
	sim_assert_passes(&sim, &f, &e);
}

static void test_what_has_ended_goes(void **state)
{
	(void)state;
	sim.now -= LONG_AGO;
	cast_register();
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim.now += TP_SEC(100);
	sim_connect(&sim, &eve, &ec, &oscar, &ed);
	assert_map_is_table(4);
	/* kill -9 leaves the bits, too */
	relay_datapath_index_filter(sim.dp)[17] = UINT64_MAX;
	restart();
	assert_map_is_table(2);
	sim_assert_passes(&sim, &ec, &ed);
	sim_wait(&sim, TP_SEC(100));
	assert_map_is_table(0);
}

/* Both flows towards the responder, and the one back. */
static void test_several_responses(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;

	(void)state;
	cast_register();
	sim_initiate(&sim, &ea, &alice, bob.id.public_key, &msg);
	sim_deliver(&sim, &alice, &msg, sizeof(msg));
	assert_int_equal(sim_respond(&sim, &eb, &bob, &msg, &answer), 0);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	answer.sender = htole32(0xbad);
	tp_macs_write(&alice.macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	restart();
	assert_map_is_table(3);
	assert_int_equal(
		pair_find(sim.relay, sim_node(&sim, &alice), sim_node(&sim, &bob))->n_sessions, 1);
}

/* Bob is no more, and dave, who comes first in the file, is new: he must not be taken for bob. */
static void test_node_replaced(void **state)
{
	uint32_t bobs, eves;

	(void)state;
	connect_all();
	bobs = sim_node(&sim, &bob)->id;
	eves = sim_node(&sim, &eve)->id;
	new_config();
	sim_config_add(&config, "office", &dave);
	sim_config_add(&config, "office", &alice);
	sim_config_add(&config, "other", &oscar);
	sim_config_add(&config, "other", &eve);
	restart();
	assert_int_not_equal(sim_node(&sim, &dave)->id, bobs);
	assert_int_equal(sim_node(&sim, &eve)->id, eves);
	assert_null(sim_node(&sim, &dave)->site);
	assert_map_is_table(2);
	sim_assert_passes(&sim, &ec, &ed);
	sim_register(&sim, &dave, &own);
	sim_connect(&sim, &dave, &ea, &alice, &eb);
	sim_assert_passes(&sim, &eb, &ea);
	restart(); /* nothing of bob is left by now */
	assert_map_is_table(4);
	sim_assert_passes(&sim, &eb, &ea);
}

static void test_node_moved_to_another_network(void **state)
{
	(void)state;
	connect_all();
	new_config();
	sim_config_add(&config, "office", &alice);
	sim_config_add(&config, "other", &bob);
	sim_config_add(&config, "other", &oscar);
	sim_config_add(&config, "other", &eve);
	restart();
	assert_map_is_table(2);
	sim_assert_passes(&sim, &ec, &ed);
}

/* A flow of a node that is not there. */
static void test_broken_flow(void **state)
{
	struct relay_flow flow;

	(void)state;
	connect_all();
	flow = flow_find(sim.relay, &alice.at, eb.index)->value;
	flow.key.index = htole32(0xbad);
	flow.src_node = 77777;
	assert_int_equal(relay_datapath_flow_put(sim.dp, &flow, sim.now), 0);
	restart();
	assert_map_is_table(4);
}

/* --- the relay's own sessions --- */

static void count_session(void *arg, uint32_t index, uint32_t node)
{
	(void)index;
	(void)node;
	++*(unsigned int *)arg;
}

static unsigned int sessions_in_map(void)
{
	unsigned int n = 0;

	assert_int_equal(relay_datapath_sessions_each(sim.dp, count_session, &n), 0);
	return n;
}

/* A keepalive whose keypair went with the former daemon: the node is called, wherever it is. */
static void test_stale_index(void **state)
{
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	connect_all();
	assert_int_equal(sessions_in_map(), 5);
	restart();
	assert_int_equal(sessions_in_map(), 5);
	sim_peer_move(&alice, "203.0.113.77:777");
	/* A call is longer than a keepalive, and a stranger's address is sent no more than it sent.
	 */
	for (size_t sent = 0; sent < sizeof(struct wg_initiation); sent += sizeof(packet)) {
		sim_assert_quiet(&sim);
		sim_deliver(&sim, &alice, packet, sim_seal(&alice_own, NULL, 0, packet));
		sim_assert_counted(&sim, TP_DROP_session_unknown);
	}
	sim_answer_probe(&sim, &alice, &alice_own);
	/* Where she was nobody answers. */
	for (int ms = 0; ms < PROBE_GUARD_MS + PROBE_DOUBT_MS; ms += PROBE_TICK_MS) {
		sim.now += TP_MS(PROBE_TICK_MS);
		relay_tick_probes(sim.relay, sim.now);
	}
	sim_forget(&sim);
	assert_true(tp_endpoint_equal(&sim_node(&sim, &alice)->endpoint, &alice.at));
	assert_int_equal(sessions_in_map(), 5);
	assert_map_is_table(4);
	sim_assert_passes(&sim, &ea, &eb);
	sim_deliver(&sim, &alice, packet, sim_seal(&alice_own, NULL, 0, packet));
	sim_assert_none_counted(&sim);
	sim_wait(&sim, TP_SEC(180));
	assert_int_equal(sessions_in_map(), 0);
}

static void test_sessions_of_removed_nodes(void **state)
{
	(void)state;
	connect_all();
	new_config();
	sim_config_add(&config, "office", &alice);
	restart();
	assert_int_equal(sessions_in_map(), 1);
	assert_map_is_table(0);
}

/* --- surroundings --- */

static int make_surroundings(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	if (!mkdtemp(top) || mount("bpf", top, "bpf", 0, "mode=0700"))
		return -1;
	snprintf(pins, sizeof(pins), "%s/turnpike", top);
	return 0;
}

#define ADOPTION(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ADOPTION(test_map_follows),
		ADOPTION(test_map_follows_routes),
		ADOPTION(test_route_comes_back),
		ADOPTION(test_path_mtu_after_routes),
		ADOPTION(test_map_follows_into_a_held_key),
		ADOPTION(test_reload_clears_the_map),
		ADOPTION(test_counts_of_xdp),
		ADOPTION(test_adopts),
		ADOPTION(test_goes_on),
		ADOPTION(test_remembers_targets),
		ADOPTION(test_what_has_ended_goes),
		ADOPTION(test_several_responses),
		ADOPTION(test_node_replaced),
		ADOPTION(test_node_moved_to_another_network),
		ADOPTION(test_broken_flow),
		ADOPTION(test_stale_index),
		ADOPTION(test_sessions_of_removed_nodes),
	};
	int failed;

	if (make_surroundings()) {
		printf("ok 1 - adoption # SKIP needs root and namespaces: %s\n", strerror(errno));
		return 0;
	}
	if (tp_now() <= 2 * LONG_AGO) {
		printf("ok 1 - adoption # SKIP this machine has no past of %llu s yet\n",
		       (unsigned long long)(2 * LONG_AGO / TP_NS_PER_SEC));
		return 0;
	}
	tp_log_level(getenv("VERBOSE") ? LOG_DEBUG : LOG_CRIT);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	umount(top);
	rmdir(top);
	return failed;
}
