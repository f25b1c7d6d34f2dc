/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Networks, peers and their addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/address.h"
#include "control/network.h"
#include "control/peer.h"
#include "crypto.h"

static struct ctl_store *s;
static struct ctl_error err;

/* --- a world of two tenants --- */

static void raw(const char *sql, const char *a, const char *b)
{
	assert_int_equal(ctl_db_run(ctl_store_db(s), sql, "tt", a, b), 1);
}

static void add_tenant(const char *name)
{
	raw("INSERT INTO tenant (id, name, created) VALUES (?, ?, 0)", name, name);
}

static void add_device(const char *tenant, const char *name)
{
	raw("INSERT INTO device (id, tenant, name, kind, created) VALUES (?2, ?1, ?2, 4, 0)",
	    tenant, name);
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(ctl_store_open(&s, ":memory:"), 0);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	add_tenant("acme");
	add_tenant("evil");
	return 0;
}

static int end(void **state)
{
	(void)state;
	ctl_rollback(s);
	ctl_store_close(s);
	return 0;
}

static void make_network(const char *tenant, const char *name, const char *subnet,
			 struct ctl_network *out)
{
	const struct ctl_network_new in = {.tenant = tenant, .name = name, .subnet = subnet};

	if (ctl_network_create(s, &in, out, &err))
		fail_msg("%s", err.text);
}

static void refuse_network(const char *tenant, const char *name, const char *subnet,
			   enum ctl_code code, const char *text)
{
	const struct ctl_network_new in = {.tenant = tenant, .name = name, .subnet = subnet};
	struct ctl_network n;

	assert_int_equal(ctl_network_create(s, &in, &n, &err), -1);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
}

/* A device "dN" in the network, with a key; 0 when there was no address. */
static uint32_t join(const struct ctl_network *n, unsigned int number, struct ctl_peer *p)
{
	char name[16];
	uint8_t key[32];

	snprintf(name, sizeof(name), "d%u", number);
	tp_random(key, sizeof(key));
	add_device(n->tenant, name);
	assert_int_equal(ctl_peer_add(s, n->tenant, n->id, name, NULL, p, &err), 0);
	assert_int_equal(p->ip, 0);
	if (ctl_peer_key(s, n->id, name, key, 51820, p, &err)) {
		assert_int_equal(err.code, CTL_RESOURCE_EXHAUSTED);
		assert_int_equal(ctl_peer_remove(s, n->tenant, n->id, name, &err), 0);
		return 0;
	}
	assert_memory_equal(p->public_key, key, 32);
	return p->ip;
}

static void leave(const struct ctl_network *n, unsigned int number)
{
	char name[16];

	snprintf(name, sizeof(name), "d%u", number);
	assert_int_equal(ctl_peer_remove(s, n->tenant, n->id, name, &err), 0);
	assert_int_equal(ctl_db_run(ctl_store_db(s), "DELETE FROM device WHERE id = ?", "t", name),
			 1);
}

/* --- networks --- */

