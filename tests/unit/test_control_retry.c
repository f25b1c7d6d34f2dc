/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Nodes that cannot be told at once, as the database or memory fails: they are told by themselves
 * later, without another change. */
#include "control_agents.h"

#include "control/json_memory.h"
#include "control/nodes_private.h"
#include "crypto.h"

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static struct ctl_nodes_stats stats(void)
{
	struct ctl_nodes_stats s;

	ctl_nodes_stats(lab.nodes, &s);
	return s;
}

/* --- the database --- */

/* Every view needs the policies, an invitation the peers. */
#define HIDE_POLICIES "ALTER TABLE policy RENAME TO hidden"
#define SHOW_POLICIES "ALTER TABLE hidden RENAME TO policy"
#define HIDE_PEERS    "ALTER TABLE peer RENAME TO hidden"
#define SHOW_PEERS    "ALTER TABLE hidden RENAME TO peer"

/* Inside a transaction, and no change that nodes are told. Nonzero: it could not be done. */
static int run(const char *sql)
{
	return ctl_db_run(ctl_store_db(lab.s), sql, "") < 0;
}

static void test_a_change(void **state)
{
	struct ctl_node_state st;
	struct agent a, g;

	(void)state;
	agents_pair(&g, &a);
	DO(run(HIDE_POLICIES) ||
	   ctl_peer_remove(lab.s, lab.acme.id, lab.office.id, device_of(&a), &lab.err));
	AWAIT(stats().untold >= 3); /* more often than there are nodes */
	assert_int_equal(peers_of(&g), 1);
	assert_true(ctl_nodes_find(lab.nodes, device_of(&g), &st));
	assert_true(st.pending);
	assert_int_equal(agents_held(), 1); /* the gateway has the address still */
	DO(run(SHOW_POLICIES));
	AWAIT(peers_of(&g) == 0);
	AWAIT(agents_held() == 0);
	assert_true(ctl_nodes_find(lab.nodes, device_of(&g), &st));
	assert_false(st.pending);
	assert_int_equal(g.disconnects + g.errors, 0);
	agent_end(&a);
	agent_end(&g);
}

static void test_a_snapshot(void **state)
{
	char secret[CTL_SECRET_LEN];
	struct agent a;

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(network_of(&a));
	tp_ncp_client_free(a.client);
	DO(run(HIDE_POLICIES) ||
	   (ctl_changed(lab.s, CTL_CHANGE_NETWORK, lab.office.id, lab.office.id), 0));
	agent_connect(&a);
	AWAIT(stats().untold >= 2);
	assert_int_equal(a.snapshots, 1);
	DO(run(SHOW_POLICIES));
	AWAIT(a.snapshots == 2);
	assert_int_equal(a.disconnects + a.errors, 0);
	agent_end(&a);
}

static void test_an_invitation(void **state)
{
	struct ctl_network_new in = {.tenant = lab.acme.id, .name = "plant"};
	char secret[CTL_SECRET_LEN];
	struct ctl_network plant;
	struct ctl_peer p;
	struct agent a;

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(network_of(&a));
	assert_int_equal(a.joins, 1);
	DO(ctl_network_create(lab.s, &in, &plant, &lab.err));
	DO(ctl_peer_add(lab.s, lab.acme.id, plant.id, device_of(&a), NULL, &p, &lab.err) ||
	   run(HIDE_PEERS));
	AWAIT(stats().untold >= 2);
	assert_int_equal(a.joins, 1);
	DO(run(SHOW_PEERS));
	AWAIT(a.joins == 2);
	agent_end(&a);
}

/* --- memory --- */

static json_malloc_t allocate;
static json_free_t release;
static unsigned int before_it_fails;

/* Once, then there is memory again. */
static void *scarce(size_t size)
{
	return allocate(before_it_fails-- ? size : SIZE_MAX / 2);
}

/* A round of telling, here and now. Returns whether memory was missing at some place. */
static bool tell_with(unsigned int allocations)
{
	unsigned long failures = ctl_json_failures();
	event_callback_fn tell = event_get_callback(lab.nodes->distribute);

	json_get_alloc_funcs(&allocate, &release);
	before_it_fails = allocations;
	json_set_alloc_funcs(scarce, release);
	tell(-1, EV_TIMEOUT, lab.nodes);
	json_set_alloc_funcs(allocate, release);
	return ctl_json_failures() != failures;
}

/* Of the only peer that it was told of. */
static size_t tags_told(const struct agent *a)
{
	const json_t *peer = json_array_get(json_object_get(network_of(a), "peers"), 0);

	return json_array_size(json_object_get(peer, "tags"));
}

/* All try again soon, and some want a snapshot. */
static void prepare(bool whole)
{
	struct node *n;

	TAILQ_FOREACH (n, &lab.nodes->list, entry) {
		n->backoff = (struct tp_backoff){1, 1, 0};
		n->whole = whole;
	}
}

/* Bob has a tag, then none, and so on, and memory fails one step later each time. */
static void check_everywhere(struct agent *a, const char *bob, bool whole)
{
	bool failed = true;

	for (unsigned int i = 0; failed; i++) {
		uint64_t untold = stats().untold;

		DO(ctl_peer_set_tags(lab.s, lab.acme.id, lab.office.id, bob,
				     i % 2 ? "[]" : "[\"red\"]", &lab.err));
		prepare(whole);
		failed = tell_with(i);
		assert_int_equal(stats().untold - untold, failed);
		AWAIT(tags_told(a) == !(i % 2));
	}
}

static void test_memory(void **state)
{
	char secret[CTL_SECRET_LEN];
	struct agent a, b;

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	agent_init(&b, "bob", TP_NCP_NODE, secret);
	AWAIT(peers_of(&a) == 1 && peers_of(&b) == 1);
	check_everywhere(&a, device_of(&b), false);
	check_everywhere(&a, device_of(&b), true);
	assert_int_equal(a.disconnects + a.errors + b.disconnects + b.errors, 0);
	agent_end(&a);
	agent_end(&b);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, agents_begin, agents_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_change),
		CASE(test_a_snapshot),
		CASE(test_an_invitation),
		CASE(test_memory),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
