/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which addresses that were released need to be held no longer: whose gateways are asked. */
#include "control_agents.h"

#include "control/nodes_settle.h"
#include "crypto.h"

#define MANY 80

static void add_network(int number, struct ctl_network *out)
{
	char name[24], subnet[32];
	const struct ctl_network_new in = {.tenant = lab.acme.id, .name = name, .subnet = subnet};

	snprintf(name, sizeof(name), "net-%d", number);
	snprintf(subnet, sizeof(subnet), "10.0.%d.0/24", number);
	DO(ctl_network_create(lab.s, &in, out, &lab.err));
}

/* An address that waits for the first revision. */
static void hold(const char *network)
{
	DO(ctl_db_run(ctl_store_db(lab.s), "INSERT INTO address_hold VALUES (?, 1, 1)", "t",
		      network) != 1);
}

static bool is_held(const char *network)
{
	struct ctl_db *db = ctl_store_db(lab.s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT 1 FROM address_hold WHERE network = ?", "t", network);
	int got = ctl_db_step(db, q);

	ctl_db_done(q);
	assert_true(got >= 0);
	return got;
}

static void settle(const char *gateway)
{
	assert_int_equal(ctl_nodes_settle(lab.nodes, gateway, &lab.err), 0);
}

static void join(const char *device, const struct ctl_network *n)
{
	struct ctl_peer p;
	uint8_t key[32];

	tp_random(key, sizeof(key));
	DO(ctl_peer_add(lab.s, lab.acme.id, n->id, device, NULL, &p, &lab.err) ||
	   ctl_peer_key(lab.s, n->id, device, key, 0, &p, &lab.err));
}

/* However many wait for a gateway that is away. */
static void test_one_of_many(void **state)
{
	static struct ctl_network stuck[MANY];
	const uint8_t key[32] = {1};
	struct ctl_network free_one;
	struct ctl_device away;

	(void)state;
	DO(ctl_device_create(lab.s, lab.acme.id, "gw", CTL_GATEWAY, key, false, &away, &lab.err));
	for (int i = 0; i < MANY; i++) {
		add_network(i, &stuck[i]);
		join(away.id, &stuck[i]);
		hold(stuck[i].id);
	}
	add_network(MANY, &free_one); /* without a gateway */
	hold(free_one.id);
	settle(NULL);
	assert_false(is_held(free_one.id));
	for (int i = 0; i < MANY; i++)
		assert_true(is_held(stuck[i].id));
}

/* What a device has applied concerns the networks that it is a gateway of. */
static void test_where_it_is_a_gateway(void **state)
{
	char id[CTL_ID_LEN];
	struct ctl_node_state st;
	struct ctl_network other;
	struct agent a, g;

	(void)state;
	agents_pair(&g, &a);
	strcpy(id, device_of(&g));
	AWAIT(ctl_nodes_find(lab.nodes, id, &st) && st.acknowledged == st.told && !st.pending);
	add_network(0, &other);
	hold(lab.office.id);
	hold(other.id);
	settle(device_of(&a));
	assert_true(is_held(lab.office.id) && is_held(other.id));
	settle(id);
	assert_true(!is_held(lab.office.id) && is_held(other.id));
	settle(NULL);
	assert_false(is_held(other.id));
	agent_end(&a);
	agent_end(&g);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, agents_begin, agents_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_one_of_many),
		CASE(test_where_it_is_a_gateway),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