static void test_subnets(void **state)
{
	struct ctl_network n;

	(void)state;
	make_network("acme", "a", "10.1.0.0/30", &n);
	assert_string_equal(n.subnet, "10.1.0.0/30");
	assert_int_equal(n.listen_port, 51820);
	refuse_network("acme", "b", "10.2.0.0/31", CTL_INVALID_ARGUMENT,
		       "subnet_cidr: \"10.2.0.0/31\" is too small: a network is a /30 at least");
	refuse_network("acme", "b", "0.0.0.0/0", CTL_INVALID_ARGUMENT,
		       "subnet_cidr: \"0.0.0.0/0\" is too large");
	refuse_network("acme", "b", "10.2.0.1/24", CTL_INVALID_ARGUMENT,
		       "subnet_cidr: \"10.2.0.1/24\" has host bits set");
	refuse_network("acme", "b", "fd00::/64", CTL_INVALID_ARGUMENT,
		       "subnet_cidr: \"fd00::/64\" is IPv6; networks are IPv4 only");
	refuse_network("acme", "b", "224.0.0.0/24", CTL_INVALID_ARGUMENT,
		       "subnet_cidr: \"224.0.0.0/24\" holds addresses that no host can have");
	refuse_network("acme", "b", "100.127.255.128/25", CTL_INVALID_ARGUMENT,
		       "subnet_cidr: \"100.127.255.128/25\" holds relays' service addresses, "
		       "100.127.255.0/24");
	refuse_network("acme", "b", "10.1.0.0/16", CTL_FAILED_PRECONDITION,
		       "subnet_cidr: 10.1.0.0/16 overlaps with network \"a\"");
	refuse_network("acme", "a", "10.3.0.0/16", CTL_ALREADY_EXISTS,
		       "network \"a\" is there already");
	refuse_network("acme", "B", "10.3.0.0/16", CTL_INVALID_ARGUMENT,
		       "name: 1 to 63 of a-z, 0-9 and -, which is not at its ends");
	refuse_network("nobody", "b", "10.3.0.0/16", CTL_NOT_FOUND, "no tenant nobody");
	make_network("evil", "a", "10.1.0.0/16", &n); /* another world */
}

static void test_bad_prefixes(void **state)
{
	static const char *const bad[] = {"",
					  "10.0.0.0",
					  "10.0.0.0/",
					  "10.0.0/24",
					  "10.0.0.0/x",
					  "10.0.0.0/8x",
					  "/8",
					  "10.0.0.0/33",
					  "10.0.0.0/-8",
					  "10.0.0.0/ 8",
					  "10.0.0.0/4294967304",
					  "a.b.c.d/8",
					  "1000000000.0.0.0/8"};
	uint32_t first;
	unsigned int bits;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ctl_prefix_parse(bad[i], "x", &first, &bits, &err), -1);
		assert_int_equal(err.code, CTL_INVALID_ARGUMENT);
	}
	assert_int_equal(ctl_prefix_parse(NULL, "x", &first, &bits, &err), -1);
	assert_int_equal(ctl_prefix_parse("0.0.0.0/0", "x", &first, &bits, &err), 0);
}

static void test_slices(void **state)
{
	struct ctl_network n;

	(void)state;
	make_network("acme", "a", NULL, &n);
	assert_string_equal(n.subnet, "100.64.1.0/24");
	make_network("acme", "b", "100.64.2.0/23", &n);
	make_network("acme", "c", "", &n);
	assert_string_equal(n.subnet, "100.64.4.0/24");
	assert_int_equal(ctl_network_delete(s, "acme", n.id, &err), 0);
	make_network("acme", "d", NULL, &n);
	assert_string_equal(n.subnet, "100.64.4.0/24");
	make_network("evil", "a", NULL, &n);
	assert_string_equal(n.subnet, "100.64.1.0/24");
	/* The last slice of the range has the service addresses. */
	raw("UPDATE tenant SET ip_range = ?2 WHERE id = ?1", "acme", "100.127.254.0/23");
	refuse_network("acme", "e", NULL, CTL_RESOURCE_EXHAUSTED,
		       "the tenant's range 100.127.254.0/23 has no free /24");
}

static void test_defaults_of_the_tenant(void **state)
{
	struct ctl_network n;

	(void)state;
	raw("UPDATE tenant SET default_listen_port = 7, default_keepalive = 9, default_dns = ?2,"
	    " stun_servers = '[\"s:1\"]' WHERE id = ?1",
	    "acme", "10.0.0.53");
	make_network("acme", "a", NULL, &n);
	assert_int_equal(n.listen_port, 7);
	assert_int_equal(n.keepalive, 9);
	assert_string_equal(n.dns, "10.0.0.53");
	assert_string_equal(n.stun_servers, "[\"s:1\"]");
	raw("UPDATE tenant SET nat_traversal_enabled = 0 WHERE id = ? AND name = ?", "acme",
	    "acme");
	make_network("acme", "b", NULL, &n);
	assert_string_equal(n.stun_servers, "[]");
}

