/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Devices, and the auth keys by which they join. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/auth_key.h"
#include "control/network.h"
#include "control/peer.h"
#include "crypto.h"

static struct ctl_store *s;
static struct ctl_error err;
static struct ctl_network office;
static int64_t clock_ms;

static int64_t test_clock(void)
{
	return clock_ms;
}

static int begin(void **state)
{
	const struct ctl_network_new in = {.tenant = "acme", .name = "office"};

	(void)state;
	clock_ms = 1700000000000;
	assert_int_equal(ctl_store_open(&s, ":memory:"), 0);
	ctl_set_clock(s, test_clock);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			ctl_db_run(ctl_store_db(s),
				   "INSERT INTO tenant (id, name, created) VALUES (?1, ?1, 0)", "t",
				   i ? "evil" : "acme"),
			1);
	assert_int_equal(ctl_network_create(s, &in, &office, &err), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ctl_rollback(s);
	ctl_store_close(s);
	return 0;
}

static int make_key(const struct ctl_auth_key_new *in, struct ctl_auth_key *out,
		    char secret[CTL_SECRET_LEN])
{
	struct ctl_auth_key_new with = *in;

	with.tenant = in->tenant ? in->tenant : "acme";
	with.name = "key";
	if (in->kind != CTL_RELAY && !in->network)
		with.network = office.id;
	return ctl_auth_key_create(s, &with, out, secret, &err);
}

static int join(const char *name, const char *secret, struct ctl_device *d, bool *joined)
{
	uint8_t key[32];

	tp_random(key, sizeof(key));
	return ctl_join(s, key, name, secret, d, joined, &err);
}

