/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Nodes over real NCP connections: joining, being told, reporting, acknowledging. */
#include "control_agents.h"

#include <unistd.h>

#include "control/events.h"
#include "control/policy.h"
#include "control/reaper.h"
#include "crypto.h"

static void test_nodes_join(void **state)
{
	char secret[CTL_SECRET_LEN];
	struct agent a, b;

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(!strcmp(address_of(&a), "100.64.1.1/24"));
	assert_int_equal(a.joins, 1);
	assert_int_equal(peers_of(&a), 0);
	agent_init(&b, "bob", TP_NCP_NODE, secret);
	AWAIT(peers_of(&a) == 1 && peers_of(&b) == 1);
	assert_string_equal(address_of(&b), "100.64.1.2/24");
	assert_int_equal(a.snapshots, 1);
	assert_true(a.deltas >= 2);
	DO(ctl_peer_remove(lab.s, lab.acme.id, lab.office.id, device_of(&b), &lab.err));
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
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(!strcmp(address_of(&a), "100.64.1.1/24"));
	snprintf(id, sizeof(id), "%s", device_of(&a));
	tp_ncp_client_free(a.client);
	a.auth_key[0] = '\0';
	DO(ctl_policy_delete(lab.s, lab.acme.id, lab.office.id, "initial",
			     &lab.err)); /* while it is away */
	agent_connect(&a);
	AWAIT(a.snapshots == 2);
	assert_int_equal(a.joins, 1);
	assert_string_equal(device_of(&a), id);
	assert_int_equal(a.doc.revision, ctl_store_revision(lab.s));
	agent_end(&a);
}

static bool happened(const char *action, const char *device, const char *details)
{
	const struct ctl_events *events = ctl_store_events(lab.s);

	for (uint64_t n = ctl_events_last(events); n; n--) {
		const struct ctl_event *e = ctl_events_get(events, n);

		if (!strcmp(e->action, action))
			return !strcmp(e->object, device) && !strcmp(e->tenant, lab.acme.id) &&
			       strstr(e->details, details);
	}
	return false;
}

static void test_events(void **state)
{
	struct ctl_device d;
	int64_t connected;
	char secret[CTL_SECRET_LEN], id[CTL_ID_LEN];
	struct agent a;

	(void)state;
	agents_key(CTL_GATEWAY, NULL, secret);
	agent_init(&a, "gw", TP_NCP_GATEWAY, secret);
	AWAIT(!strcmp(address_of(&a), "100.64.1.1/24"));
	snprintf(id, sizeof(id), "%s", device_of(&a));
	assert_true(happened("device.create", id, "gw"));
	assert_true(happened("node.connect", id, "gateway"));
	AWAIT(happened("node.applied", id, "revision"));
	a.broken = true;
	DO(ctl_policy_delete(lab.s, lab.acme.id, lab.office.id, "initial", &lab.err));
	AWAIT(happened("node.failed", id, "no such device"));
	assert_false(happened("node.disconnect", id, ""));
	assert_int_equal(ctl_device_get(lab.s, NULL, id, &d, &lab.err), 0);
	connected = d.last_seen;
	tp_ncp_client_free(a.client);
	a.client = NULL;
	AWAIT(happened("node.disconnect", id, ""));
	AWAIT(!ctl_device_get(lab.s, NULL, id, &d, &lab.err) && d.last_seen > connected);
	agent_end(&a);
}

static void test_addresses_wait_for_the_gateway(void **state)
{
	struct ctl_node_state st;
	struct agent a, g;

	(void)state;
	agents_pair(&g, &a);
	g.deaf = true;
	DO(ctl_peer_remove(lab.s, lab.acme.id, lab.office.id, device_of(&a), &lab.err));
	AWAIT(peers_of(&g) == 0);
	AWAIT(a.deltas >= 1 && !network_of(&a));
	assert_int_equal(agents_held(), 1);
	g.deaf = false;
	g.broken = true;
	agent_acknowledge(&g);
	AWAIT(ctl_nodes_find(lab.nodes, device_of(&g), &st) && st.failed);
	assert_string_equal(st.reason, "no such device");
	assert_int_equal(agents_held(), 1);
	g.broken = false;
	agent_acknowledge(&g);
	AWAIT(agents_held() == 0);
	agent_end(&a);
	agent_end(&g);
}

static void test_a_removed_device(void **state)
{
	char secret[CTL_SECRET_LEN], id[CTL_ID_LEN];
	struct agent a;

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(network_of(&a));
	strcpy(id, device_of(&a));
	DO(ctl_device_delete(lab.s, lab.acme.id, id, &lab.err));
	AWAIT(a.errors);
	assert_string_equal(a.error, "the device was removed");
	agent_end(&a);
}

static bool there(const char *device)
{
	struct ctl_device d;

	return !ctl_device_get(lab.s, NULL, device, &d, &lab.err);
}

static void test_ephemeral_devices(void **state)
{
	const int64_t away_ms = 500;
	char secret[CTL_SECRET_LEN], stays[CTL_ID_LEN], goes[CTL_ID_LEN];
	uint64_t start = tp_now();
	struct ctl_reaper *reaper;
	struct agent a, b;

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "a", TP_NCP_NODE, secret);
	agent_init(&b, "b", TP_NCP_NODE, secret);
	AWAIT(network_of(&a) && network_of(&b));
	strcpy(stays, device_of(&a));
	strcpy(goes, device_of(&b));
	/* Both were last seen long ago: before control started. */
	DO(ctl_db_run(ctl_store_db(lab.s), "UPDATE device SET ephemeral = 1, last_seen = 0", "") !=
	   2);
	agent_end(&b);
	assert_int_equal(ctl_reaper_new(&reaper, lab.base, lab.s, lab.nodes, away_ms), 0);
	AWAIT(!there(goes));
	assert_true(tp_now() - start >= TP_MS(away_ms));
	AWAIT(tp_now() - start >= 3 * TP_MS(away_ms));
	assert_true(there(stays));
	ctl_reaper_free(reaper);
	agent_end(&a);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, agents_begin, agents_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nodes_join),
		CASE(test_strangers),
		CASE(test_coming_again),
		CASE(test_addresses_wait_for_the_gateway),
		CASE(test_events),
		CASE(test_a_removed_device),
		CASE(test_ephemeral_devices),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