static bool count_networks(void *arg, const struct ctl_network *n)
{
	(void)n;
	++*(int *)arg;
	return true;
}

static void test_tenants_are_apart(void **state)
{
	struct ctl_network n, m;
	struct ctl_peer p;
	int found = 0;

	(void)state;
	make_network("acme", "a", NULL, &n);
	make_network("evil", "b", NULL, &m);
	add_device("evil", "spy");
	add_device("acme", "good");
	assert_int_equal(ctl_network_get(s, "evil", n.id, &m, &err), -1);
	assert_int_equal(err.code, CTL_NOT_FOUND);
	assert_int_equal(ctl_network_get(s, NULL, n.id, &m, &err), 0);
	assert_int_equal(ctl_network_delete(s, "evil", n.id, &err), -1);
	assert_int_equal(ctl_network_list(s, "evil", "", 100, count_networks, &found, &err), 0);
	assert_int_equal(found, 1);
	assert_int_equal(ctl_peer_add(s, "evil", n.id, "spy", NULL, &p, &err), -1);
	assert_int_equal(err.code, CTL_NOT_FOUND);
	assert_int_equal(ctl_peer_add(s, NULL, n.id, "spy", NULL, &p, &err), -1);
	assert_int_equal(ctl_peer_add(s, "acme", n.id, "good", NULL, &p, &err), 0);
	assert_int_equal(ctl_peer_get(s, "evil", n.id, "good", &p, &err), -1);
	assert_int_equal(ctl_peer_remove(s, "evil", n.id, "good", &err), -1);
	assert_int_equal(ctl_peer_set_tags(s, "evil", n.id, "good", "[\"x\"]", &err), -1);
	assert_int_equal(ctl_peer_assign_relay(s, "evil", n.id, "good", NULL, &err), -1);
}

struct listing {
	unsigned int n, stop_at;
	char last[CTL_ID_LEN];
};

static bool note_peer(void *arg, const struct ctl_peer *p)
{
	struct listing *l = arg;

	assert_true(strcmp(p->id, l->last) > 0);
	strcpy(l->last, p->id);
	return ++l->n != l->stop_at;
}

static unsigned int list(const char *tenant, const char *network, const char *device,
			 unsigned int limit, struct listing *l)
{
	char after[CTL_ID_LEN];

	strcpy(after, l->last);
	l->n = 0;
	assert_int_equal(
		ctl_peer_list(s, tenant, network, device, after, limit, note_peer, l, &err), 0);
	return l->n;
}

static void test_lists(void **state)
{
	struct listing l = {0}, stopped = {.stop_at = 2};
	struct ctl_network a, b, c;
	struct ctl_peer p;

	(void)state;
	make_network("acme", "a", NULL, &a);
	make_network("acme", "b", NULL, &b);
	make_network("evil", "c", NULL, &c);
	for (unsigned int i = 1; i <= 5; i++)
		join(&a, i, &p);
	assert_int_equal(ctl_peer_add(s, "acme", b.id, "d1", NULL, &p, &err), 0);
	join(&c, 9, &p);
	assert_int_equal(list(NULL, NULL, NULL, 100, &(struct listing){0}), 7);
	assert_int_equal(list("acme", NULL, NULL, 100, &(struct listing){0}), 6);
	assert_int_equal(list("acme", a.id, NULL, 100, &(struct listing){0}), 5);
	assert_int_equal(list("acme", NULL, "d1", 100, &(struct listing){0}), 2);
	assert_int_equal(list(NULL, b.id, "d1", 100, &(struct listing){0}), 1);
	assert_int_equal(list(NULL, b.id, "d2", 100, &(struct listing){0}), 0);
	assert_int_equal(list("evil", a.id, NULL, 100, &(struct listing){0}), 0);
	assert_int_equal(list("evil", NULL, "d1", 100, &(struct listing){0}), 0);
	assert_int_equal(list("acme", a.id, NULL, 3, &l), 3);
	assert_int_equal(list("acme", a.id, NULL, 3, &l), 2);
	assert_int_equal(list("acme", a.id, NULL, 3, &l), 0);
	assert_int_equal(list(NULL, a.id, NULL, 100, &stopped), 2);
}

