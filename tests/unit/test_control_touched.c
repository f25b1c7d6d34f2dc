/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How much is read and made for a change: of the networks that it concerns, and for who sees it. */
#include "control_agents.h"

#include "control/nodes_private.h"
#include "control/relay.h"
#include "crypto.h"

/* Alice and a relay in the office, Bob and another relay in the plant. */
static struct agent alice, bob, fra, ams;
static char fra_id[CTL_ID_LEN];
static struct ctl_network plant;

static bool is_quiet(void)
{
	struct node *n;

	TAILQ_FOREACH (n, &lab.nodes->list, entry)
		if (n->state.pending || n->state.acknowledged != n->state.told)
			return false;
	return !lab.nodes->scheduled;
}

static int begin(void **state)
{
	struct ctl_network_new in = {.name = "plant"};
	char node[CTL_SECRET_LEN], other[CTL_SECRET_LEN], relay[CTL_SECRET_LEN], id[CTL_ID_LEN];

	agents_begin(state);
	in.tenant = lab.acme.id;
	DO(ctl_network_create(lab.s, &in, &plant, &lab.err));
	agents_key(CTL_NODE, NULL, node);
	agents_key_of(plant.id, CTL_NODE, NULL, other);
	agents_key(CTL_RELAY, NULL, relay);
	agent_init(&alice, "alice", TP_NCP_NODE, node);
	agent_init(&bob, "bob", TP_NCP_NODE, other);
	agent_init(&fra, "fra", TP_NCP_RELAY, relay);
	agent_init(&ams, "ams", TP_NCP_RELAY, relay);
	AWAIT(network_of(&alice) && network_of(&bob) && fra.snapshots && ams.snapshots);
	relay_of(&ams, id);
	DO(ctl_relay_attach(lab.s, id, plant.id, &lab.err));
	relay_of(&fra, fra_id);
	DO(ctl_relay_attach(lab.s, fra_id, lab.office.id, &lab.err));
	AWAIT(is_quiet());
	return 0;
}

static int end(void **state)
{
	agent_end(&alice);
	agent_end(&bob);
	agent_end(&fra);
	agent_end(&ams);
	return agents_end(state);
}

static struct ctl_nodes_stats before;

static void start_counting(void)
{
	AWAIT(is_quiet());
	ctl_nodes_stats(lab.nodes, &before);
}

/* What has been read, made and told since. */
static void assert_cost(unsigned int networks, unsigned int views, unsigned int deltas)
{
	struct ctl_nodes_stats now;

	AWAIT(is_quiet());
	ctl_nodes_stats(lab.nodes, &now);
	assert_int_equal(now.networks - before.networks, networks);
	assert_int_equal(now.views - before.views, views);
	assert_int_equal(now.deltas - before.deltas, deltas);
	assert_int_equal(now.snapshots, before.snapshots);
}

static void test_a_relay_changes(void **state)
{
	static const char *const at[] = {"203.0.113.5:443"};
	uint8_t key[32] = {5};

	(void)state;
	start_counting();
	DO(ctl_relay_set_drain(lab.s, NULL, fra_id, true, &lab.err));
	assert_cost(1, 2, 1); /* the office, for alice and the relay, which sees no difference */
	start_counting();
	DO(ctl_relay_report(lab.s, fra_id, key, at, 1, &lab.err));
	assert_cost(1, 2, 1);
}

static void test_a_relay_comes(void **state)
{
	const struct ctl_relay_new in = {.tenant = lab.acme.id, .name = "lon"};
	struct ctl_relay r;

	(void)state;
	start_counting();
	DO(ctl_relay_create(lab.s, &in, &r, &lab.err));
	assert_cost(0, 0, 0); /* nobody sees it */
	DO(ctl_relay_attach(lab.s, r.id, plant.id, &lab.err));
	assert_cost(1, 2, 0); /* it has no key yet */
	DO(ctl_relay_attach(lab.s, fra_id, plant.id, &lab.err));
	/* The plant again; the relay's other network is known. */
	assert_cost(2, 5, 2);
}

static void test_a_device_goes(void **state)
{
	struct ctl_device phone;
	uint8_t key[32] = {6};
	struct ctl_peer p;

	(void)state;
	DO(ctl_device_create(lab.s, lab.acme.id, "phone", CTL_STOCK, NULL, false, &phone,
			     &lab.err) ||
	   ctl_peer_add(lab.s, lab.acme.id, lab.office.id, phone.id, NULL, &p, &lab.err) ||
	   ctl_peer_key(lab.s, lab.office.id, phone.id, key, 0, &p, &lab.err));
	start_counting();
	DO(ctl_device_delete(lab.s, lab.acme.id, phone.id, &lab.err));
	assert_cost(1, 2, 2);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_relay_changes),
		CASE(test_a_relay_comes),
		CASE(test_a_device_goes),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