static void refuse(const char *secret, const char *why)
{
	struct ctl_device d;
	bool joined;

	assert_int_equal(join("n", secret, &d, &joined), -1);
	assert_string_equal(err.text, why);
	assert_int_equal(err.code, CTL_UNAUTHENTICATED);
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

/* --- auth keys --- */

static void test_secrets(void **state)
{
	const struct ctl_auth_key_new in = {.kind = CTL_NODE};
	char a[CTL_SECRET_LEN], b[CTL_SECRET_LEN];
	struct ctl_auth_key key;

	(void)state;
	assert_int_equal(make_key(&in, &key, a), 0);
	assert_int_equal(make_key(&in, &key, b), 0);
	assert_int_equal(strlen(a), 47);
	assert_memory_equal(a, "tpk_", 4);
	assert_string_not_equal(a, b);
	assert_int_equal(count("SELECT count(*) FROM auth_key WHERE instr(hash, 'tpk_')"), 0);
}

static void test_limits(void **state)
{
	struct ctl_auth_key_new in = {.kind = CTL_NODE, .use_limit = 1};
	char secret[CTL_SECRET_LEN];
	struct ctl_auth_key key;
	struct ctl_device d;
	bool joined;

	(void)state;
	assert_int_equal(make_key(&in, &key, secret), 0);
	assert_int_equal(join("n", secret, &d, &joined), 0);
	assert_true(joined);
	refuse(secret, "the auth key is used up");
	in.use_limit = 0;
	in.expires = clock_ms + 1000;
	assert_int_equal(make_key(&in, &key, secret), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(join("n", secret, &d, &joined), 0);
	clock_ms += 1000;
	refuse(secret, "the auth key has expired");
	in.expires = 0;
	assert_int_equal(make_key(&in, &key, secret), 0);
	assert_int_equal(ctl_auth_key_revoke(s, "evil", key.id, &err), -1);
	assert_int_equal(err.code, CTL_NOT_FOUND);
	assert_int_equal(join("n", secret, &d, &joined), 0);
	assert_int_equal(ctl_auth_key_revoke(s, "acme", key.id, &err), 0);
	refuse(secret, "the auth key was revoked");
	refuse("tpk_wrong", "the auth key is not known");
	refuse("", "the auth key is not known");
	refuse(NULL, "the device is not known, and it brings no auth key");
}

static void test_bad_keys(void **state)
{
	struct ctl_auth_key_new in = {.kind = CTL_STOCK};
	char secret[CTL_SECRET_LEN];
	struct ctl_auth_key key;

	(void)state;
	assert_int_equal(make_key(&in, &key, secret), -1);
	assert_string_equal(secret, "");
	in.kind = CTL_RELAY;
	in.network = office.id;
	assert_int_equal(make_key(&in, &key, secret), -1);
	in.kind = CTL_NODE;
	in.network = "018bcfe5-6800-7000-8000-000000000000";
	assert_int_equal(make_key(&in, &key, secret), -1);
	assert_int_equal(err.code, CTL_NOT_FOUND);
	in.network = office.id;
	in.tenant = "evil";
	assert_int_equal(make_key(&in, &key, secret), -1);
	assert_int_equal(err.code, CTL_NOT_FOUND);
	in.tenant = NULL;
	in.tags = "[\"Bad\"]";
	assert_int_equal(make_key(&in, &key, secret), -1);
	in.tags = NULL;
	in.expires = clock_ms;
	assert_int_equal(make_key(&in, &key, secret), -1);
}

/* --- joining --- */

static void test_a_node_joins(void **state)
{
	const struct ctl_auth_key_new in = {
		.kind = CTL_GATEWAY, .tags = "[\"lan\"]", .use_limit = 1};
	char secret[CTL_SECRET_LEN];
	struct ctl_auth_key key;
	struct ctl_device d, again;
	struct ctl_peer peer;
	uint8_t id[32];
	bool joined;

	(void)state;
	tp_random(id, sizeof(id));
	assert_int_equal(make_key(&in, &key, secret), 0);
	assert_int_equal(ctl_join(s, id, "gw", secret, &d, &joined, &err), 0);
	assert_true(joined);
	assert_int_equal(d.kind, CTL_GATEWAY);
	assert_string_equal(d.tenant, "acme");
	assert_int_equal(ctl_peer_get(s, "acme", office.id, d.id, &peer, &err), 0);
	assert_string_equal(peer.tags, "[\"lan\"]");
	assert_int_equal(peer.ip, 0);
	/* It comes again: no auth key is asked for, none is used. */
	assert_int_equal(ctl_join(s, id, "other", NULL, &again, &joined, &err), 0);
	assert_false(joined);
	assert_string_equal(again.id, d.id);
	assert_string_equal(again.name, "gw");
}

static void test_names(void **state)
{
	const struct ctl_auth_key_new in = {.kind = CTL_NODE};
	char secret[CTL_SECRET_LEN], longest[CTL_NAME_LEN] = {0};
	struct ctl_auth_key key;
	struct ctl_device d;
	bool joined;

	(void)state;
	assert_int_equal(make_key(&in, &key, secret), 0);
	assert_int_equal(join("vm", secret, &d, &joined), 0);
	assert_int_equal(join("vm", secret, &d, &joined), 0);
	assert_string_equal(d.name, "vm-2");
	assert_int_equal(join("vm", secret, &d, &joined), 0);
	assert_string_equal(d.name, "vm-3");
	memset(longest, 'a', CTL_NAME_LEN - 1);
	assert_int_equal(join(longest, secret, &d, &joined), 0);
	assert_int_equal(join(longest, secret, &d, &joined), 0);
	assert_int_equal(strlen(d.name), 55);
	assert_string_equal(d.name + 53, "-2");
	assert_int_equal(join(longest, secret, &d, &joined), 0);
	assert_string_equal(d.name + 53, "-3");
	/* Some are taken already: as many devices as come, each gets a name of its own. */
	assert_int_equal(join("vm-8", secret, &d, &joined), 0);
	assert_int_equal(join("vm-11", secret, &d, &joined), 0);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(join("vm", secret, &d, &joined), 0);
		assert_memory_equal(d.name, "vm-", 3);
	}
	assert_int_equal(count("SELECT count(*) FROM device WHERE name GLOB 'vm*'"), 45);
	assert_int_equal(count("SELECT max(length(name)) FROM device WHERE name GLOB 'vm*'"), 5);
	assert_int_equal(join("Not a name", secret, &d, &joined), -1);
	assert_int_equal(err.code, CTL_INVALID_ARGUMENT);
}

static void test_a_relay_joins(void **state)
{
	const struct ctl_auth_key_new in = {.kind = CTL_RELAY};
	const struct ctl_auth_key_new platform = {.kind = CTL_RELAY, .name = "p"};
	char secret[CTL_SECRET_LEN];
	struct ctl_auth_key key;
	struct ctl_device d, other;
	bool joined;

	(void)state;
	assert_int_equal(make_key(&in, &key, secret), 0);
	assert_int_equal(join("fra", secret, &d, &joined), 0);
	assert_int_equal(count("SELECT service_ip FROM relay"), 0x647fff01);
	assert_int_equal(ctl_auth_key_create(s, &platform, &key, secret, &err), 0);
	assert_int_equal(join("fra", secret, &other, &joined), 0);
	assert_string_equal(other.name, "fra"); /* another tenant's world: the platform's */
	assert_string_equal(other.tenant, "");
	assert_int_equal(count("SELECT max(service_ip) FROM relay"), 0x647fff02);
	assert_int_equal(ctl_device_delete(s, "acme", d.id, &err), 0);
	assert_int_equal(count("SELECT count(*) FROM relay"), 1);
}

/* --- devices --- */

static bool is_connected(void *arg, const char *device)
{
	return arg && !strcmp(arg, device);
}

static bool count_devices(void *arg, const struct ctl_device *d)
{
	(void)d;
	++*(int *)arg;
	return true;
}

static void test_devices_end(void **state)
{
	struct ctl_auth_key_new in = {.kind = CTL_NODE, .ephemeral = true};
	char secret[CTL_SECRET_LEN];
	struct ctl_auth_key key;
	struct ctl_device d, e;
	struct ctl_peer peer;
	uint8_t wg[32] = {1};
	unsigned int reaped;
	int found = 0;
	bool joined;

	(void)state;
	assert_int_equal(make_key(&in, &key, secret), 0);
	assert_int_equal(join("a", secret, &d, &joined), 0);
	assert_int_equal(join("b", secret, &e, &joined), 0);
	assert_true(d.ephemeral);
	assert_int_equal(ctl_peer_key(s, office.id, d.id, wg, 0, &peer, &err), 0);
	clock_ms += 10000;
	assert_int_equal(ctl_device_seen(s, e.id, &err), 0);
	assert_int_equal(ctl_device_reap(s, clock_ms, is_connected, d.id, &reaped, &err), 0);
	assert_int_equal(reaped, 0); /* the one is connected, the other was seen just now */
	assert_int_equal(ctl_device_get(s, NULL, d.id, &d, &err), 0);
	assert_int_equal(d.last_seen, clock_ms);
	clock_ms += 10000;
	assert_int_equal(ctl_device_seen(s, e.id, &err), 0);
	assert_int_equal(ctl_device_reap(s, clock_ms, is_connected, NULL, &reaped, &err), 0);
	assert_int_equal(reaped, 1);
	assert_int_equal(ctl_device_get(s, NULL, d.id, &d, &err), -1);
	assert_int_equal(ctl_device_get(s, "evil", e.id, &d, &err), -1);
	assert_int_equal(ctl_device_get(s, "acme", e.id, &d, &err), 0);
	assert_int_equal(count("SELECT count(*) FROM address_hold"), 1);
	assert_int_equal(count("SELECT count(*) FROM peer"), 1);
	assert_int_equal(ctl_device_delete(s, "evil", e.id, &err), -1);
	assert_int_equal(ctl_device_list(s, "evil", "", 10, count_devices, &found, &err), 0);
	assert_int_equal(found, 0);
	assert_int_equal(ctl_device_list(s, "acme", "", 10, count_devices, &found, &err), 0);
	assert_int_equal(found, 1);
}

static void test_many_devices_end(void **state)
{
	struct ctl_auth_key_new in = {.kind = CTL_NODE, .ephemeral = true};
	char secret[CTL_SECRET_LEN];
	struct ctl_auth_key key;
	struct ctl_device d, stays;
	unsigned int reaped;
	bool joined;

	(void)state;
	assert_int_equal(make_key(&in, &key, secret), 0);
	for (int i = 0; i < 250; i++) /* of one image: numbered */
		assert_int_equal(join("e", secret, &d, &joined), 0);
	in.ephemeral = false;
	assert_int_equal(make_key(&in, &key, secret), 0);
	assert_int_equal(join("e", secret, &stays, &joined), 0);
	clock_ms += 10000;
	assert_int_equal(ctl_device_reap(s, clock_ms, is_connected, d.id, &reaped, &err), 0);
	assert_int_equal(reaped, 249);
	assert_int_equal(count("SELECT count(*) FROM device"), 2);
	assert_int_equal(ctl_device_get(s, NULL, d.id, &d, &err), 0);
	assert_int_equal(ctl_device_get(s, NULL, stays.id, &stays, &err), 0);
}

static void test_kinds(void **state)
{
	(void)state;
	for (enum ctl_kind k = CTL_NODE; k <= CTL_STOCK; k++)
		assert_int_equal(ctl_kind_parse(ctl_kind_name(k)), k);
	assert_int_equal(ctl_kind_parse("x"), CTL_KIND_NONE);
	assert_int_equal(ctl_kind_parse(NULL), CTL_KIND_NONE);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_secrets),
		CASE(test_limits),
		CASE(test_bad_keys),
		CASE(test_a_node_joins),
		CASE(test_names),
		CASE(test_a_relay_joins),
		CASE(test_devices_end),
		CASE(test_many_devices_end),
		cmocka_unit_test(test_kinds),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
