// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Policies one by one: what is refused and how that reads, what is only warned of, and the edges of
 * selectors, ports and limits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bpf/abi/gateway.h"
#include "gateway/policy.h"

#define LIST(...)    ((char *[]){__VA_ARGS__})
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define RULE(f, t)                                                                               \
	{                                                                                        \
		.name = "web", .from = LIST(f), .n_from = 1, .to = LIST(t), .n_to = 1, .line = 7 \
	}

static struct tp_prefix alice_addrs[2];
static char *alice_tags[] = {"staff", "admin", "staff"};
static struct gw_policy_node alice = {
	.name = "alice", .addrs = alice_addrs, .n_addrs = 2, .tags = alice_tags, .n_tags = 3};
static char *messages;

static int set_up(void **state)
{
	(void)state;
	tp_addr_parse_cidr("100.64.1.1", &alice_addrs[0].addr, &alice_addrs[0].bits);
	tp_addr_parse_cidr("fd00::1", &alice_addrs[1].addr, &alice_addrs[1].bits);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(messages);
	messages = NULL;
	return 0;
}

static struct gw_policy_input office(const struct gw_policy_rule *rules, size_t n)
{
	return (struct gw_policy_input){
		.source = "f", .nodes = &alice, .n_nodes = 1, .rules = rules, .n_rules = n};
}

static int compile(const struct gw_policy_input *in, struct gw_policy_tables **t)
{
	size_t size;
	FILE *f;
	int err;

	free(messages);
	f = open_memstream(&messages, &size);
	err = gw_policy_compile(in, t, f);
	fclose(f);
	assert_int_equal(err != 0, *t == NULL);
	return err;
}

static struct gw_policy_tables *compiled(const struct gw_policy_input *in)
{
	struct gw_policy_tables *t;

	if (compile(in, &t))
		fail_msg("%s", messages);
	return t;
}

static void refuses(const struct gw_policy_input *in, int err, const char *complaint)
{
	struct gw_policy_tables *t;

	assert_int_equal(compile(in, &t), err);
	assert_string_equal(messages, complaint);
}

static struct gw_policy_end at(const char *addr, uint32_t overlay)
{
	struct gw_policy_end end = {.overlay = overlay};

	assert_int_equal(tp_addr_parse(addr, &end.addr), 0);
	return end;
}

static bool allows(const struct gw_policy_tables *t, const char *src, const char *dst,
		   uint8_t proto, uint16_t port)
{
	struct gw_policy_end from = at(src, 0), to = at(dst, GW_POLICY_OUTSIDE);

	return gw_policy_judge(t, &from, &to, proto, port).allowed;
}