/* --- addresses --- */

static void test_addresses_in_a_row(void **state)
{
	struct ctl_network n;
	struct ctl_peer p;

	(void)state;
	make_network("acme", "a", "10.1.0.0/29", &n);
	for (unsigned int i = 1; i <= 6; i++)
		assert_int_equal(join(&n, i, &p), 0x0a010000 + i);
	assert_int_equal(join(&n, 7, &p), 0);
	leave(&n, 2);
	leave(&n, 5);
	assert_int_equal(join(&n, 8, &p), 0); /* held */
	assert_int_equal(ctl_address_acknowledged(s, n.id, ctl_store_revision(s), &err), 0);
	assert_int_equal(join(&n, 9, &p), 0); /* not yet this revision */
	assert_int_equal(ctl_address_acknowledged(s, n.id, ctl_store_next_revision(s), &err), 0);
	assert_int_equal(join(&n, 10, &p), 0x0a010002);
	assert_int_equal(join(&n, 11, &p), 0x0a010005);
	assert_int_equal(join(&n, 12, &p), 0);
}

static void test_service_addresses_in_a_wide_network(void **state)
{
	struct ctl_network n;
	struct ctl_peer p;

	(void)state;
	make_network("acme", "a", "100.0.0.0/8", &n);
	assert_int_equal(ctl_db_run(ctl_store_db(s), "UPDATE network SET next_ip = ? WHERE id = ?",
				    "it", (int64_t)CTL_SERVICE_FIRST - 1, n.id),
			 1);
	assert_int_equal(join(&n, 1, &p), CTL_SERVICE_FIRST - 1);
	assert_int_equal(join(&n, 2, &p), CTL_SERVICE_FIRST + 256);
}

/* Random joins, leaves and acknowledgements against a table of what is in use. */
static void test_addresses_against_a_model(void **state)
{
	enum { FREE, TAKEN, HELD };
	int model[32] = {0};
	unsigned int owner[32] = {0}, number = 0, joins = 0, full = 0;
	struct ctl_network n;
	struct ctl_peer p;

	(void)state;
	srand(1);
	make_network("acme", "a", "10.1.0.0/27", &n);
	for (int i = 0; i < 3000; i++) {
		unsigned int at = (unsigned int)rand() % 32;

		if (rand() % 100 < 55) {
			uint32_t ip = join(&n, ++number, &p), free_ones = 0;

			for (int k = 1; k < 31; k++)
				free_ones += model[k] == FREE;
			assert_int_equal(ip == 0, free_ones == 0);
			full += !ip;
			if (!ip)
				continue;
			at = ip & 31;
			assert_true(at > 0 && at < 31);
			assert_int_equal(model[at], FREE);
			model[at] = TAKEN;
			owner[at] = number;
			joins++;
		} else if (model[at] == TAKEN) {
			leave(&n, owner[at]);
			model[at] = HELD;
		} else if (rand() % 4 == 0) {
			ctl_address_acknowledged(s, n.id, ctl_store_next_revision(s), &err);
			for (int k = 0; k < 32; k++)
				model[k] = model[k] == HELD ? FREE : model[k];
		}
	}
	assert_true(joins > 300 && full > 50);
}

/* --- peers --- */

static void test_a_key_again(void **state)
{
	struct ctl_network n;
	struct ctl_peer p;
	uint8_t key[32], other[32];
	uint32_t ip;

	(void)state;
	make_network("acme", "a", NULL, &n);
	ip = join(&n, 1, &p);
	memcpy(key, p.public_key, 32);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_peer_key(s, n.id, "d1", key, 51820, &p, &err), 0);
	assert_int_equal(p.ip, ip);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_store_revision(s), 1); /* nobody was told anything new */
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	tp_random(other, sizeof(other));
	assert_int_equal(ctl_peer_key(s, n.id, "d1", other, 51820, &p, &err), 0);
	assert_int_equal(p.ip, ip);
	assert_memory_equal(p.public_key, other, 32);
	join(&n, 2, &p);
	assert_int_equal(ctl_peer_key(s, n.id, "d2", other, 51820, &p, &err), -1);
	assert_int_equal(err.code, CTL_ALREADY_EXISTS);
	assert_int_equal(ctl_peer_add(s, "acme", n.id, "d2", NULL, &p, &err), -1);
	assert_int_equal(err.code, CTL_ALREADY_EXISTS);
}

