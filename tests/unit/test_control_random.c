/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * After any change each node has, by the deltas that it got, what a view made anew from the store
 * would say: nobody whom a change touches is left out, and nothing that is shared or kept is old.
 * Two networks, of which one comes and goes, nodes that are in either or both, devices that are
 * removed and join again, connections that end. Round trips are told by a timer of their own and
 * are test_control_told's. TP_SEED repeats a run, TP_CHANGES lengthens it.
 */
#include "control_agents.h"

#include <time.h>

#include "control/device.h"
#include "control/group.h"
#include "control/policy.h"
#include "control/relay.h"
#include "control/view.h"
#include "crypto.h"

#define NODES  4
#define RELAYS 2
#define AGENTS (NODES + RELAYS)
#define USUAL  1500

static const struct {
	const char *name;
	int kind;
	enum ctl_kind joins_as;
} cast[AGENTS] = {
	{"n0", TP_NCP_NODE, CTL_NODE},	     {"n1", TP_NCP_NODE, CTL_NODE},
	{"n2", TP_NCP_GATEWAY, CTL_GATEWAY}, {"n3", TP_NCP_GATEWAY, CTL_GATEWAY},
	{"r0", TP_NCP_RELAY, CTL_RELAY},     {"r1", TP_NCP_RELAY, CTL_RELAY},
};

static struct agent agents[AGENTS]; /* relays come last */
static int connections[AGENTS];
static char devices[AGENTS][CTL_ID_LEN], relays[RELAYS][CTL_ID_LEN];
static struct ctl_group group;
static struct ctl_network branch; /* `id` is "" while it is not there */
static struct ctl_relay mute;	  /* a relay without an agent; the same */

/* --- chance --- */

static uint64_t chance;

static unsigned int begin(void)
{
	const char *seed = getenv("TP_SEED"), *changes = getenv("TP_CHANGES");
	unsigned int n = changes ? (unsigned int)strtoul(changes, NULL, 10) : USUAL;

	chance = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("# TP_SEED=%#llx TP_CHANGES=%u\n", (unsigned long long)chance, n);
	fflush(stdout);
	return n;
}

/* Below n; splitmix64. */
static unsigned int any(unsigned int n)
{
	uint64_t z = chance += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (unsigned int)((z ^ z >> 31) % n);
}

static const char *any_of(const char *const *list, unsigned int n)
{
	return list[any(n)];
}

static const char *any_network(void)
{
	return branch.id[0] && any(2) ? branch.id : lab.office.id;
}

static const char *any_relay(void)
{
	return mute.id[0] && !any(3) ? mute.id : relays[any(RELAYS)];
}

/* --- is it what it should be? --- */

static bool same(const json_t *a, const json_t *b);

static bool has(const json_t *list, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (same(json_array_get(list, i), value))
			return true;
	return false;
}

static bool has_all(const json_t *list, const json_t *values)
{
	for (size_t i = 0; i < json_array_size(values); i++)
		if (!has(list, json_array_get(values, i)))
			return false;
	return true;
}

static bool has_members(const json_t *object, const json_t *members)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)members, name, value)
	{
		if (!same(json_object_get(object, name), value))
			return false;
	}
	return true;
}

/* No matter in which order. Not by tp_ncp_view_diff(), which is what deltas are made with. */
static bool same(const json_t *a, const json_t *b)
{
	if (json_is_array(a) && json_is_array(b))
		return json_array_size(a) == json_array_size(b) && has_all(a, b) && has_all(b, a);
	if (json_is_object(a) && json_is_object(b))
		return json_object_size(a) == json_object_size(b) && has_members(a, b);
	return a && b && json_equal(a, b);
}

static bool is_right(struct ctl_views *views, unsigned int i)
{
	struct ctl_device d;
	json_t *view;
	bool right;

	if (ctl_device_by_key(lab.s, tp_ncp_client_key(agents[i].client), &d, &lab.err))
		return false; /* removed, and not back yet */
	strcpy(devices[i], d.id);
	assert_int_equal(ctl_view_of(views, &d, &view, &lab.err), 0);
	right = same(agents[i].doc.view, view);
	json_decref(view);
	return right;
}

/* With nothing of what control keeps. */
static bool all_are_right(void)
{
	struct ctl_views *views = ctl_views_new(lab.s, ctl_nodes_paths(lab.nodes));
	unsigned int n = 0;

	assert_non_null(views);
	for (unsigned int i = 0; i < AGENTS; i++)
		n += is_right(views, i);
	ctl_views_free(views);
	return n == AGENTS;
}

