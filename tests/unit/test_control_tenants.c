/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tenants, users, API keys, groups, relays, and what the audit log tells of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/audit.h"
#include "control/group.h"
#include "control/peer.h"
#include "control/relay.h"
#include "control/tenant.h"
#include "control/token.h"
#include "control/user.h"
#include "crypto.h"

static struct ctl_store *s;
static struct ctl_error err;
static struct ctl_tenant acme, evil;
static int64_t clock_ms;

static int64_t test_clock(void)
{
	return clock_ms;
}

static int begin(void **state)
{
	(void)state;
	clock_ms = 1700000000000;
	assert_int_equal(ctl_store_open(&s, ":memory:"), 0);
	ctl_set_clock(s, test_clock);
	assert_int_equal(ctl_begin(s, "user:root", &err), 0);
	assert_int_equal(ctl_tenant_create(s, "acme", &acme, &err), 0);
	assert_int_equal(ctl_tenant_create(s, "evil", &evil, &err), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ctl_rollback(s);
	ctl_store_close(s);
	return 0;
}

static void fails(int rc, enum ctl_code code)
{
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, code);
}

static bool count(void *arg)
{
	++*(int *)arg;
	return true;
}

/* --- tenants --- */

static bool count_tenant(void *arg, const struct ctl_tenant *t)
{
	(void)t;
	return count(arg);
}

