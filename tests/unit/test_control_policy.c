/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules: read, judged, and who may have a tunnel; policies of a network in the store. */
#include "control_office.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "control/device.h"
#include "control/peer.h"
#include "control/policy.h"
#include "crypto.h"

static struct ctl_error err;

static struct ctl_rules *rules_of(const char *text)
{
	json_t *list = json_loads(text, 0, NULL);
	struct ctl_rules *r;

	assert_non_null(list);
	if (ctl_rules_parse(&r, list, &err))
		fail_msg("%s", err.text);
	json_decref(list);
	return r;
}

static void refuse(const char *text, const char *why)
{
	json_t *list = json_loads(text, 0, NULL);
	struct ctl_rules *r;

	assert_non_null(list);
	assert_int_equal(ctl_rules_parse(&r, list, &err), -1);
	assert_null(r);
	assert_int_equal(err.code, CTL_INVALID_ARGUMENT);
	assert_string_equal(err.text, why);
	json_decref(list);
}

/* --- reading --- */

static void test_bad_rules(void **state)
{
	(void)state;
	refuse("{}", "rules: must be a list of at most 50000");
	refuse("[7]", "rule 1: rule: must be an object");
	refuse("[{\"from\":[\"any\"],\"to\":[\"any\"],\"port\":[\"1\"]}]",
	       "rule 1: port: is no member of a rule");
	refuse("[{\"name\":\"A\",\"from\":[\"any\"],\"to\":[\"any\"]}]",
	       "rule 1: name: 1 to 63 of a-z, 0-9 and -");
	refuse("[{\"from\":[\"any\"],\"to\":[\"any\"]},{\"name\":\"w\",\"to\":[\"any\"]}]",
	       "rule 2 \"w\": from: must be a list of 1 to 256 strings");
	refuse("[{\"from\":[\"any\"],\"to\":[]}]",
	       "rule 1: to: must be a list of 1 to 256 strings");
	refuse("[{\"from\":[1],\"to\":[\"any\"]}]", "rule 1: from: must be a list of strings");
	refuse("[{\"from\":[\"tag:\"],\"to\":[\"any\"]}]",
	       "rule 1: from: tag:: 1 to 63 of a-z, 0-9 and -, which is not at its ends");
	refuse("[{\"from\":[\"10.0.0.1/8\"],\"to\":[\"any\"]}]",
	       "rule 1: from: prefix: \"10.0.0.1/8\" has host bits set");
	refuse("[{\"from\":[\"fd00::/8\"],\"to\":[\"any\"]}]",
	       "rule 1: from: fd00::/8: 1 to 63 of a-z, 0-9 and -, which is not at its ends");
	refuse("[{\"from\":[\"any\"],\"to\":[\"any\"],\"name from\":1}]",
	       "rule 1: name from: is no member of a rule");
	refuse("[{\"from\":[\"any\"],\"to\":[\"any\"],\"shadow\":\"true\"}]",
	       "rule 1: shadow: must be true or false");
	refuse("[{\"from\":[\"192.168.100.128/250\"],\"to\":[\"any\"]}]",
	       "rule 1: from: prefix: \"192.168.100.128/250\" is no prefix such as 100.64.1.0/24");
	refuse("[{\"from\":[\"192.168.100.128/25/25\"],\"to\":[\"any\"]}]",
	       "rule 1: from: is no IPv4 prefix");
	refuse("[{\"from\":[\"any\"],\"to\":[\"any\"],\"protocol\":\"sctp\"}]",
	       "rule 1: protocol: must be all, tcp, udp or icmp");
	refuse("[{\"from\":[\"any\"],\"to\":[\"any\"],\"ports\":[\"1\"]}]",
	       "rule 1: ports: only tcp and udp have ports");
	for (int i = 0; i < 6; i++) {
		static const char *const bad[] = {"\"\"",    "\"x\"",  "\"65536\"",
						  "\"9-8\"", "\"1-\"", "1"};
		char text[128];

		snprintf(text, sizeof(text),
			 "[{\"from\":[\"any\"],\"to\":[\"any\"],\"protocol\":\"tcp\",\"ports\":[%s]"
			 "}]",
			 bad[i]);
		refuse(text, "rule 1: ports: each must be a string with a port or a range such as "
			     "8000-8100");
	}
}

/* --- judging --- */

static const char *const staff[] = {"staff"};
static const char *const ops[] = {"ops"};
static const struct ctl_prefix lan = {0xc0a80a00, 24};
static const struct ctl_subject alice = {
	.name = "alice", .ip = 0x64400101, .tags = staff, .n_tags = 1};
