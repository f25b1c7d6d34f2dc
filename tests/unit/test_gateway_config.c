// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* gateway.conf: the example of the documentation, defaults, and what is refused with which line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "gateway/config.h"
#include "gateway/endpoints.h"
#include "gateway/ruleset.h"

#define KEY_A "eDWGUVGk4WVlyNPDR9BQVHQ0YUmdOSeJ6o+GMW8xgQs="
#define KEY_B "RbeHzRPmNRfLTTwYPACkFVDx+PxTy04BgswD0mymSXI="
#define OVERLAY(peers)                                                   \
	"overlays = ( { name = \"wg0\"; address = \"100.64.1.254/24\"; " \
	"private_key_file = \"/k\"; peers = ( " peers " ); } );\n"
#define EGRESS "egress = { uplinks = [\"eth1\"]; subnets = [\"192.168.10.0/24\"]; };\n"
#define ALICE                                                                               \
	"{ name = \"alice\"; public_key = \"" KEY_A "\"; endpoint = \"203.0.113.99:443\"; " \
	"allowed_ips = [\"100.64.1.1/32\", \"fd00::1/128\"]; tags = [\"staff\"]; }"

static struct gw_config *parse_ok(const char *text)
{
	struct gw_config *c;
	char *errors = NULL;
	size_t size;
	FILE *f = open_memstream(&errors, &size);
	int err = gw_config_parse("t", text, strlen(text), &c, f);

	fclose(f);
	if (err)
		fail_msg("%s", errors);
	free(errors);
	return c;
}

static void refuses(const char *text, const char *complaint)
{
	struct gw_config *c;
	char *errors = NULL;
	size_t size;
	FILE *f = open_memstream(&errors, &size);
	int err = gw_config_parse("t", text, strlen(text), &c, f);

	fclose(f);
	assert_int_not_equal(err, 0);
	if (!strstr(errors, complaint))
		fail_msg("\"%s\" is not in:\n%s", complaint, errors);
	free(errors);
}

static void values_and_defaults(void **state)
{
	struct gw_config *c = parse_ok(OVERLAY(ALICE) EGRESS);
	const struct gw_config_peer *p = &c->overlays[0].peers[0];

	(void)state;
	assert_int_equal(c->overlays[0].mtu, 1420);
	assert_int_equal(c->overlays[0].backend, GW_BACKEND_AUTO);
	assert_int_equal(c->overlays[0].address_bits, 24);
	assert_int_equal(p->n_allowed_ips, 2);
	assert_int_equal(p->allowed_ips[0].bits, 32);
	assert_true(tp_addr_is_v4(&p->allowed_ips[0].addr));
	assert_int_equal(p->allowed_ips[1].bits, 128);
	assert_int_equal(p->allowed_ips[1].addr.b[15], 1);
	assert_string_equal(p->tags[0], "staff");
	assert_int_equal(c->egress.subnets[0].bits, 24);
	assert_true(c->egress.masquerade && c->egress.hairpin);
	assert_int_equal(c->egress.filtering, GW_CONFIG_ADDRESS_DEPENDENT);
	assert_int_equal(c->acl.verdict, GW_DENY);
	assert_int_equal(c->timeouts.tcp_established, 7440);
	assert_int_equal(c->attach, GW_ATTACH_NATIVE);
	assert_int_equal(ntohs(c->metrics_listen.port), 9587);
	assert_string_equal(c->instance, "gateway");
	gw_config_free(c);
}

/* What is documented is right, its rules included. */
static void the_example(void **state)
{
	struct gw_policy_tables *policy;
	struct gw_config *c;

	(void)state;
	assert_int_equal(gw_config_load("configs/gateway.conf", &c, NULL, stderr), 0);
	assert_int_equal(gw_ruleset_compile(c, NULL, NULL, 0, "gateway.conf", &policy, stderr), 0);
	assert_int_equal(gw_policy_rules(policy), 2);
	gw_policy_free(policy);
	gw_config_free(c);
}

/* Neither uplinks nor subnets: a plain member, configured here or by a control plane. */
static void plain_members(void **state)
{
	struct gw_config *c = parse_ok(OVERLAY(ALICE));

	(void)state;
	assert_int_equal(c->egress.n_uplinks, 0);
	gw_config_free(c);
	assert_int_equal(gw_config_load("configs/node.conf", &c, NULL, stderr), 0);
	assert_non_null(c->control.server);
	assert_int_equal(c->egress.n_uplinks, 0);
	gw_config_free(c);
}

