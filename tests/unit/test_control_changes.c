/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What goes with what is deleted, and who is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/address.h"
#include "control/audit.h"
#include "control/auth_key.h"
#include "control/network.h"
#include "control/peer.h"
#include "control/relay.h"
#include "control/tenant.h"
#include "control/token.h"
#include "crypto.h"

#define TOLD_MAX 64

static struct ctl_store *s;
static struct ctl_error err;
static struct ctl_tenant acme;
static struct ctl_network net;
static struct ctl_change told[TOLD_MAX];
static size_t n_told;

static void listen(void *arg, uint64_t revision, const struct ctl_change *changes, size_t n)
{
	(void)arg;
	(void)revision;
	assert_true(n <= TOLD_MAX);
	memcpy(told, changes, n * sizeof(*changes));
	n_told = n;
}

static int begin(void **state)
{
	struct ctl_network_new in = {.name = "n"};

	(void)state;
	assert_int_equal(ctl_store_open(&s, ":memory:"), 0);
	assert_int_equal(ctl_begin(s, "user:root", &err), 0);
	assert_int_equal(ctl_tenant_create(s, "acme", &acme, &err), 0);
	in.tenant = acme.id;
	assert_int_equal(ctl_network_create(s, &in, &net, &err), 0);
	ctl_store_listen(s, listen, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ctl_rollback(s);
	ctl_store_close(s);
	return 0;
}

/* What was done until here is told; the next thing begins. */
static void turn(void)
{
	n_told = 0;
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_begin(s, "user:root", &err), 0);
}

static bool was_told(enum ctl_change_kind kind, const char *id)
{
	for (size_t i = 0; i < n_told; i++)
		if (told[i].kind == kind && !strcmp(told[i].id, id))
			return true;
	return false;
}

static int64_t count(const char *sql)
{
	struct sqlite3_stmt *q = ctl_db_query(ctl_store_db(s), sql, "");
	int64_t n;

	assert_int_equal(ctl_db_step(ctl_store_db(s), q), 1);
	n = ctl_db_int(q, 0);
	ctl_db_done(q);
	return n;
}

/* A device with a key in the network. */
static struct ctl_device add_node(const char *name)
{
	struct ctl_device d;
	struct ctl_peer p;
	uint8_t key[32];

	tp_random(key, sizeof(key));
	assert_int_equal(ctl_device_create(s, acme.id, name, CTL_NODE, key, false, &d, &err), 0);
	assert_int_equal(ctl_peer_add(s, acme.id, net.id, d.id, NULL, &p, &err), 0);
	assert_int_equal(ctl_peer_key(s, net.id, d.id, key, 51820, &p, &err), 0);
	return d;
}

/* --- relays --- */

/* One that joined by an auth key and serves the network, with a peer assigned to it. */
static struct ctl_device join_relay(const char *node, struct ctl_relay *relay)
{
	const struct ctl_auth_key_new in = {.tenant = acme.id, .name = "k", .kind = CTL_RELAY};
	char secret[CTL_SECRET_LEN], id[CTL_ID_LEN];
	const uint8_t key[32] = {7};
	struct ctl_auth_key auth_key;
	struct sqlite3_stmt *q;
	struct ctl_device d;
	bool joined;

	assert_int_equal(ctl_auth_key_create(s, &in, &auth_key, secret, &err), 0);
	assert_int_equal(ctl_join(s, key, "fra", secret, &d, &joined, &err), 0);
	q = ctl_db_query(ctl_store_db(s), "SELECT id FROM relay WHERE device = ?", "t", d.id);
	assert_int_equal(ctl_db_step(ctl_store_db(s), q), 1);
	ctl_db_copy(q, 0, id, sizeof(id));
	ctl_db_done(q);
	assert_int_equal(ctl_relay_get(s, acme.id, id, relay, &err), 0);
	assert_int_equal(ctl_relay_attach(s, relay->id, net.id, &err), 0);
	assert_int_equal(ctl_peer_assign_relay(s, acme.id, net.id, node, relay->id, &err), 0);
	turn();
	return d;
}