static void test_endpoints(void **state)
{
	struct ctl_network n;
	struct ctl_peer p;

	(void)state;
	make_network("acme", "a", NULL, &n);
	join(&n, 1, &p);
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "198.51.100.1:7", false, &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "198.51.100.1:7", false, &err), 0);
	assert_int_equal(ctl_peer_handshake(s, n.id, "d1", 1700000000, &err), 0);
	assert_int_equal(ctl_peer_handshake(s, n.id, "d1", 1600000000, &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_store_revision(s), 1);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "198.51.100.9:9", true, &err), 0);
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "198.51.100.1:7", false, &err), 0);
	assert_int_equal(ctl_peer_get(s, "acme", n.id, "d1", &p, &err), 0);
	assert_string_equal(p.endpoint, "198.51.100.9:9");
	assert_true(p.endpoint_declared);
	assert_int_equal(p.last_handshake, 1700000000);
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "", true, &err), 0);
	assert_int_equal(ctl_peer_get(s, "acme", n.id, "d1", &p, &err), 0);
	assert_false(p.endpoint_declared);
	assert_string_equal(p.endpoint, "");
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "relay:443", true, &err), -1);
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "0.0.0.0:443", false, &err), -1);
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "198.51.100.1:0", false, &err), -1);
}

static int role(const struct ctl_network *n, const char *device, bool relay, bool egress,
		const char *subnet)
{
	const struct ctl_peer_role r = {relay, egress, &subnet, subnet != NULL};
	struct ctl_peer p;

	return ctl_peer_set_role(s, n->tenant, n->id, device, &r, &p, &err);
}

static void test_roles(void **state)
{
	struct ctl_network n;
	struct ctl_peer p;

	(void)state;
	make_network("acme", "a", "10.1.0.0/24", &n);
	join(&n, 1, &p);
	join(&n, 2, &p);
	assert_int_equal(role(&n, "d1", true, false, NULL), -1);
	assert_int_equal(err.code, CTL_FAILED_PRECONDITION);
	assert_int_equal(ctl_peer_assign_relay(s, "acme", n.id, "d2", "d1", &err), -1);
	assert_int_equal(ctl_peer_endpoint(s, n.id, "d1", "198.51.100.1:7", true, &err), 0);
	assert_int_equal(role(&n, "d1", true, false, NULL), 0);
	assert_int_equal(ctl_peer_assign_relay(s, "acme", n.id, "d2", "d1", &err), 0);
	assert_int_equal(ctl_peer_get(s, "acme", n.id, "d2", &p, &err), 0);
	assert_string_equal(p.relay, "d1");
	assert_int_equal(ctl_peer_assign_relay(s, "acme", n.id, "d2", NULL, &err), 0);

	assert_int_equal(role(&n, "d2", false, false, "192.168.10.0/24"), -1);
	assert_int_equal(role(&n, "d2", false, true, "192.168.10.0/24"), 0);
	assert_int_equal(ctl_peer_get(s, "acme", n.id, "d2", &p, &err), 0);
	assert_string_equal(p.egress_subnets, "[\"192.168.10.0/24\"]");
	assert_int_equal(role(&n, "d1", true, true, "192.168.0.0/16"), -1);
	assert_string_equal(err.text, "egress_subnets: 192.168.0.0/16 overlaps with "
				      "192.168.10.0/24 of \"d2\"");
	assert_int_equal(role(&n, "d1", true, true, "192.168.10.0/24"), 0); /* for two at once */
	assert_int_equal(role(&n, "d1", true, true, "10.1.0.0/25"), -1);
	assert_string_equal(err.text,
			    "egress_subnets: 10.1.0.0/25 overlaps with the network's 10.1.0.0/24");
	assert_int_equal(role(&n, "d1", true, true, "0.0.0.0/0"), -1);
	assert_int_equal(role(&n, "d1", true, true, "224.0.0.0/24"), -1);
	assert_int_equal(role(&n, "d1", true, true, "100.127.255.7/32"), -1);
	assert_string_equal(err.text, "egress_subnets: \"100.127.255.7/32\" holds relays' service "
				      "addresses, 100.127.255.0/24");
	assert_int_equal(role(&n, "d2", false, true, "192.168.0.0/16"), -1);
	assert_int_equal(role(&n, "d1", false, false, NULL), 0);
	assert_int_equal(role(&n, "d2", false, true, "192.168.0.0/16"),
			 0); /* its own was replaced */
}