static void rules(void **state)
{
	struct gw_config *c = parse_ok(
		OVERLAY(ALICE) EGRESS
		"acl = { default = \"deny\"; rules = ( { name = \"web\"; from = [\"tag:staff\"]; "
		"to = [\"192.168.10.0/24\"]; protocol = \"tcp\"; ports = [\"443\", \"8000-8100\"]; "
		"} ); };");

	(void)state;
	assert_int_equal(c->acl.n_rules, 1);
	assert_string_equal(c->acl.rules[0].from[0], "tag:staff");
	assert_int_equal(c->acl.rules[0].n_ports, 2);
	gw_config_free(c);
	refuses(OVERLAY("") EGRESS "acl = { rules = ( { name = \"a\"; from = [\"any\"]; } ); };",
		"t:3: acl.rules.to: is required");
	refuses(OVERLAY("") EGRESS "acl = { rules = ( { name = \"a\"; from = [\"any\"]; to = "
				   "[\"any\"]; protocol = \"icmp\"; ports = [\"1\"]; } ); };",
		"only tcp and udp have ports");
	refuses(OVERLAY("") EGRESS "acl = { rules = ( { name = \"a\"; protocol = \"sctp\"; } ); };",
		"t:3: acl.rules.protocol: must be one of all, tcp, udp, icmp");
}

static void whole_blocks_of_ports(void **state)
{
	struct gw_config_egress e = {.ports = (char *)"10000-32767", .ports_per_block = 128};
	uint16_t first, n;

	(void)state;
	assert_int_equal(gw_config_ports(&e, &first, &n), 0);
	assert_int_equal(first, 10000);
	assert_int_equal(n, 177 * 128);
	e.ports = (char *)"65408-65535";
	assert_int_equal(gw_config_ports(&e, &first, &n), 0);
	assert_int_equal(n, 128);
	e.ports = (char *)"65409-65535";
	assert_int_not_equal(gw_config_ports(&e, &first, &n), 0);
}

static void wrong_ports(void **state)
{
	static const char *const wrong[] = {"",		 "10000",	 "10000-",
					    "-20000",	 "20000-10000",	 "10000-70000",
					    "500-20000", "10000-20000x", "10000--20000",
					    "1e4-20000"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(text, sizeof(text),
			 OVERLAY("") "egress = { uplinks = [\"eth1\"]; ports = \"%s\"; };",
			 wrong[i]);
		refuses(text, "t:2: egress.ports");
	}
	refuses(OVERLAY("") "egress = { uplinks = [\"e\"]; ports = \"10000-10050\"; };",
		"less than one block");
	refuses(OVERLAY("") "egress = { uplinks = [\"e\"]; ports_per_block = 65; };",
		"must be 64, 128 or 256");
	refuses(OVERLAY("") "egress = { uplinks = [\"e\"]; ports_per_node = 9000; };",
		"more than 64 blocks of 128");
}

static void what_stands_twice(void **state)
{
	(void)state;
	refuses(OVERLAY(ALICE ",\n" ALICE) EGRESS,
		"t:2: overlays.peers.name: \"alice\" is the name of the peer in line 1");
	refuses(OVERLAY(ALICE ",\n{ name = \"bob\"; public_key = \"" KEY_A "\"; }") EGRESS,
		"t:2: overlays.peers.public_key: \"bob\" has the key of \"alice\" in line 1");
	refuses(OVERLAY(ALICE ",\n{ name = \"bob\"; public_key = \"" KEY_B
			      "\"; allowed_ips = [\"100.64.1.1/32\"]; }") EGRESS,
		"t:2: overlays.peers.allowed_ips: \"bob\" has an entry of \"alice\"");
	refuses(OVERLAY("") "egress = { uplinks = [\"wg0\"]; };", "\"wg0\" is an overlay");
	refuses(OVERLAY("") "egress = { uplinks = [\"a\", \"a\"]; };", "listed twice");
}

static void what_is_missing(void **state)
{
	(void)state;
	refuses("", "overlays: is required");
	refuses(OVERLAY("") "egress = { subnets = [\"192.168.10.0/24\"]; };",
		"t:2: egress.uplinks: is required for egress.subnets");
	refuses("overlays = ( { name = \"wg0\"; } );" EGRESS, "private_key_file: is required");
	refuses("overlays = ( { name = \"wg0\"; } );" EGRESS, "overlays.address: is required");
	gw_config_free(parse_ok("overlays = ( { name = \"v0\"; backend = \"none\"; } );" EGRESS));
}