static void check_relay_gone(const struct ctl_device *d, const struct ctl_relay *relay,
			     const struct ctl_device *node)
{
	struct ctl_peer p;

	turn();
	assert_true(was_told(CTL_CHANGE_RELAY, relay->id));
	assert_true(was_told(CTL_CHANGE_NETWORK, net.id));
	assert_true(was_told(CTL_CHANGE_DEVICE, d->id));
	assert_int_equal(count("SELECT count(*) FROM relay"), 0);
	assert_int_equal(count("SELECT count(*) FROM relay_network"), 0);
	assert_int_equal(count("SELECT count(*) FROM device WHERE kind = 3"), 0);
	assert_int_equal(ctl_peer_get(s, acme.id, net.id, node->id, &p, &err), 0);
	assert_string_equal(p.relay, "");
}

static void test_a_relays_device_goes(void **state)
{
	struct ctl_device node = add_node("a"), d;
	struct ctl_relay relay;

	(void)state;
	d = join_relay(node.id, &relay);
	assert_int_equal(ctl_device_delete(s, acme.id, d.id, &err), 0);
	check_relay_gone(&d, &relay, &node);
}

static void test_a_relay_goes(void **state)
{
	struct ctl_device node = add_node("a"), d;
	struct ctl_relay relay;

	(void)state;
	d = join_relay(node.id, &relay);
	assert_int_equal(ctl_relay_delete(s, acme.id, relay.id, &err), 0);
	check_relay_gone(&d, &relay, &node);
}

static int make_relay_peer(const char *device, bool is_relay)
{
	const struct ctl_peer_role role = {.is_relay = is_relay};
	struct ctl_peer p;

	return ctl_peer_set_role(s, acme.id, net.id, device, &role, &p, &err);
}

static void check_assigned(const char *device, const char *relay)
{
	struct ctl_peer p;

	assert_int_equal(ctl_peer_get(s, acme.id, net.id, device, &p, &err), 0);
	assert_string_equal(p.relay, relay);
}

static void test_a_relay_peer_is_none_any_more(void **state)
{
	struct ctl_device a = add_node("a"), b = add_node("b");

	(void)state;
	assert_int_equal(ctl_peer_endpoint(s, net.id, b.id, "203.0.113.1:443", true, &err), 0);
	assert_int_equal(make_relay_peer(b.id, true), 0);
	assert_int_equal(ctl_peer_assign_relay(s, acme.id, net.id, a.id, b.id, &err), 0);
	check_assigned(a.id, b.id);
	/* Its endpoint may move, not go. */
	assert_int_equal(ctl_peer_endpoint(s, net.id, b.id, "", true, &err), -1);
	assert_int_equal(err.code, CTL_FAILED_PRECONDITION);
	assert_int_equal(ctl_peer_endpoint(s, net.id, b.id, "203.0.113.2:443", true, &err), 0);
	assert_int_equal(make_relay_peer(b.id, false), 0);
	check_assigned(a.id, "");
	assert_int_equal(make_relay_peer(b.id, true), 0);
	assert_int_equal(ctl_peer_assign_relay(s, acme.id, net.id, a.id, b.id, &err), 0);
	assert_int_equal(ctl_peer_remove(s, acme.id, net.id, b.id, &err), 0);
	check_assigned(a.id, "");
}

/* Whoever takes a relay's key for his own would put it twice into everyone's configuration. */
static void test_a_key_is_of_one(void **state)
{
	static const uint8_t zero[32];
	const char *const at[] = {"203.0.113.1:443"};
	struct ctl_device a = add_node("a");
	struct ctl_relay_new in = {.tenant = acme.id, .name = "r"};
	struct ctl_relay relay;
	struct ctl_peer p, q;
	uint8_t key[32] = {9};

	(void)state;
	assert_int_equal(ctl_peer_get(s, acme.id, net.id, a.id, &p, &err), 0);
	in.public_key = p.public_key;
	assert_int_equal(ctl_relay_create(s, &in, &relay, &err), -1);
	assert_int_equal(err.code, CTL_ALREADY_EXISTS);
	in.public_key = zero;
	assert_int_equal(ctl_relay_create(s, &in, &relay, &err), -1);
	assert_int_equal(err.code, CTL_INVALID_ARGUMENT);
	in.public_key = NULL;
	assert_int_equal(ctl_relay_create(s, &in, &relay, &err), 0);
	assert_int_equal(ctl_relay_report(s, relay.id, p.public_key, at, 1, &err), -1);
	assert_int_equal(err.code, CTL_ALREADY_EXISTS);
	assert_int_equal(ctl_relay_report(s, relay.id, key, at, 1, &err), 0);
	assert_int_equal(ctl_peer_key(s, net.id, a.id, key, 51820, &q, &err), -1);
	assert_int_equal(err.code, CTL_ALREADY_EXISTS);
	assert_int_equal(ctl_peer_key(s, net.id, a.id, zero, 51820, &q, &err), -1);
	assert_int_equal(err.code, CTL_INVALID_ARGUMENT);
	assert_int_equal(ctl_peer_get(s, acme.id, net.id, a.id, &q, &err), 0);
	assert_memory_equal(q.public_key, p.public_key, 32);
}