static void test_tenants(void **state)
{
	struct ctl_tenant t;
	int n = 0;

	(void)state;
	assert_string_equal(acme.ip_range, "100.64.0.0/10");
	assert_int_equal(acme.default_listen_port, 51820);
	assert_false(acme.mesh_enabled);
	assert_true(acme.nat_traversal_enabled);
	fails(ctl_tenant_create(s, "acme", &t, &err), CTL_ALREADY_EXISTS);
	fails(ctl_tenant_create(s, "Acme", &t, &err), CTL_INVALID_ARGUMENT);
	assert_int_equal(ctl_tenant_list(s, "", 10, count_tenant, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ctl_tenant_list(s, acme.id, 10, count_tenant, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(ctl_tenant_delete(s, evil.id, &err), 0);
	fails(ctl_tenant_get(s, evil.id, &t, &err), CTL_NOT_FOUND);
	fails(ctl_tenant_delete(s, evil.id, &err), CTL_NOT_FOUND);
}

static void test_settings(void **state)
{
	struct ctl_tenant t = acme;

	(void)state;
	t.mesh_enabled = true;
	strcpy(t.ip_range, "10.0.0.0/16");
	strcpy(t.default_dns, "10.0.0.53");
	strcpy(t.stun_servers, "[\"stun.example.org:3478\"]");
	t.default_keepalive = 25;
	assert_int_equal(ctl_tenant_update(s, &t, &err), 0);
	assert_int_equal(ctl_tenant_get(s, acme.id, &t, &err), 0);
	assert_true(t.mesh_enabled);
	assert_string_equal(t.ip_range, "10.0.0.0/16");
	assert_string_equal(t.default_dns, "10.0.0.53");
	assert_int_equal(t.default_keepalive, 25);
	strcpy(t.ip_range, "10.0.0.0/24");
	fails(ctl_tenant_update(s, &t, &err), CTL_INVALID_ARGUMENT);
	strcpy(t.ip_range, "127.0.0.0/8");
	fails(ctl_tenant_update(s, &t, &err), CTL_INVALID_ARGUMENT);
	strcpy(t.ip_range, "10.0.0.0/16");
	strcpy(t.stun_servers, "[\"no-port\"]");
	fails(ctl_tenant_update(s, &t, &err), CTL_INVALID_ARGUMENT);
	strcpy(t.stun_servers, "[]");
	strcpy(t.default_dns, "dns");
	fails(ctl_tenant_update(s, &t, &err), CTL_INVALID_ARGUMENT);
	t.default_dns[0] = '\0';
	t.default_listen_port = 0;
	fails(ctl_tenant_update(s, &t, &err), CTL_INVALID_ARGUMENT);
}

/* --- users --- */

static bool count_user(void *arg, const struct ctl_user *u)
{
	(void)u;
	return count(arg);
}

static int add_user(const char *tenant, const char *name, enum ctl_role role, struct ctl_user *u)
{
	const struct ctl_user_new in = {tenant, name, "$argon2id$", role};

	return ctl_user_create(s, &in, u, &err);
}

static void test_users(void **state)
{
	struct ctl_user u, v;
	int n = 0;

	(void)state;
	assert_int_equal(add_user(acme.id, "ann", CTL_OPERATOR, &u), 0);
	fails(add_user(evil.id, "ann", CTL_VIEWER, &v), CTL_ALREADY_EXISTS);
	fails(add_user(NULL, "bob", CTL_VIEWER, &v), CTL_INVALID_ARGUMENT);
	fails(add_user(acme.id, "bob", CTL_SUPER_ADMIN, &v), CTL_INVALID_ARGUMENT);
	fails(add_user("nobody", "bob", CTL_VIEWER, &v), CTL_FAILED_PRECONDITION);
	assert_int_equal(ctl_user_by_name(s, "ann", &v, &err), 0);
	assert_string_equal(v.id, u.id);
	assert_string_equal(v.password, "$argon2id$");
	fails(ctl_user_get(s, evil.id, u.id, &v, &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_user_get(s, NULL, u.id, &v, &err), 0);
	fails(ctl_user_set_password(s, evil.id, u.id, "x", &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_user_set_password(s, acme.id, u.id, "$new$", &err), 0);
	assert_int_equal(ctl_user_update(s, acme.id, u.id, CTL_TENANT_ADMIN, true, &err), 0);
	assert_int_equal(ctl_user_get(s, acme.id, u.id, &v, &err), 0);
	assert_string_equal(v.password, "$new$");
	assert_int_equal(v.role, CTL_TENANT_ADMIN);
	assert_true(v.disabled);
	fails(ctl_user_delete(s, evil.id, u.id, &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_user_list(s, evil.id, "", 10, count_user, &n, &err), 0);
	assert_int_equal(ctl_user_list(s, NULL, "", 10, count_user, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(ctl_user_delete(s, acme.id, u.id, &err), 0);
}

static void test_the_last_super_admin(void **state)
{
	struct ctl_user a, b;

	(void)state;
	assert_int_equal(add_user(NULL, "a", CTL_SUPER_ADMIN, &a), 0);
	fails(ctl_user_delete(s, NULL, a.id, &err), CTL_FAILED_PRECONDITION);
	fails(ctl_user_update(s, NULL, a.id, CTL_SUPER_ADMIN, true, &err), CTL_FAILED_PRECONDITION);
	assert_int_equal(add_user(NULL, "b", CTL_SUPER_ADMIN, &b), 0);
	assert_int_equal(ctl_user_update(s, NULL, a.id, CTL_SUPER_ADMIN, true, &err), 0);
	fails(ctl_user_delete(s, NULL, b.id, &err), CTL_FAILED_PRECONDITION);
	assert_int_equal(ctl_user_delete(s, NULL, a.id, &err), 0);
}

static void test_roles(void **state)
{
	(void)state;
	for (enum ctl_role r = CTL_VIEWER; r <= CTL_SUPER_ADMIN; r++)
		assert_int_equal(ctl_role_parse(ctl_role_name(r)), r);
	assert_int_equal(ctl_role_parse("nobody"), CTL_NOBODY);
	assert_int_equal(ctl_role_parse(NULL), CTL_NOBODY);
}

/* --- API keys --- */

static bool count_token(void *arg, const struct ctl_token *t)
{
	(void)t;
	return count(arg);
}

static void test_tokens(void **state)
{
	struct ctl_token_new in = {acme.id, "ci", CTL_OPERATOR, clock_ms + 1000};
	char secret[CTL_SECRET_LEN];
	struct ctl_token t, got;
	int n = 0;

	(void)state;
	assert_int_equal(ctl_token_create(s, &in, &t, secret, &err), 0);
	assert_memory_equal(secret, "tpa_", 4);
	assert_int_equal(ctl_token_check(s, secret, &got, &err), 0);
	assert_string_equal(got.id, t.id);
	assert_int_equal(got.role, CTL_OPERATOR);
	clock_ms += 1000;
	fails(ctl_token_check(s, secret, &got, &err), CTL_UNAUTHENTICATED);
	fails(ctl_token_create(s, &in, &t, secret, &err), CTL_INVALID_ARGUMENT);
	in.expires = 0;
	assert_int_equal(ctl_token_create(s, &in, &t, secret, &err), 0);
	fails(ctl_token_revoke(s, evil.id, t.id, &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_token_check(s, secret, &got, &err), 0);
	assert_int_equal(ctl_token_revoke(s, acme.id, t.id, &err), 0);
	fails(ctl_token_check(s, secret, &got, &err), CTL_UNAUTHENTICATED);
	fails(ctl_token_check(s, "tpa_x", &got, &err), CTL_UNAUTHENTICATED);
	fails(ctl_token_check(s, NULL, &got, &err), CTL_UNAUTHENTICATED);
	in.role = CTL_SUPER_ADMIN;
	fails(ctl_token_create(s, &in, &t, secret, &err), CTL_INVALID_ARGUMENT);
	in.tenant = NULL;
	assert_int_equal(ctl_token_create(s, &in, &t, secret, &err), 0);
	assert_int_equal(ctl_token_list(s, NULL, "", 10, count_token, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ctl_token_list(s, acme.id, "", 10, count_token, &n, &err), 0);
	assert_int_equal(n, 3);
}

/* --- groups --- */

static struct ctl_device add_device(const char *tenant, const char *name, uint8_t number)
{
	const uint8_t key[32] = {number, 1};
	struct ctl_device d;

	assert_int_equal(ctl_device_create(s, tenant, name, CTL_NODE, key, false, &d, &err), 0);
	return d;
}

static bool count_device(void *arg, const struct ctl_device *d)
{
	(void)d;
	return count(arg);
}

static bool count_peer(void *arg, const struct ctl_peer *p)
{
	(void)p;
	return count(arg);
}

static void test_groups(void **state)
{
	struct ctl_device a = add_device(acme.id, "a", 1), b = add_device(acme.id, "b", 2);
	struct ctl_device spy = add_device(evil.id, "spy", 3);
	struct ctl_network_new in = {.tenant = acme.id, .name = "mesh"};
	struct ctl_network net;
	struct ctl_group g, h;
	unsigned int enrolled;
	int n = 0;

	(void)state;
	assert_int_equal(ctl_group_create(s, acme.id, "ops", &g, &err), 0);
	fails(ctl_group_create(s, acme.id, "ops", &h, &err), CTL_ALREADY_EXISTS);
	assert_int_equal(ctl_group_create(s, evil.id, "ops", &h, &err), 0);
	assert_int_equal(ctl_group_add(s, acme.id, g.id, a.id, &err), 0);
	assert_int_equal(ctl_group_add(s, acme.id, g.id, a.id, &err), 0);
	assert_int_equal(ctl_group_add(s, acme.id, g.id, b.id, &err), 0);
	fails(ctl_group_add(s, acme.id, g.id, spy.id, &err), CTL_NOT_FOUND);
	fails(ctl_group_add(s, evil.id, g.id, spy.id, &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_group_members(s, acme.id, g.id, "", 10, count_device, &n, &err), 0);
	assert_int_equal(n, 2);
	in.group = g.id;
	assert_int_equal(ctl_group_enroll(s, &in, &net, &enrolled, &err), 0);
	assert_int_equal(enrolled, 2);
	assert_string_equal(net.group, g.id);
	n = 0;
	assert_int_equal(ctl_peer_list(s, acme.id, net.id, NULL, "", 10, count_peer, &n, &err), 0);
	assert_int_equal(n, 2);
	in.group = h.id;
	in.name = "other";
	fails(ctl_group_enroll(s, &in, &net, &enrolled, &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_group_remove(s, acme.id, g.id, a.id, &err), 0);
	assert_int_equal(ctl_group_remove(s, acme.id, g.id, a.id, &err), 0);
	assert_int_equal(ctl_group_rename(s, acme.id, g.id, "people", &err), 0);
	assert_int_equal(ctl_group_get(s, acme.id, g.id, &g, &err), 0);
	assert_string_equal(g.name, "people");
	assert_int_equal(g.members, 1);
	fails(ctl_group_delete(s, evil.id, g.id, &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_group_delete(s, acme.id, g.id, &err), 0);
	fails(ctl_group_get(s, acme.id, g.id, &g, &err), CTL_NOT_FOUND);
}

/* --- relays --- */

static bool count_relay(void *arg, const struct ctl_relay *r)
{
	(void)r;
	return count(arg);
}

static void test_relays(void **state)
{
	static const char *const at[] = {"203.0.113.99:443", "[2001:db8::1]:443"};
	static const char *const bad[] = {"relay.example.org:443"};
	const struct ctl_network_new net_in = {.tenant = acme.id, .name = "n"};
	struct ctl_relay_new in = {acme.id, "fra", NULL, at, 2};
	const uint8_t key[32] = {9};
	struct ctl_relay r, p;
	struct ctl_network net;
	struct ctl_device d = add_device(acme.id, "a", 1);
	struct ctl_peer peer;
	int n = 0;

	(void)state;
	assert_int_equal(ctl_network_create(s, &net_in, &net, &err), 0);
	assert_int_equal(ctl_peer_add(s, acme.id, net.id, d.id, NULL, &peer, &err), 0);
	assert_int_equal(ctl_relay_create(s, &in, &r, &err), 0);
	assert_string_equal(r.endpoints, "[\"203.0.113.99:443\",\"[2001:db8::1]:443\"]");
	assert_int_equal(r.service_ip, 0x647fff01);
	assert_false(r.has_key);
	fails(ctl_relay_create(s, &in, &p, &err), CTL_ALREADY_EXISTS);
	in = (struct ctl_relay_new){evil.id, "fra", NULL, bad, 1};
	fails(ctl_relay_create(s, &in, &p, &err), CTL_INVALID_ARGUMENT);
	in = (struct ctl_relay_new){.name = "fra", .public_key = key};
	assert_int_equal(ctl_relay_create(s, &in, &p, &err), 0);
	assert_int_equal(p.service_ip, 0x647fff02);
	assert_int_equal(ctl_relay_report(s, r.id, key, at, 1, &err), -1); /* p's key */
	assert_int_equal(ctl_relay_report(s, p.id, key, at, 1, &err), 0);
	fails(ctl_relay_get(s, evil.id, r.id, &r, &err), CTL_NOT_FOUND);

	assert_int_equal(ctl_relay_attach(s, r.id, net.id, &err), 0);
	assert_int_equal(ctl_relay_attach(s, r.id, net.id, &err), 0);
	assert_int_equal(ctl_relay_attach(s, p.id, net.id, &err), 0);
	assert_int_equal(ctl_relay_of_network(s, net.id, count_relay, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ctl_peer_assign_relay(s, acme.id, net.id, d.id, r.id, &err), 0);
	assert_int_equal(ctl_relay_set_drain(s, acme.id, r.id, true, &err), 0);
	fails(ctl_relay_set_drain(s, evil.id, r.id, true, &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_relay_detach(s, r.id, net.id, &err), 0);
	fails(ctl_relay_detach(s, r.id, net.id, &err), CTL_NOT_FOUND);
	assert_int_equal(ctl_peer_get(s, acme.id, net.id, d.id, &peer, &err), 0);
	assert_string_equal(peer.relay, "");
	n = 0;
	assert_int_equal(ctl_relay_list(s, NULL, true, "", 10, count_relay, &n, &err), 0);
	assert_int_equal(ctl_relay_list(s, acme.id, false, "", 10, count_relay, &n, &err), 0);
	assert_int_equal(ctl_relay_list(s, evil.id, false, "", 10, count_relay, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ctl_relay_delete(s, NULL, p.id, &err), 0);
	fails(ctl_relay_delete(s, evil.id, r.id, &err), CTL_NOT_FOUND);
}

static void test_a_strangers_relay(void **state)
{
	const struct ctl_network_new net_in = {.tenant = acme.id, .name = "n"};
	const struct ctl_relay_new in = {.tenant = evil.id, .name = "trap"};
	struct ctl_network net;
	struct ctl_relay r;

	(void)state;
	assert_int_equal(ctl_network_create(s, &net_in, &net, &err), 0);
	assert_int_equal(ctl_relay_create(s, &in, &r, &err), 0);
	fails(ctl_relay_attach(s, r.id, net.id, &err), CTL_NOT_FOUND);
}

/* --- the audit log --- */

struct reading {
	int n;
	char actions[8][32];
};

static bool read_record(void *arg, const struct ctl_audit_record *r)
{
	struct reading *reading = arg;

	assert_string_equal(r->actor, "user:root");
	assert_int_equal(r->time, clock_ms);
	assert_true(json_is_object(r->details));
	snprintf(reading->actions[reading->n % 8], 32, "%s", r->action);
	reading->n++;
	return true;
}

static void test_audit(void **state)
{
	struct reading all = {0}, own = {0}, first = {0}, recent = {0};
	struct ctl_group g;

	(void)state;
	assert_int_equal(ctl_group_create(s, acme.id, "ops", &g, &err), 0);
	assert_int_equal(ctl_audit_list(s, NULL, INT64_MAX, 0, 100, read_record, &all, &err), 0);
	assert_int_equal(all.n, 3);
	assert_string_equal(all.actions[0], "group.create");
	assert_int_equal(ctl_audit_list(s, evil.id, INT64_MAX, 0, 100, read_record, &own, &err), 0);
	assert_int_equal(own.n, 1);
	assert_int_equal(ctl_audit_list(s, NULL, 3, 0, 1, read_record, &first, &err), 0);
	assert_int_equal(first.n, 1);
	assert_string_equal(first.actions[0], "tenant.create");
	assert_int_equal(
		ctl_audit_list(s, NULL, INT64_MAX, clock_ms, 100, read_record, &recent, &err), 0);
	assert_int_equal(recent.n, 3);
	recent.n = 0;
	assert_int_equal(
		ctl_audit_list(s, NULL, INT64_MAX, clock_ms + 1, 100, read_record, &recent, &err),
		0);
	assert_int_equal(recent.n, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_tenants), CASE(test_settings),
		CASE(test_users),   CASE(test_the_last_super_admin),
		CASE(test_tokens),  CASE(test_groups),
		CASE(test_relays),  CASE(test_a_strangers_relay),
		CASE(test_audit),   cmocka_unit_test(test_roles),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