static void endpoints_may_be_names(void **state)
{
	static const char *const wrong[] = {
		"relay.example",       "relay.example:",    "relay.example:0", ":443",
		"relay.example:65536", "relay.example:44x", "-relay:443",      "a..b:443",
		"relay example:443",   "203.0.113.9.9:443", "fd00::1:443",     "300.1.1.1:443",
		"relay.example:+1",    "203.0.113.99:443",
	};
	char host[GW_HOST_MAX + 1], text[GW_HOST_MAX + 8];
	uint16_t port;

	(void)state;
	gw_config_free(parse_ok(OVERLAY("{ name = \"a\"; public_key = \"" KEY_A
					"\"; endpoint = \"relay.example:443\"; }") EGRESS));
	assert_int_equal(gw_endpoint_split("4.my_relay-1.example.:65535", host, &port), 0);
	assert_string_equal(host, "4.my_relay-1.example.");
	assert_int_equal(port, 65535);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(gw_endpoint_split(wrong[i], host, &port), -EINVAL);
	memset(text, 'a', sizeof(text));
	memcpy(text + 64, ":1", 3);
	assert_int_equal(gw_endpoint_split(text, host, &port), -EINVAL); /* a label of 64 */
	text[63] = '.';
	assert_int_equal(gw_endpoint_split(text, host, &port), 0);
}

static void wrong_values(void **state)
{
	(void)state;
	refuses(OVERLAY("{ name = \"a\"; public_key = \"" KEY_A
			"\"; endpoint = \"300.1.1.1:443\"; }") EGRESS,
		"not an IP address or host name, and port");
	refuses(OVERLAY("{ name = \"a\"; public_key = \"" KEY_A "\"; tags = [\"tag:x\"]; }") EGRESS,
		"written without \"tag:\"");
	refuses(OVERLAY("{ name = \"a\"; public_key = \"" KEY_A
			"\"; allowed_ips = [\"100.64.1.1/33\"]; }") EGRESS,
		"allowed_ips");
	refuses(OVERLAY("") "egress = { uplinks = [\"e\"]; addresses = [\"fd00::1\"]; };",
		"not a unicast IPv4 address");
	refuses(OVERLAY("") EGRESS "timeouts = { udp = 30; };", "30 is not between 120 and");
	refuses(OVERLAY("") EGRESS "colour = 1;", "unknown setting");
}

static size_t frozen(const char *before, const char *after, char buf[128])
{
	struct gw_config *a = parse_ok(before), *b = parse_ok(after);
	size_t n = gw_config_frozen_diff(a, b, buf, 128);

	gw_config_free(a);
	gw_config_free(b);
	return n;
}

#define OTHER_OVERLAY                                                                       \
	"overlays = ( { name = \"wg1\"; address = \"100.64.2.254/24\"; private_key_file = " \
	"\"/k\"; "                                                                          \
	"} );\n"

static void what_only_a_restart_changes(void **state)
{
	char buf[128];

	(void)state;
	assert_int_equal(frozen(OVERLAY(ALICE) EGRESS,
				OVERLAY("") EGRESS "acl = { default = \"allow\"; };", buf),
			 0);
	assert_int_equal(frozen(OVERLAY("") EGRESS, OTHER_OVERLAY EGRESS, buf), 0);
	assert_int_equal(frozen(OVERLAY("") EGRESS,
				OVERLAY("") "egress = { uplinks = [\"eth2\", \"eth1\"]; };", buf),
			 0);
	assert_int_equal(frozen(OVERLAY("") EGRESS, OVERLAY(""), buf), 1);
	assert_string_equal(buf, "egress.uplinks, from none or to none");
	assert_int_equal(frozen(OVERLAY("") EGRESS,
				"overlays = ( { name = \"wg0\"; address = \"100.64.1.254/24\"; "
				"private_key_file = \"/other\"; } );\n"
				"egress = { uplinks = [\"eth1\"]; ports = \"20000-30000\"; };",
				buf),
			 2);
	assert_string_equal(buf, "egress.ports, overlays");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_defaults),
		cmocka_unit_test(the_example),
		cmocka_unit_test(plain_members),
		cmocka_unit_test(rules),
		cmocka_unit_test(whole_blocks_of_ports),
		cmocka_unit_test(wrong_ports),
		cmocka_unit_test(what_stands_twice),
		cmocka_unit_test(what_is_missing),
		cmocka_unit_test(endpoints_may_be_names),
		cmocka_unit_test(wrong_values),
		cmocka_unit_test(what_only_a_restart_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