static void await_right(const char *change, unsigned int turn)
{
	uint64_t end = tp_now() + PATIENCE;

	while (!all_are_right()) {
		if (tp_now() > end)
			fail_msg("change %u, %s: a node was not told", turn, change);
		event_base_loop(lab.base, EVLOOP_ONCE);
	}
}

/* --- changes of members; each may be refused --- */

static int set_tags(const char *network, const char *device)
{
	static const char *const tags[] = {"[]", "[\"red\"]", "[\"blue\"]", "[\"red\",\"blue\"]"};

	return ctl_peer_set_tags(lab.s, lab.acme.id, network, device, any_of(tags, 4), &lab.err);
}

/* Two gateways may lead to one subnet. */
static int set_role(const char *network, const char *device)
{
	static const char *const subnets[] = {"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"};
	unsigned int first = any(3), n = any(4 - first);
	const struct ctl_peer_role role = {
		.is_relay = !any(3), .is_egress = n, .subnets = &subnets[first], .n_subnets = n};
	struct ctl_peer p;

	return ctl_peer_set_role(lab.s, lab.acme.id, network, device, &role, &p, &lab.err);
}

static int set_endpoint(const char *network, const char *device)
{
	static const char *const at[] = {"", "203.0.113.1:51820", "203.0.113.2:51820"};

	return ctl_peer_endpoint(lab.s, network, device, any_of(at, 3), any(2), &lab.err);
}

static int set_key(const char *network, const char *device)
{
	struct ctl_peer p;
	uint8_t key[32];

	tp_random(key, sizeof(key));
	return ctl_peer_key(lab.s, network, device, key, 51820, &p, &lab.err);
}

static int assign(const char *network, const char *device)
{
	const char *to = any(2) ? any_relay() : devices[any(NODES)];

	return ctl_peer_assign_relay(lab.s, lab.acme.id, network, device, any(3) ? to : NULL,
				     &lab.err);
}

/* One that is added is invited, and comes with its key. */
static int come_or_go(const char *network, const char *device)
{
	struct ctl_peer p;

	if (!ctl_peer_get(lab.s, lab.acme.id, network, device, &p, &lab.err))
		return ctl_peer_remove(lab.s, lab.acme.id, network, device, &lab.err);
	return ctl_peer_add(lab.s, lab.acme.id, network, device, "[\"red\"]", &p, &lab.err);
}

/* --- changes of what is common --- */

static int apply_policy(const char *network, const char *device)
{
	static const char *const from[] = {"any", "tag:red", "tag:blue", "group:staff", "n1"},
				 *const to[] = {"any", "tag:red", "10.1.0.0/16", "n2",
						"group:guests"},
				 *const names[] = {"initial", "second"};
	json_t *rules = json_pack("[{s:[s],s:[s]}]", "from", any_of(from, 5), "to", any_of(to, 5));
	int rc;

	(void)device;
	if (any(3))
		rc = ctl_policy_apply(lab.s, lab.acme.id, network, any_of(names, 2), any(3), rules,
				      &lab.err);
	else
		rc = ctl_policy_delete(lab.s, lab.acme.id, network, any_of(names, 2), &lab.err);
	json_decref(rules);
	return rc;
}

static int change_group(const char *network, const char *device)
{
	static const char *const names[] = {"staff", "guests"};

	(void)network;
	if (!any(4))
		return ctl_group_rename(lab.s, lab.acme.id, group.id, any_of(names, 2), &lab.err);
	return (any(2) ? ctl_group_add : ctl_group_remove)(lab.s, lab.acme.id, group.id, device,
							   &lab.err);
}

static int serve(const char *network, const char *device)
{
	(void)device;
	return (any(2) ? ctl_relay_attach : ctl_relay_detach)(lab.s, any_relay(), network,
							      &lab.err);
}

static int drain(const char *network, const char *device)
{
	(void)network;
	(void)device;
	return ctl_relay_set_drain(lab.s, NULL, any_relay(), any(2), &lab.err);
}

/* A relay comes to be elsewhere, or one that an operator has entered comes and goes. */
static int change_relay(const char *network, const char *device)
{
	static const char *const at[] = {"203.0.113.3:443", "203.0.113.4:443"};
	const char *endpoint = any_of(at, 2);
	const struct ctl_relay_new in = {
		.tenant = lab.acme.id, .name = "mute", .endpoints = &endpoint, .n_endpoints = 1};
	uint8_t key[32];
	int rc;

	(void)network;
	(void)device;
	tp_random(key, sizeof(key));
	if (any(3))
		return ctl_relay_report(lab.s, any_relay(), key, &endpoint, 1, &lab.err);
	if (!mute.id[0])
		return ctl_relay_create(lab.s, &in, &mute, &lab.err);
	rc = ctl_relay_delete(lab.s, NULL, mute.id, &lab.err);
	mute.id[0] = '\0';
	return rc;
}