/* --- tenants --- */

static void test_a_tenant_goes(void **state)
{
	struct ctl_device a = add_node("a"), d;
	struct ctl_relay relay;

	(void)state;
	d = join_relay(a.id, &relay);
	assert_int_equal(ctl_tenant_delete(s, acme.id, &err), 0);
	turn();
	assert_true(was_told(CTL_CHANGE_NETWORK, net.id));
	assert_true(was_told(CTL_CHANGE_DEVICE, a.id));
	assert_true(was_told(CTL_CHANGE_DEVICE, d.id));
	assert_int_equal(count("SELECT (SELECT count(*) FROM network) + (SELECT count(*) FROM peer)"
			       " + (SELECT count(*) FROM device) + (SELECT count(*) FROM relay)"
			       " + (SELECT count(*) FROM auth_key)"
			       " + (SELECT count(*) FROM address_hold)"
			       " + (SELECT count(*) FROM policy)"),
			 0);
	assert_true(count("SELECT count(*) FROM audit") > 0);
	assert_int_equal(ctl_db_check(ctl_store_db(s)), 0);
}

/* --- addresses that are held while revisions begin anew --- */

static void test_held_over_a_restore(void **state)
{
	struct ctl_device a = add_node("a");

	(void)state;
	for (int i = 0; i < 20; i++) {
		ctl_changed(s, CTL_CHANGE_NETWORK, net.id, net.id);
		turn();
	}
	assert_int_equal(ctl_device_delete(s, acme.id, a.id, &err), 0);
	turn();
	ctl_rollback(s);
	assert_int_equal(ctl_store_new_epoch(s, &err), 0);
	assert_int_equal(ctl_store_revision(s), 0);
	assert_int_equal(ctl_begin(s, "user:root", &err), 0);
	/* What is told before the first change may not have the release in it. */
	assert_int_equal(ctl_address_acknowledged(s, net.id, 0, &err), 0);
	assert_int_equal(count("SELECT count(*) FROM address_hold"), 1);
	assert_int_equal(ctl_address_acknowledged(s, net.id, 1, &err), 0);
	assert_int_equal(count("SELECT count(*) FROM address_hold"), 0);
}

/* --- the audit log of a tenant has what others did to it --- */

static bool find_revoke(void *arg, const struct ctl_audit_record *r)
{
	*(int *)arg +=
		!strcmp(r->action, "auth_key.revoke") || !strcmp(r->action, "api_key.revoke");
	return true;
}

static void test_revoked_from_above(void **state)
{
	const struct ctl_auth_key_new in = {
		.tenant = acme.id, .network = net.id, .name = "k", .kind = CTL_NODE};
	const struct ctl_token_new token_in = {.tenant = acme.id, .name = "t", .role = CTL_VIEWER};
	char secret[CTL_SECRET_LEN];
	struct ctl_auth_key key;
	struct ctl_token token;
	int found = 0;

	(void)state;
	assert_int_equal(ctl_auth_key_create(s, &in, &key, secret, &err), 0);
	assert_int_equal(ctl_token_create(s, &token_in, &token, secret, &err), 0);
	assert_int_equal(ctl_auth_key_revoke(s, NULL, key.id, &err), 0);
	assert_int_equal(ctl_token_revoke(s, NULL, token.id, &err), 0);
	assert_int_equal(ctl_audit_list(s, acme.id, INT64_MAX, 0, 100, find_revoke, &found, &err),
			 0);
	assert_int_equal(found, 2);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_relays_device_goes),
		CASE(test_a_relay_goes),
		CASE(test_a_relay_peer_is_none_any_more),
		CASE(test_a_key_is_of_one),
		CASE(test_a_tenant_goes),
		CASE(test_held_over_a_restore),
		CASE(test_revoked_from_above),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