static const struct ctl_subject bob = {
	.name = "bob", .ip = 0x64400102, .groups = ops, .n_groups = 1};
static const struct ctl_subject gw = {
	.name = "gw", .ip = 0x64400103, .subnets = &lan, .n_subnets = 1};
static const struct ctl_subject server = {.ip = 0xc0a80a05};

static void test_judged(void **state)
{
	struct ctl_rules *r = rules_of(
		"[{\"name\":\"web\",\"from\":[\"tag:staff\"],\"to\":[\"192.168.10.0/24\"],"
		" \"protocol\":\"tcp\",\"ports\":[\"443\",\"8000-8100\"]},"
		" {\"name\":\"tried\",\"from\":[\"any\"],\"to\":[\"any\"],\"shadow\":true},"
		" {\"name\":\"ping\",\"from\":[\"group:ops\",\"alice\"],\"to\":[\"100.64.1.3\"],"
		" \"protocol\":\"icmp\"}]");

	(void)state;
	assert_int_equal(ctl_rules_count(r), 3);
	assert_int_equal(ctl_rules_judge(r, &alice, &server, "tcp", 443), 0);
	assert_int_equal(ctl_rules_judge(r, &alice, &server, "tcp", 8100), 0);
	assert_int_equal(ctl_rules_judge(r, &alice, &server, "tcp", 8101), -1);
	assert_int_equal(ctl_rules_judge(r, &alice, &server, "udp", 443), -1);
	assert_int_equal(ctl_rules_judge(r, &bob, &server, "tcp", 443), -1);
	assert_int_equal(ctl_rules_judge(r, &bob, &gw, "icmp", 0), 2);
	assert_int_equal(ctl_rules_judge(r, &alice, &gw, "icmp", 0), 2);
	assert_int_equal(ctl_rules_judge(r, &gw, &alice, "icmp", 0), -1);
	assert_int_equal(ctl_rules_judge(r, &alice, &gw, "tcp", 443), -1);
	assert_string_equal(ctl_rules_name(r, 2), "ping");
	ctl_rules_free(r);
}

/* The longest texts that prefixes and addresses have. */
static void test_long_prefixes(void **state)
{
	struct ctl_rules *r = rules_of("[{\"from\":[\"192.168.100.128/25\",\"203.113.100.129/32\"],"
				       "  \"to\":[\"203.113.100.128\"]}]");
	const struct ctl_subject in = {.ip = 0xc0a864ff}, to = {.ip = 0xcb716480};
	const struct ctl_subject out = {.ip = 0xc0a8647f}, one = {.ip = 0xcb716481};

	(void)state;
	assert_int_equal(ctl_rules_judge(r, &in, &to, "tcp", 1), 0);
	assert_int_equal(ctl_rules_judge(r, &one, &to, "tcp", 1), 0);
	assert_int_equal(ctl_rules_judge(r, &out, &to, "tcp", 1), -1);
	ctl_rules_free(r);
}

static void test_pairs(void **state)
{
	struct ctl_rules *r = rules_of("[{\"from\":[\"tag:staff\"],\"to\":[\"192.168.0.0/16\"],"
				       "  \"protocol\":\"tcp\"},"
				       " {\"from\":[\"any\"],\"to\":[\"any\"],\"shadow\":true}]");

	(void)state;
	assert_true(ctl_rules_pair(r, &alice, &gw)); /* the subnet is behind it */
	assert_true(ctl_rules_pair(r, &gw, &alice));
	assert_false(ctl_rules_pair(r, &bob, &gw));
	assert_false(ctl_rules_pair(r, &alice, &bob));
	ctl_rules_free(r);
	r = rules_of("[{\"from\":[\"192.168.10.9\"],\"to\":[\"bob\"]}]");
	assert_true(ctl_rules_pair(r, &bob, &gw));
	assert_false(ctl_rules_pair(r, &alice, &gw));
	ctl_rules_free(r);
	r = rules_of("[]");
	assert_false(ctl_rules_pair(r, &alice, &bob));
	assert_int_equal(ctl_rules_judge(r, &alice, &bob, "tcp", 1), -1);
	ctl_rules_free(r);
}

/* --- in the store --- */

static struct ctl_store *s;
static struct ctl_network n;

static void add_peer(const char *name, const char *tags, uint8_t number)
{
	struct ctl_device d;
	struct ctl_peer p;
	uint8_t key[32] = {number};

	assert_int_equal(ctl_device_create(s, "acme", name, CTL_NODE, key, false, &d, &err), 0);
	assert_int_equal(ctl_peer_add(s, "acme", n.id, d.id, tags, &p, &err), 0);
	assert_int_equal(ctl_peer_key(s, n.id, d.id, key, 0, &p, &err), 0);
}