static void selector_errors(void **state)
{
	static const struct {
		char *text;
		const char *complaint;
	} wrong[] = {
		{"tag:", "f:7: rule \"web\": \"tag:\" names no tag\n"},
		{"node:", "f:7: rule \"web\": \"node:\" names no node\n"},
		{"", "f:7: rule \"web\": \"\" names no node\n"},
		{"bob", "f:7: rule \"web\": there is no node \"bob\"\n"},
		{"node:bob", "f:7: rule \"web\": there is no node \"bob\"\n"},
		{"10.0.0.1/8",
		 "f:7: rule \"web\": \"10.0.0.1/8\" has bits set behind its length\n"},
		{"10.0.0.0/33",
		 "f:7: rule \"web\": \"10.0.0.0/33\" is no prefix such as 192.168.10.0/24\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		const struct gw_policy_rule rules[] = {RULE(wrong[i].text, "any")};
		struct gw_policy_input in = office(rules, 1);

		refuses(&in, -EINVAL, wrong[i].complaint);
	}
}

static void port_errors(void **state)
{
	static const struct {
		char *text;
		const char *complaint;
	} wrong[] = {
		{"", "is no port from 0 to 65535, and no range such as 8000-8100"},
		{"65536", "is no port from 0 to 65535, and no range such as 8000-8100"},
		{"80x", "is no port from 0 to 65535, and no range such as 8000-8100"},
		{"80-", "is no port from 0 to 65535, and no range such as 8000-8100"},
		{"-80", "is no port from 0 to 65535, and no range such as 8000-8100"},
		{"99999999999999999999",
		 "is no port from 0 to 65535, and no range such as 8000-8100"},
		{"81-80", "ends before it begins"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct gw_policy_rule rules[] = {RULE("any", "any")};
		struct gw_policy_input in = office(rules, 1);
		char complaint[160];

		rules[0].protocol = "tcp";
		rules[0].ports = &(char *){wrong[i].text};
		rules[0].n_ports = 1;
		snprintf(complaint, sizeof(complaint), "f:7: rule \"web\": ports: \"%s\" %s\n",
			 wrong[i].text, wrong[i].complaint);
		refuses(&in, -EINVAL, complaint);
	}
}

static void protocol_errors(void **state)
{
	struct gw_policy_rule rules[] = {RULE("any", "any")};
	struct gw_policy_input in = office(rules, 1);

	(void)state;
	rules[0].protocol = "sctp";
	refuses(&in, -EINVAL,
		"f:7: rule \"web\": protocol \"sctp\" is none of all, tcp, udp, icmp\n");
	rules[0].protocol = "icmp";
	rules[0].ports = LIST("80");
	rules[0].n_ports = 1;
	refuses(&in, -EINVAL, "f:7: rule \"web\": only tcp and udp have ports, not icmp\n");
}

/* All that is wrong is said at once. */
static void every_error_is_told(void **state)
{
	struct gw_policy_rule rules[] = {RULE("bob", "carol"), RULE("any", "any")};
	struct gw_policy_input in = office(rules, 2);

	(void)state;
	rules[1].n_to = 0;
	rules[1].line = 9;
	refuses(&in, -EINVAL,
		"f:9: rule \"web\": \"to\" is empty\n"
		"f:7: rule \"web\": there is no node \"bob\"\n"
		"f:7: rule \"web\": there is no node \"carol\"\n");
}

static void unknown_tag_is_a_warning(void **state)
{
	const struct gw_policy_rule rules[] = {RULE("tag:guests", "any")};
	struct gw_policy_input in = office(rules, 1);
	struct gw_policy_tables *t = compiled(&in);

	(void)state;
	assert_string_equal(messages, "f:7: rule \"web\": no node has the tag \"guests\"\n");
	assert_false(allows(t, "100.64.1.1", "10.0.0.1", IPPROTO_TCP, 80));
	gw_policy_free(t);
}

static void node_without_address(void **state)
{
	const struct gw_policy_rule rules[] = {RULE("alice", "any")};
	struct gw_policy_input in = office(rules, 1);
	struct gw_policy_tables *t;

	(void)state;
	alice_addrs[0].bits = 24;
	alice_addrs[1].bits = 64;
	t = compiled(&in);
	assert_string_equal(messages, "f: node alice has no single address: the policy does not "
				      "know it\n");
	gw_policy_free(t);
}

static void address_of_two_nodes(void **state)
{
	struct gw_policy_node nodes[] = {alice, alice};
	struct gw_policy_input in = {.nodes = nodes, .n_nodes = 2};
	struct gw_policy_tables *t;

	(void)state;
	nodes[1].name = "bob";
	refuses(&in, -EINVAL,
		"node bob: 100.64.1.1 is the address of another node\n"
		"node bob: fd00::1 is the address of another node\n");
	nodes[1].overlay = 1;
	t = compiled(&in);
	gw_policy_free(t);
}

/* "any" and 31 more are the most. */
static void selectors_of_one_address(void **state)
{
	struct gw_policy_rule rules[TP_POLICY_SELECTORS] = {0};
	char texts[TP_POLICY_SELECTORS][TP_ADDR_STRLEN];
	char *ends[TP_POLICY_SELECTORS], *any[] = {"any"};
	struct gw_policy_input in = office(rules, TP_POLICY_SELECTORS - 1);
	struct gw_policy_tables *t;

	(void)state;
	for (unsigned int i = 0; i < TP_POLICY_SELECTORS; i++) {
		struct tp_prefix p = {.bits = 32 - i};

		p.addr = tp_addr_prefix(&alice_addrs[0].addr, p.bits);
		tp_prefix_format(&p, texts[i]);
		ends[i] = texts[i];
		rules[i] = (struct gw_policy_rule){
			.name = "r", .from = &ends[i], .n_from = 1, .to = any, .n_to = 1};
	}
	t = compiled(&in);
	gw_policy_free(t);
	in.n_rules++;
	refuses(&in, -E2BIG,
		"f: prefix 100.64.1.1/32 falls under 33 selectors of the rules, more than 32\n"
		"f: node alice falls under 33 selectors of the rules, more than 32\n");
}

static void memory_cap(void **state)
{
	struct gw_policy_rule rules[] = {RULE("any", "any")};
	struct gw_policy_input in = office(rules, 1);
	char *many[600];
	struct gw_policy_tables *t;

	(void)state;
	in.memory = 1 << 20;
	t = compiled(&in);
	assert_in_range(gw_policy_size(t).memory, 1, in.memory);
	gw_policy_free(t);
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = "any";
	rules[0].from = rules[0].to = many;
	rules[0].n_from = rules[0].n_to = COUNT(many);
	refuses(&in, -E2BIG, "f: compiling the policy needs 7 MiB, acl.memory allows 1 MiB\n");
	rules[0].n_from = rules[0].n_to = 1;
	in.memory = 1 << 16;
	refuses(&in, -E2BIG, "f: the policy needs 1 MiB, acl.memory allows 0 MiB\n");
}

static void too_many_rules(void **state)
{
	struct gw_policy_rule *rules = calloc(TP_POLICY_HITS, sizeof(*rules));
	struct gw_policy_input in = office(rules, TP_POLICY_HITS);

	(void)state;
	refuses(&in, -E2BIG, "f: 65536 rules are more than 65535\n");
	free(rules);
}

/* Prefixes of one family hold nothing of the other, however wide. */
static void families_are_apart(void **state)
{
	const struct gw_policy_rule v6[] = {RULE("any", "::/0")}, v4[] = {RULE("any", "0.0.0.0/0")};
	struct gw_policy_input in6 = office(v6, 1), in4 = office(v4, 1);
	struct gw_policy_tables *t6 = compiled(&in6), *t4 = compiled(&in4);

	(void)state;
	assert_true(allows(t6, "fd00::1", "2001:db8::1", IPPROTO_TCP, 80));
	assert_false(allows(t6, "100.64.1.1", "10.0.0.1", IPPROTO_TCP, 80));
	assert_false(allows(t4, "fd00::1", "2001:db8::1", IPPROTO_TCP, 80));
	assert_true(allows(t4, "100.64.1.1", "10.0.0.1", IPPROTO_TCP, 80));
	gw_policy_free(t6);
	gw_policy_free(t4);
}

/* A node called as a reserved word is still to be had by "node:". */
static void reserved_names(void **state)
{
	const struct gw_policy_rule rules[] = {RULE("node:any", "10.0.0.0/8")};
	struct gw_policy_node named = alice;
	struct gw_policy_input in = office(rules, 1);
	struct gw_policy_tables *t;

	(void)state;
	named.name = "any";
	in.nodes = &named;
	t = compiled(&in);
	assert_true(allows(t, "100.64.1.1", "10.0.0.1", IPPROTO_TCP, 80));
	assert_false(allows(t, "100.64.1.2", "10.0.0.1", IPPROTO_TCP, 80));
	gw_policy_free(t);
}

/* The host's addresses are its own, whatever else they fall under. */
static void gateway_selector(void **state)
{
	const struct gw_policy_rule rules[] = {RULE("tag:staff", "gateway"),
					       RULE("any", "192.168.10.1")};
	struct gw_policy_input in = office(rules, 1);
	struct tp_addr locals[2];
	struct gw_policy_tables *t;

	(void)state;
	tp_addr_parse("192.168.10.1", &locals[0]);
	locals[1] = locals[0];
	in.locals = locals;
	in.n_locals = 2;
	t = compiled(&in);
	assert_true(allows(t, "100.64.1.1", "192.168.10.1", IPPROTO_TCP, 80));
	assert_false(allows(t, "100.64.1.1", "192.168.10.2", IPPROTO_TCP, 80));
	assert_false(allows(t, "100.64.1.9", "192.168.10.1", IPPROTO_TCP, 80));
	gw_policy_free(t);
	in.n_rules = 2;
	t = compiled(&in);
	assert_true(allows(t, "100.64.1.9", "192.168.10.1", IPPROTO_TCP, 80));
	gw_policy_free(t);
}

static void names_for_people(void **state)
{
	const struct gw_policy_rule rules[] = {RULE("tag:staff", "10.0.0.0/8"),
					       RULE("alice", "any")};
	struct gw_policy_input in = office(rules, 2);
	struct gw_policy_tables *t = compiled(&in);
	struct gw_policy_end src = at("100.64.1.1", 0), dst = at("10.0.0.1", GW_POLICY_OUTSIDE);
	struct gw_policy_verdict v = gw_policy_judge(t, &src, &dst, IPPROTO_TCP, 80);
	char buf[64], small[8];

	(void)state;
	assert_int_equal(v.rule, 1);
	assert_string_equal(gw_policy_rule_name(t, v.rule), "web");
	assert_string_equal(gw_policy_rule_name(t, 0), "default");
	assert_string_equal(gw_policy_selector_name(t, v.from), "tag:staff");
	assert_string_equal(gw_policy_selector_name(t, v.to), "10.0.0.0/8");
	assert_string_equal(gw_policy_class_names(t, v.src_class, buf, sizeof(buf)),
			    "any, tag:staff, node:alice");
	assert_string_equal(gw_policy_class_names(t, v.src_class, small, sizeof(small)), "any, ta");
	assert_true(gw_policy_is_node(t, &src));
	assert_false(gw_policy_is_node(t, &dst));
	gw_policy_free(t);
}

/* New sets of tags and new nodes have room, but not without end; a refusal changes nothing. */
static void room_for_changes(void **state)
{
	const struct gw_policy_rule rules[] = {RULE("tag:staff", "any")};
	struct gw_policy_input in = office(rules, 1);
	struct gw_policy_tables *t = compiled(&in);
	struct gw_policy_node node = alice;
	struct tp_prefix addr = alice_addrs[0];
	int err = 0, n = 0;

	(void)state;
	node.addrs = &addr;
	node.n_addrs = 1;
	for (; !err; n++) {
		addr.addr.b[14] = (uint8_t)(n >> 8);
		addr.addr.b[13] = 1;
		addr.addr.b[15] = (uint8_t)n;
		err = gw_policy_node_put(t, &node);
	}
	assert_int_equal(err, -ENOSPC);
	assert_in_range(n, 1000, 1100);
	assert_int_equal(gw_policy_size(t).nodes, n - 1 + 2);
	gw_policy_node_del(t, &alice);
	assert_int_equal(gw_policy_node_put(t, &node), 0);
	assert_false(allows(t, "100.64.1.1", "10.0.0.1", IPPROTO_TCP, 80));
	gw_policy_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(selector_errors),
		TEST(port_errors),
		TEST(protocol_errors),
		TEST(every_error_is_told),
		TEST(unknown_tag_is_a_warning),
		TEST(node_without_address),
		TEST(address_of_two_nodes),
		TEST(selectors_of_one_address),
		TEST(memory_cap),
		TEST(too_many_rules),
		TEST(families_are_apart),
		TEST(reserved_names),
		TEST(gateway_selector),
		TEST(names_for_people),
		TEST(room_for_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
