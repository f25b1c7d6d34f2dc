/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Another tenant's things are not found: whatever is asked for or done by their ids, nothing is
 * told of them and nothing is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/audit.h"
#include "control/auth_key.h"
#include "control/group.h"
#include "control/network.h"
#include "control/peer.h"
#include "control/policy.h"
#include "control/relay.h"
#include "control/tenant.h"
#include "control/token.h"
#include "control/user.h"
#include "crypto.h"

static struct ctl_store *s;
static struct ctl_error err;

/* One of each, of one tenant. */
struct world {
	struct ctl_tenant tenant;
	struct ctl_user user;
	struct ctl_token token;
	struct ctl_group group;
	struct ctl_network network;
	struct ctl_auth_key auth_key;
	struct ctl_device device;
	struct ctl_peer peer;
	struct ctl_relay relay;
};

static struct world acme, evil;

#define MUST(call) assert_int_equal(call, 0)

static void make_keys(struct world *w)
{
	const struct ctl_user_new user = {w->tenant.id, w->tenant.name, "$hash$", CTL_OPERATOR};
	const struct ctl_token_new token = {w->tenant.id, "t", CTL_OPERATOR, 0};
	const struct ctl_auth_key_new auth_key = {
		.tenant = w->tenant.id, .network = w->network.id, .name = "k", .kind = CTL_NODE};
	char secret[CTL_SECRET_LEN];

	MUST(ctl_user_create(s, &user, &w->user, &err));
	MUST(ctl_token_create(s, &token, &w->token, secret, &err));
	MUST(ctl_auth_key_create(s, &auth_key, &w->auth_key, secret, &err));
}

static void make_world(struct world *w, const char *name)
{
	struct ctl_network_new network = {.name = "n"};
	struct ctl_relay_new relay = {.name = "r"};
	uint8_t key[32];

	tp_random(key, sizeof(key));
	MUST(ctl_tenant_create(s, name, &w->tenant, &err));
	network.tenant = relay.tenant = w->tenant.id;
	MUST(ctl_network_create(s, &network, &w->network, &err));
	make_keys(w);
	MUST(ctl_group_create(s, w->tenant.id, "g", &w->group, &err));
	MUST(ctl_device_create(s, w->tenant.id, "d", CTL_NODE, key, false, &w->device, &err));
	MUST(ctl_group_add(s, w->tenant.id, w->group.id, w->device.id, &err));
	MUST(ctl_peer_add(s, w->tenant.id, w->network.id, w->device.id, NULL, &w->peer, &err));
	MUST(ctl_peer_key(s, w->network.id, w->device.id, key, 1, &w->peer, &err));
	MUST(ctl_relay_create(s, &relay, &w->relay, &err));
	MUST(ctl_relay_attach(s, w->relay.id, w->network.id, &err));
}

static int begin(void **state)
{
	(void)state;
	MUST(ctl_store_open(&s, ":memory:"));
	MUST(ctl_begin(s, "test", &err));
	make_world(&acme, "acme");
	make_world(&evil, "evil");
	return 0;
}

static int end(void **state)
{
	(void)state;
	ctl_rollback(s);
	ctl_store_close(s);
	return 0;
}

/* Rows that were ever written. */
static int64_t writes(void)
{
	struct sqlite3_stmt *q = ctl_db_query(ctl_store_db(s), "SELECT total_changes()", "");
	int64_t n;

	assert_int_equal(ctl_db_step(ctl_store_db(s), q), 1);
	n = ctl_db_int(q, 0);
	ctl_db_done(q);
	return n;
}

static void check_not_found(int rc, int64_t before, const char *call)
{
	if (rc != -1 || err.code != CTL_NOT_FOUND || writes() != before)
		fail_msg("%s: %d, code %d, %d rows written", call, rc, err.code,
			 (int)(writes() - before));
	assert_null(strstr(err.text, "acme"));
}