static int change_network(const char *network, const char *device)
{
	struct ctl_network n;

	(void)device;
	if (ctl_network_get(lab.s, NULL, network, &n, &lab.err))
		return -1;
	n.listen_port = (uint16_t)(51820 + any(3));
	n.keepalive = (uint16_t)any(3);
	strcpy(n.dns, any(2) ? "" : "9.9.9.9");
	return ctl_network_update(lab.s, &n, &lab.err);
}

static int change_branch(const char *network, const char *device)
{
	const struct ctl_network_new in = {.tenant = lab.acme.id, .name = "branch"};
	int rc;

	(void)network;
	(void)device;
	if (!branch.id[0])
		return ctl_network_create(lab.s, &in, &branch, &lab.err);
	if (any(3))
		return ctl_fail(&lab.err, CTL_ABORTED, "it stays");
	rc = ctl_network_delete(lab.s, lab.acme.id, branch.id, &lab.err);
	branch.id[0] = '\0';
	return rc;
}

static const struct change {
	const char *name;
	int (*fn)(const char *network, const char *device);
} changes[] = {
	{"tags", set_tags},	   {"role", set_role},	    {"endpoint", set_endpoint},
	{"key", set_key},	   {"assignment", assign},  {"membership", come_or_go},
	{"policy", apply_policy},  {"group", change_group}, {"serving", serve},
	{"drain", drain},	   {"relay", change_relay}, {"network", change_network},
	{"branch", change_branch},
};
#define KINDS (sizeof(changes) / sizeof(changes[0]))

static bool make(const struct change *c)
{
	bool refused;

	assert_int_equal(ctl_begin(lab.s, "user:test", &lab.err), 0);
	refused = c->fn(any_network(), devices[any(NODES)]);
	if (refused)
		ctl_rollback(lab.s);
	else
		assert_int_equal(ctl_commit(lab.s, &lab.err), 0);
	return !refused;
}

/* --- changes of connections --- */

static void connect_again(unsigned int i)
{
	tp_ncp_client_free(agents[i].client);
	agent_connect(&agents[i]);
	connections[i]++;
}

/* A device that is removed joins again as another one. */
static void disturb(void)
{
	unsigned int i = any(AGENTS);

	if (i < NODES && any(2)) {
		DO(ctl_device_delete(lab.s, NULL, devices[i], &lab.err));
		agents_key(cast[i].joins_as, NULL, agents[i].auth_key);
	}
	connect_again(i);
	await_right("a connection", 0);
}

/* --- the test --- */

static bool add_relay_id(void *arg, const struct ctl_relay *relay)
{
	unsigned int *n = arg;

	strcpy(relays[(*n)++], relay->id);
	return *n < RELAYS;
}

static void set_up(void)
{
	char secret[CTL_SECRET_LEN];
	unsigned int n = 0;

	for (unsigned int i = 0; i < AGENTS; i++) {
		agents_key(cast[i].joins_as, NULL, secret);
		agent_init(&agents[i], cast[i].name, cast[i].kind, secret);
		connections[i] = 1;
		AWAIT(agents[i].snapshots);
	}
	await_right("at first", 0);
	assert_int_equal(peers_of(&agents[0]), NODES - 1);
	DO(ctl_relay_list(lab.s, lab.acme.id, false, "", RELAYS, add_relay_id, &n, &lab.err));
	assert_int_equal(n, RELAYS);
	DO(ctl_group_create(lab.s, lab.acme.id, "staff", &group, &lab.err));
}

static void test_deltas_are_what_a_snapshot_says(void **state)
{
	unsigned int made[KINDS] = {0}, turns = begin();

	(void)state;
	set_up();
	for (unsigned int i = 0; i < turns; i++) {
		const struct change *c = &changes[any(KINDS)];

		made[c - changes] += make(c);
		if (any(4)) /* else it is told with the next one */
			await_right(c->name, i);
		if (!any(20))
			disturb();
	}
	await_right("the last", turns);
	for (unsigned int i = 0; i < KINDS && turns >= USUAL; i++)
		if (!made[i])
			fail_msg("%s was never changed", changes[i].name);
	for (unsigned int i = 0; i < AGENTS; i++) { /* the rest came by deltas */
		assert_true(agents[i].snapshots <= connections[i]);
		assert_true(agents[i].deltas > agents[i].snapshots);
		agent_end(&agents[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_deltas_are_what_a_snapshot_says, agents_begin,
						agents_end),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