static void test_subnets_of_one_gateway(void **state)
{
	static const char *const fine[] = {"192.168.10.0/24", "192.168.11.0/24", "10.2.0.0/16"};
	static const char *const bad[][2] = {{"192.168.10.0/24", "192.168.0.0/16"},
					     {"192.168.0.0/16", "192.168.10.0/24"},
					     {"192.168.10.0/24", "192.168.10.0/24"}};
	struct ctl_peer_role r = {.is_egress = true, .subnets = fine, .n_subnets = 3};
	struct ctl_network n;
	struct ctl_peer p;
	char text[128];

	(void)state;
	make_network("acme", "a", "10.1.0.0/24", &n);
	join(&n, 1, &p);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r.subnets = bad[i];
		r.n_subnets = 2;
		assert_int_equal(ctl_peer_set_role(s, "acme", n.id, "d1", &r, &p, &err), -1);
		assert_int_equal(err.code, CTL_INVALID_ARGUMENT);
		snprintf(text, sizeof(text),
			 "egress_subnets: %s overlaps with %s, which the same gateway is to have",
			 bad[i][1], bad[i][0]);
		assert_string_equal(err.text, text);
	}
	r.subnets = fine;
	r.n_subnets = 3;
	assert_int_equal(ctl_peer_set_role(s, "acme", n.id, "d1", &r, &p, &err), 0);
}

static void test_tags(void **state)
{
	static const char *const bad[] = {"[", "{}", "[1]", "[\"A\"]", "[\"tag:a\"]"};
	struct ctl_network n;
	struct ctl_peer p;

	(void)state;
	make_network("acme", "a", NULL, &n);
	join(&n, 1, &p);
	assert_int_equal(ctl_peer_set_tags(s, "acme", n.id, "d1", "[ \"staff\", \"x-1\" ]", &err),
			 0);
	assert_int_equal(ctl_peer_get(s, "acme", n.id, "d1", &p, &err), 0);
	assert_string_equal(p.tags, "[\"staff\",\"x-1\"]");
	assert_int_equal(
		ctl_peer_set_tags(s, "acme", n.id, "d1", "[\"b\",\"a\",\"b\",\"a\"]", &err), 0);
	assert_int_equal(ctl_peer_get(s, "acme", n.id, "d1", &p, &err), 0);
	assert_string_equal(p.tags, "[\"b\",\"a\"]"); /* once each */
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ctl_peer_set_tags(s, "acme", n.id, "d1", bad[i], &err), -1);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_subnets),
		CASE(test_bad_prefixes),
		CASE(test_slices),
		CASE(test_defaults_of_the_tenant),
		CASE(test_tenants_are_apart),
		CASE(test_lists),
		CASE(test_addresses_in_a_row),
		CASE(test_service_addresses_in_a_wide_network),
		CASE(test_addresses_against_a_model),
		CASE(test_a_key_again),
		CASE(test_endpoints),
		CASE(test_roles),
		CASE(test_subnets_of_one_gateway),
		CASE(test_tags),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