#define NOT_FOUND(call)                                \
	do {                                           \
		int64_t before_ = writes();            \
		err.code = CTL_OK;                     \
		check_not_found(call, before_, #call); \
	} while (0)

/* --- by an id of another tenant's --- */

static void test_people(void **state)
{
	const char *who = evil.tenant.id;
	struct ctl_user user;

	(void)state;
	NOT_FOUND(ctl_user_get(s, who, acme.user.id, &user, &err));
	NOT_FOUND(ctl_user_update(s, who, acme.user.id, CTL_VIEWER, true, &err));
	NOT_FOUND(ctl_user_set_password(s, who, acme.user.id, "$x$", &err));
	NOT_FOUND(ctl_user_delete(s, who, acme.user.id, &err));
	NOT_FOUND(ctl_token_revoke(s, who, acme.token.id, &err));
	NOT_FOUND(ctl_auth_key_revoke(s, who, acme.auth_key.id, &err));
}

static void test_groups_and_devices(void **state)
{
	const char *who = evil.tenant.id, *theirs = acme.group.id, *own = evil.group.id;
	struct ctl_network_new in = {.tenant = who, .name = "x", .group = theirs};
	struct ctl_network network;
	struct ctl_device device;
	struct ctl_group group;
	unsigned int n;

	(void)state;
	NOT_FOUND(ctl_group_get(s, who, theirs, &group, &err));
	NOT_FOUND(ctl_group_rename(s, who, theirs, "x", &err));
	NOT_FOUND(ctl_group_delete(s, who, theirs, &err));
	NOT_FOUND(ctl_group_add(s, who, theirs, evil.device.id, &err));
	NOT_FOUND(ctl_group_add(s, who, own, acme.device.id, &err));
	NOT_FOUND(ctl_group_remove(s, who, theirs, acme.device.id, &err));
	NOT_FOUND(ctl_group_members(s, who, theirs, "", 10, NULL, NULL, &err));
	NOT_FOUND(ctl_group_enroll(s, &in, &network, &n, &err));
	NOT_FOUND(ctl_network_create(s, &in, &network, &err));
	NOT_FOUND(ctl_device_get(s, who, acme.device.id, &device, &err));
	NOT_FOUND(ctl_device_delete(s, who, acme.device.id, &err));
}

static void test_networks_and_peers(void **state)
{
	const char *who = evil.tenant.id, *net = acme.network.id, *device = acme.device.id;
	const struct ctl_auth_key_new key_in = {
		.tenant = who, .network = net, .name = "k", .kind = CTL_NODE};
	const struct ctl_peer_role role = {0};
	char secret[CTL_SECRET_LEN];
	struct ctl_auth_key key;
	struct ctl_network network;
	struct ctl_peer peer;

	(void)state;
	NOT_FOUND(ctl_network_get(s, who, net, &network, &err));
	NOT_FOUND(ctl_network_delete(s, who, net, &err));
	NOT_FOUND(ctl_auth_key_create(s, &key_in, &key, secret, &err));
	NOT_FOUND(ctl_peer_add(s, who, net, evil.device.id, NULL, &peer, &err));
	NOT_FOUND(ctl_peer_add(s, who, evil.network.id, device, NULL, &peer, &err));
	NOT_FOUND(ctl_peer_add(s, NULL, evil.network.id, device, NULL, &peer, &err));
	NOT_FOUND(ctl_peer_get(s, who, net, device, &peer, &err));
	NOT_FOUND(ctl_peer_set_role(s, who, net, device, &role, &peer, &err));
	NOT_FOUND(ctl_peer_set_tags(s, who, net, device, "[]", &err));
	NOT_FOUND(ctl_peer_assign_relay(s, who, net, device, NULL, &err));
	NOT_FOUND(ctl_peer_remove(s, who, net, device, &err));
}

static void test_policies_and_relays(void **state)
{
	const char *who = evil.tenant.id, *net = acme.network.id;
	json_t *rules = json_array();
	char rule[CTL_NAME_LEN];
	struct ctl_relay relay;
	bool allowed;

	(void)state;
	NOT_FOUND(ctl_policy_apply(s, who, net, "initial", 0, rules, &err));
	NOT_FOUND(ctl_policy_delete(s, who, net, "initial", &err));
	NOT_FOUND(ctl_policy_list(s, who, net, NULL, NULL, &err));
	NOT_FOUND(ctl_policy_test(s, who, net, "d", "d", "tcp", 1, &allowed, rule, &err));
	NOT_FOUND(ctl_policy_test(s, who, evil.network.id, acme.device.id, "d", "tcp", 1, &allowed,
				  rule, &err));
	NOT_FOUND(ctl_relay_get(s, who, acme.relay.id, &relay, &err));
	NOT_FOUND(ctl_relay_delete(s, who, acme.relay.id, &err));
	NOT_FOUND(ctl_relay_set_drain(s, who, acme.relay.id, true, &err));
	NOT_FOUND(ctl_relay_attach(s, acme.relay.id, evil.network.id, &err));
	NOT_FOUND(ctl_relay_detach(s, acme.relay.id, evil.network.id, &err));
	json_decref(rules);
	/* Not its relay, nor one of this network's. */
	assert_int_equal(
		ctl_peer_assign_relay(s, who, evil.network.id, evil.device.id, acme.relay.id, &err),
		-1);
	assert_int_equal(err.code, CTL_FAILED_PRECONDITION);
}

/* --- lists: a tenant's own, and of each noun there is one --- */

#define COUNTER(noun, type)                                          \
	static bool count_##noun(void *arg, const struct type *item) \
	{                                                            \
		(void)item;                                          \
		++*(int *)arg;                                       \
		return true;                                         \
	}

COUNTER(user, ctl_user)
COUNTER(token, ctl_token)
COUNTER(auth_key, ctl_auth_key)
COUNTER(group, ctl_group)
COUNTER(network, ctl_network)
COUNTER(device, ctl_device)
COUNTER(peer, ctl_peer)
COUNTER(relay, ctl_relay)

#define ONE(list, count, ...)                                                \
	do {                                                                 \
		int n_ = 0;                                                  \
		MUST(list(s, evil.tenant.id, __VA_ARGS__ count, &n_, &err)); \
		assert_int_equal(n_, 1);                                     \
	} while (0)

static bool is_own(void *arg, const struct ctl_audit_record *r)
{
	assert_string_equal(r->tenant, evil.tenant.id);
	++*(int *)arg;
	return true;
}

static void test_lists(void **state)
{
	int n = 0;

	(void)state;
	ONE(ctl_user_list, count_user, "", 100, );
	ONE(ctl_token_list, count_token, "", 100, );
	ONE(ctl_auth_key_list, count_auth_key, "", 100, );
	ONE(ctl_group_list, count_group, "", 100, );
	ONE(ctl_network_list, count_network, "", 100, );
	ONE(ctl_device_list, count_device, "", 100, );
	ONE(ctl_peer_list, count_peer, NULL, NULL, "", 100, );
	ONE(ctl_relay_list, count_relay, false, "", 100, );
	MUST(ctl_peer_list(s, evil.tenant.id, acme.network.id, NULL, "", 100, count_peer, &n,
			   &err));
	MUST(ctl_peer_list(s, evil.tenant.id, NULL, acme.device.id, "", 100, count_peer, &n, &err));
	assert_int_equal(n, 0);
	MUST(ctl_audit_list(s, evil.tenant.id, INT64_MAX, 0, 100, is_own, &n, &err));
	assert_true(n > 5);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_people),
		CASE(test_groups_and_devices),
		CASE(test_networks_and_peers),
		CASE(test_policies_and_relays),
		CASE(test_lists),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