static int begin(void **state)
{
	(void)state;
	office_open(&s, &n, NULL);
	add_peer("alice", "[\"staff\"]", 1);
	add_peer("bob", NULL, 2);
	return 0;
}

static int end(void **state)
{
	(void)state;
	office_close(s);
	return 0;
}

static int apply(const char *name, int64_t position, const char *text)
{
	json_t *list = json_loads(text, 0, NULL);
	int rc = ctl_policy_apply(s, "acme", n.id, name, position, list, &err);

	json_decref(list);
	return rc;
}

static void ask(const char *from, const char *to, const char *protocol, uint16_t port,
		const char *rule)
{
	char found[CTL_NAME_LEN];
	bool allowed;

	assert_int_equal(
		ctl_policy_test(s, "acme", n.id, from, to, protocol, port, &allowed, found, &err),
		0);
	assert_int_equal(allowed, rule != NULL);
	assert_string_equal(found, rule ? rule : "");
}

static void test_policies(void **state)
{
	json_t *rules;

	(void)state;
	ask("alice", "bob", "tcp", 80, "all"); /* the initial one */
	assert_int_equal(apply("web", 5,
			       "[{\"name\":\"w\",\"from\":[\"tag:staff\"],\"to\":[\"bob\"],"
			       "\"protocol\":\"tcp\"}]"),
			 0);
	assert_int_equal(ctl_policy_delete(s, "acme", n.id, "initial", &err), 0);
	assert_int_equal(ctl_policy_delete(s, "acme", n.id, "initial", &err), -1);
	assert_int_equal(err.code, CTL_NOT_FOUND);
	ask("alice", "bob", "tcp", 80, "w");
	ask("bob", "alice", "tcp", 80, NULL);
	ask("alice", "100.64.1.2", "tcp", 80, "w");
	ask("alice", "192.168.1.1", "tcp", 80, NULL);
	assert_int_equal(apply("web", 1, "[{\"from\":[\"bad one\"],\"to\":[\"any\"]}]"), -1);
	ask("alice", "bob", "tcp", 80, "w"); /* the old one stands */
	assert_int_equal(apply("first", 1,
			       "[{\"name\":\"f\",\"from\":[\"100.64.1.0/24\"],"
			       "\"to\":[\"any\"]}]"),
			 0);
	ask("alice", "bob", "tcp", 80, "f");
	assert_int_equal(ctl_policy_rules(s, n.id, &rules, &err), 0);
	assert_int_equal(json_array_size(rules), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(rules, 0), "name")),
			    "f");
	json_decref(rules);
	assert_int_equal(apply("first", 1, "[]"), 0);
	ask("alice", "bob", "tcp", 80, "w");
}

static void test_questions(void **state)
{
	char rule[CTL_NAME_LEN];
	bool allowed;

	(void)state;
	assert_int_equal(ctl_db_run(ctl_store_db(s),
				    "INSERT INTO device_group (id, tenant, name, created)"
				    " VALUES ('g', 'acme', 'ops', 0)",
				    ""),
			 1);
	assert_int_equal(
		ctl_db_run(ctl_store_db(s),
			   "INSERT INTO group_member SELECT 'g', id FROM device WHERE name = 'bob'",
			   ""),
		1);
	assert_int_equal(apply("initial", 0,
			       "[{\"name\":\"g\",\"from\":[\"group:ops\"],"
			       "\"to\":[\"any\"]}]"),
			 0);
	ask("bob", "alice", "udp", 53, "g");
	ask("alice", "bob", "udp", 53, NULL);
	assert_int_equal(
		ctl_policy_test(s, "acme", n.id, "carol", "bob", "tcp", 1, &allowed, rule, &err),
		-1);
	assert_int_equal(err.code, CTL_NOT_FOUND);
	assert_int_equal(
		ctl_policy_test(s, "evil", n.id, "alice", "bob", "tcp", 1, &allowed, rule, &err),
		-1);
	assert_int_equal(err.code, CTL_NOT_FOUND);
	assert_int_equal(
		ctl_policy_test(s, "acme", n.id, "alice", "bob", "TCP", 1, &allowed, rule, &err),
		-1);
	assert_int_equal(err.code, CTL_INVALID_ARGUMENT);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_rules),
		cmocka_unit_test(test_judged),
		cmocka_unit_test(test_long_prefixes),
		cmocka_unit_test(test_pairs),
		CASE(test_policies),
		CASE(test_questions),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
