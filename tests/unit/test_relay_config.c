// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* relay.conf: presets, every refusal with its line, and the files that follow from the table. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"
#include "crypto.h"
#include "relay/config.h"

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
#define KEY_B "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI="
#define KEY_C "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM="

/* One line, so that what a case adds begins in line 2. */
#define NEEDED "interfaces = [ \"eth0\" ]; listen_port = 443; private_key_file = \"/key\";\n"

/* --- helpers --------------------------------------------------------------------------------- */

static int parse(const char *text, struct relay_config **out, char **errors)
{
	size_t n;
	FILE *f = open_memstream(errors, &n);
	int err = relay_config_parse("r.conf", text, strlen(text), out, f);

	fclose(f);
	return err;
}

static struct relay_config *good(const char *text)
{
	struct relay_config *config;
	char *errors;

	assert_int_equal(parse(text, &config, &errors), 0);
	assert_string_equal(errors, "");
	assert_non_null(config);
	free(errors);
	return config;
}

static void bad(const char *text, const char *expected)
{
	struct relay_config *config;
	char *errors;

	assert_int_equal(parse(text, &config, &errors), -EINVAL);
	assert_null(config);
	assert_string_equal(errors, expected);
	free(errors);
}

static char *slurp(const char *path)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_true(getdelim(&text, &n, '\0', f) > 0);
	fclose(f);
	return text;
}

static struct tp_endpoint endpoint(const char *text)
{
	struct tp_endpoint e;

	assert_int_equal(tp_endpoint_parse(text, &e), 0);
	return e;
}

/* --- values ---------------------------------------------------------------------------------- */

static void presets_are_those_of_the_design(void **state)
{
	struct relay_config *c = good(NEEDED);
	struct tp_endpoint metrics = endpoint("127.0.0.1:9586");

	(void)state;
	assert_int_equal(c->n_interfaces, 1);
	assert_string_equal(c->interfaces[0], "eth0");
	assert_int_equal(c->attach, RELAY_ATTACH_NATIVE);
	assert_false(c->coexist);
	assert_int_equal(c->listen_port, 443);
	assert_int_equal(c->stun_port, 0);
	assert_string_equal(c->private_key_file, "/key");
	assert_true(tp_addr_is_zero(&c->service_address));
	assert_int_equal(c->n_public_endpoints, 0);
	assert_int_equal(c->n_networks, 0);
	assert_int_equal(c->limits.flows, 1000000);
	assert_int_equal(c->limits.flows_per_node, 4096);
	assert_int_equal(c->limits.handshakes_per_node, 50);
	assert_int_equal(c->limits.packets_per_node, 0);
	assert_int_equal(c->limits.bits_per_node, 0);
	assert_int_equal(c->limits.stun_per_prefix, 100);
	assert_true(tp_endpoint_equal(&c->metrics_listen, &metrics));
	assert_string_equal(c->control_socket, "/run/turnpike/relay.sock");
	assert_string_equal(c->pin_path, "/sys/fs/bpf/turnpike");
	assert_string_equal(c->instance, "relay");
	assert_string_equal(c->state_dir, "/var/lib/turnpike");
	relay_config_free(c);
	relay_config_free(NULL);
}

static void every_setting_is_read(void **state)
{
	struct relay_config *c = good(
		"interfaces = [ \"eth0\", \"eth1.100\" ]; attach = \"generic\"; coexist = true;\n"
		"listen_port = 51820; private_key_file = \"/k\"; service_address = \"fd00::1\";\n"
		"public_endpoints = [ \"192.0.2.1:443\", \"[2001:db8::1]:443\" ];\n"
		"stun = { port = 3478; }; metrics_listen = \"off\"; control_socket = \"/s\";\n"
		"pin_path = \"/p\"; instance = \"east-1_b\"; state_dir = \"/d\";\n"
		"limits = { flows = \"2M\"; flows_per_node = 1; handshakes_per_node = \"1k\";\n"
		"  packets_per_node = \"100k\"; bits_per_node = \"1G\"; stun_per_prefix = 0; };\n"
		"networks = ( { name = \"a\"; nodes = (\n"
		"    { name = \"x\"; public_key = \"" KEY_A "\"; address = \"10.0.0.1/24\"; },\n"
		"    { name = \"y\"; public_key = \"" KEY_B "\"; } ); },\n"
		"  { name = \"b\"; } );");
	struct tp_endpoint public = endpoint("[2001:db8::1]:443");

	(void)state;
	assert_string_equal(c->interfaces[1], "eth1.100");
	assert_int_equal(c->attach, RELAY_ATTACH_GENERIC);
	assert_true(c->coexist);
	assert_int_equal(c->listen_port, 51820);
	assert_int_equal(c->stun_port, 3478);
	assert_int_equal(c->service_address.b[0], 0xfd);
	assert_int_equal(c->n_public_endpoints, 2);
	assert_true(tp_endpoint_equal(&c->public_endpoints[1], &public));
	assert_int_equal(c->metrics_listen.port, 0);
	assert_string_equal(c->instance, "east-1_b");
	assert_int_equal(c->limits.flows, 2000000);
	assert_int_equal(c->limits.flows_per_node, 1);
	assert_int_equal(c->limits.handshakes_per_node, 1000);
	assert_int_equal(c->limits.packets_per_node, 100000);
	assert_int_equal(c->limits.bits_per_node, 1000000000);
	assert_int_equal(c->limits.stun_per_prefix, 0);
	assert_int_equal(c->n_networks, 2);
	assert_string_equal(c->networks[0].name, "a");
	assert_int_equal(c->networks[0].line, 8);
	assert_int_equal(c->networks[0].n_nodes, 2);
	assert_string_equal(c->networks[0].nodes[0].name, "x");
	assert_int_equal(c->networks[0].nodes[0].public_key[31], 1);
	assert_int_equal(c->networks[0].nodes[0].address_bits, 24);
	assert_int_equal(c->networks[0].nodes[1].line, 10);
	assert_true(tp_addr_is_zero(&c->networks[0].nodes[1].address));
	assert_int_equal(c->networks[1].n_nodes, 0);
	relay_config_free(c);
}

static void attach_modes_have_names(void **state)
{
	(void)state;
	assert_string_equal(relay_attach_name(RELAY_ATTACH_NATIVE), "native");
	assert_string_equal(relay_attach_name(RELAY_ATTACH_GENERIC), "generic");
	assert_string_equal(relay_attach_name(RELAY_ATTACH_OFF), "off");
}

/* --- refusals -------------------------------------------------------------------------------- */

static void what_is_required(void **state)
{
	(void)state;
	bad("", "r.conf:1: listen_port: is required\n"
		"r.conf:1: private_key_file: is required\n"
		"r.conf:1: interfaces: is required unless attach is \"off\"\n");
	bad("listen_port = 1; private_key_file = \"/k\";\ninterfaces = [ ];",
	    "r.conf:2: interfaces: is required unless attach is \"off\"\n");
	relay_config_free(good("listen_port = 1; private_key_file = \"/k\"; attach = \"off\";"));
	bad(NEEDED "networks = ( { nodes = (\n { } ); } );",
	    "r.conf:2: networks.name: is required\n"
	    "r.conf:3: networks.nodes.name: is required\n"
	    "r.conf:3: networks.nodes.public_key: is required\n");
}

static void what_is_unknown(void **state)
{
	(void)state;
	bad(NEEDED "interface = \"eth0\";", "r.conf:2: interface: unknown setting\n");
	bad(NEEDED "limits = {\n flow = 16; };", "r.conf:3: limits.flow: unknown setting\n");
	bad(NEEDED "stun = { prt = 1; };", "r.conf:2: stun.prt: unknown setting\n");
	bad(NEEDED "networks = ( { name = \"a\"; node = ( ); } );",
	    "r.conf:2: networks.node: unknown setting\n");
	bad(NEEDED "networks = ( { name = \"a\"; nodes = ( { name = \"x\";\n"
		   "public_key = \"" KEY_A "\"; key = 1; } ); } );",
	    "r.conf:3: networks.nodes.key: unknown setting\n");
	bad(NEEDED "attach = \"fast\";",
	    "r.conf:2: attach: \"fast\" is not one of native, generic, off\n");
}

static void groups_are_checked(void **state)
{
#define NODE	"nodes = ( { name = \"x\"; public_key = \"" KEY_A "\"; group = \"g\"; } );\n"
#define NETWORK NEEDED "networks = ( { name = \"a\"; " NODE
	struct relay_config *c = good(NETWORK "admit = [ \"g g\", \"* g\" ]; } );");

	(void)state;
	assert_int_equal(c->networks[0].n_admit, 2);
	assert_string_equal(c->networks[0].nodes[0].group, "g");
	relay_config_free(c);
	c = good(NETWORK "} );");
	assert_int_equal(c->networks[0].n_admit, 1);
	assert_string_equal(c->networks[0].admit[0], "* *");
	relay_config_free(c);
	c = good(NETWORK "admit = [ ]; } );");
	assert_int_equal(c->networks[0].n_admit, 0);
	relay_config_free(c);
	bad(NETWORK "admit = [ \"g\" ]; } );",
	    "r.conf:3: networks.admit: must be two groups and a space between them\n");
	bad(NETWORK "admit = [ \"g -h\" ]; } );",
	    "r.conf:2: networks.admit: no node of \"a\" is in group \"-h\"\n"
	    "r.conf:3: networks.admit: a name must not begin with a dash\n");
	bad(NETWORK "admit = [ \"g h\" ]; } );",
	    "r.conf:2: networks.admit: no node of \"a\" is in group \"h\"\n");
#undef NETWORK
#undef NODE
}

static void interfaces_are_checked(void **state)
{
#define REST "listen_port = 1; private_key_file = \"/k\";\ninterfaces = "
	(void)state;
	bad(REST "[ \"a123456789012345\" ];",
	    "r.conf:2: interfaces: an interface name has at most 15 characters\n");
	bad(REST "[ \"a\",\n\"a/b\" ];",
	    "r.conf:3: interfaces: an interface name has no slash, colon or space\n");
	bad(REST "[ \"eth0:1\" ];",
	    "r.conf:2: interfaces: an interface name has no slash, colon or space\n");
	bad(REST "[ \"..\" ];", "r.conf:2: interfaces: not an interface name\n");
	bad(REST "[ \"\" ];", "r.conf:2: interfaces: must not be empty\n");
	bad(REST "[ \"a\", \"b\", \"a\" ];", "r.conf:2: interfaces: \"a\" is listed twice\n");
	relay_config_free(good(REST "[ \"a12345678901234\" ];"));
#undef REST
}

static void ports_are_checked(void **state)
{
	(void)state;
	bad("interfaces = [ \"a\" ]; private_key_file = \"/k\";\nlisten_port = 0;",
	    "r.conf:2: listen_port: 0 is not between 1 and 65535\n");
	bad("interfaces = [ \"a\" ]; private_key_file = \"/k\";\nlisten_port = 65536;",
	    "r.conf:2: listen_port: 65536 is not between 1 and 65535\n");
	bad(NEEDED "stun = {\n port = 443; };",
	    "r.conf:3: stun.port: 443 is listen_port, which answers STUN anyway\n");
	bad(NEEDED "stun = {\n port = 70000; };",
	    "r.conf:3: stun.port: 70000 is not between 1 and 65535\n");
}

static void limits_are_checked(void **state)
{
	(void)state;
	bad(NEEDED "limits = { flows = 15; };",
	    "r.conf:2: limits.flows: 15 is not between 16 and 16000000\n");
	bad(NEEDED "limits = { flows = \"17M\"; };",
	    "r.conf:2: limits.flows: 17000000 is not between 16 and 16000000\n");
	bad(NEEDED "limits = { flows = 5000000000; };",
	    "r.conf:2: limits.flows: 5000000000 is not between 16 and 16000000\n");
	bad(NEEDED "limits = { flows_per_node = 0; };",
	    "r.conf:2: limits.flows_per_node: 0 is not between 1 and 16000000\n");
	bad(NEEDED "limits = { handshakes_per_node = 0; };",
	    "r.conf:2: limits.handshakes_per_node: 0 is not between 1 and 1000000\n");
	bad(NEEDED "limits = { packets_per_node = -1; };",
	    "r.conf:2: limits.packets_per_node: -1 is not between 0 and 1000000000\n");
	bad(NEEDED "limits = { bits_per_node = \"11T\"; };",
	    "r.conf:2: limits.bits_per_node: 11000000000000 is not between 0 and 10000000000000\n");
	bad(NEEDED "limits = { bits_per_node = \"1Gbyte\"; };",
	    "r.conf:2: limits.bits_per_node: \"1Gbyte\" has an unknown unit \"byte\"\n");
	relay_config_free(
		good(NEEDED "limits = { flows = \"16M\"; bits_per_node = 5000000000; };"));
}

static void paths_and_names_are_checked(void **state)
{
	char text[400] = NEEDED "control_socket = \"/";

	(void)state;
	bad(NEEDED "instance = \"../x\";",
	    "r.conf:2: instance: an instance name consists of letters, digits, _ and -\n");
	bad(NEEDED "instance = \".\";",
	    "r.conf:2: instance: an instance name consists of letters, digits, _ and -\n");
	bad(NEEDED "instance = \"\";", "r.conf:2: instance: must not be empty\n");
	bad(NEEDED "state_dir = \"state\";",
	    "r.conf:2: state_dir: \"state\" is not an absolute path\n");
	bad(NEEDED "metrics_listen = \"9586\";",
	    "r.conf:2: metrics_listen: \"9586\" is not an IP address and port, nor \"off\"\n");
	memset(text + strlen(text), 'x', 107);
	strcat(text, "\";");
	bad(text, "r.conf:2: control_socket: has 108 characters, 1 to 107 are allowed\n");
	bad(NEEDED "networks = ( { name = \"a b\"; } );",
	    "r.conf:2: networks.name: a name consists of letters, digits and . _ - @ + :\n");
	bad(NEEDED "networks = ( { name = \"-a\"; } );",
	    "r.conf:2: networks.name: a name must not begin with a dash\n");
}

static void addresses_are_unicast(void **state)
{
	static const char *const no_hosts[] = {
		"0.0.0.0",   "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255",
		"240.0.0.1", "::",	"::1",	     "ff02::1"};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(no_hosts) / sizeof(no_hosts[0]); i++) {
		snprintf(text, sizeof(text), NEEDED "service_address = \"%s\";", no_hosts[i]);
		bad(text, "r.conf:2: service_address: not a unicast address\n");
	}
	bad(NEEDED "service_address = \"relay\";",
	    "r.conf:2: service_address: \"relay\" is not an IP address\n");
	bad(NEEDED "public_endpoints = [ \"0.0.0.0:443\" ];",
	    "r.conf:2: public_endpoints: not a unicast address\n");
	relay_config_free(good(NEEDED "service_address = \"100.127.255.1\";"));
	relay_config_free(good(NEEDED "service_address = \"2001:db8::1\";"));
}

#define NODE(name, key, address) \
	"{ name = \"" name "\"; public_key = \"" key "\"; address = \"" address "\"; }"

static void nodes_are_unique(void **state)
{
	(void)state;
	bad(NEEDED
	    "networks = ( { name = \"n\"; nodes = (\n" NODE("x", KEY_A, "10.0.0.1") ",\n" NODE(
		    "x", KEY_B, "10.0.0.2") "); },\n"
					    "{ name = \"m\"; nodes = (\n" NODE(
						    "x", KEY_C, "10.0.0.3") "); } );",
	    "r.conf:4: networks.nodes.name: \"x\" is the name of the node in line 3\n"
	    "r.conf:6: networks.nodes.name: \"x\" is the name of the node in line 3\n");
	bad(NEEDED "networks = ( { name = \"n\"; nodes = (\n" NODE(
		    "x", KEY_A, "10.0.0.1") ",\n" NODE("y", KEY_A, "10.0.0.2") "); } );",
	    "r.conf:4: networks.nodes.public_key: \"y\" has the key of \"x\" in line 3\n");
	bad(NEEDED "networks = ( { name = \"n\"; nodes = (\n" NODE(
		    "x", KEY_A, "10.0.0.1") "); },\n"
					    "{ name = \"m\"; nodes = (\n" NODE(
						    "y", KEY_A, "10.0.0.1") "); } );",
	    "r.conf:5: networks.nodes.public_key: \"y\" has the key of \"x\" in line 3, "
	    "network \"n\"; a key belongs to one network\n");
	bad(NEEDED "networks = ( { name = \"n\"; nodes = (\n" NODE(
		    "x", KEY_A, "10.0.0.1/24") ",\n" NODE("y", KEY_B, "10.0.0.1/16") "); } );",
	    "r.conf:4: networks.nodes.address: \"y\" has the address of \"x\" in line 3\n");
	bad(NEEDED "networks = ( { name = \"n\"; },\n{ name = \"m\"; },\n{ name = \"n\"; } );",
	    "r.conf:4: networks.name: \"n\" is the name of the network in line 2\n");
	bad(NEEDED "service_address = \"10.0.0.1\";\nnetworks = ( { name = \"n\"; nodes = (\n" NODE(
		    "x", KEY_A, "10.0.0.1/24") "); } );",
	    "r.conf:4: networks.nodes.address: \"x\" has the relay's service_address\n");
	/* Another network is another world. */
	relay_config_free(good(NEEDED "networks = ( { name = \"n\"; nodes = (" NODE(
		"x", KEY_A,
		"10.0.0.1") "); }, { name = \"m\"; nodes = (" NODE("y", KEY_B,
								   "10.0.0.1") "); } );"));
}

static void node_values_are_checked(void **state)
{
	(void)state;
	bad(NEEDED "networks = ( { name = \"n\"; nodes = (\n" NODE(
		    "x", "short", "10.0.0.1") ",\n" NODE("y", "short", "10.0.0.2") "); } );",
	    "r.conf:3: networks.nodes.public_key: not a WireGuard key (44 characters of base64)\n"
	    "r.conf:4: networks.nodes.public_key: not a WireGuard key (44 characters of base64)\n");
	bad(NEEDED
	    "networks = ( { name = \"n\"; nodes = (\n" NODE("x", KEY_A, "10.0.0.1/33") "); } );",
	    "r.conf:3: networks.nodes.address: \"10.0.0.1/33\" is not an IP address with an "
	    "optional prefix length\n");
	bad(NEEDED
	    "networks = ( { name = \"n\"; nodes = (\n" NODE("x", KEY_A, "224.0.0.1/24") "); } );",
	    "r.conf:3: networks.nodes.address: not a unicast address\n");
}

/* --- size ------------------------------------------------------------------------------------ */

#define MANY 10000

static char *many_nodes(int repeat)
{
	char *text, key[TP_KEY_STRLEN];
	uint8_t raw[32] = {1};
	size_t n;
	FILE *f = open_memstream(&text, &n);

	fputs(NEEDED "networks = ( { name = \"n\"; nodes = (\n", f);
	for (int i = 0; i < MANY; i++) {
		int id = i == repeat ? 0 : i;

		memcpy(raw + 4, &id, sizeof(id));
		fprintf(f,
			"{ name = \"node%d\"; public_key = \"%s\"; address = \"10.0.%d.%d\"; }%s\n",
			i, tp_key_format(raw, key), 1 + i / 250, 1 + i % 250,
			i < MANY - 1 ? "," : "");
	}
	fputs("); } );\n", f);
	fclose(f);
	return text;
}

static void ten_thousand_nodes_are_read(void **state)
{
	char *text = many_nodes(-1);
	struct relay_config *c = good(text);

	(void)state;
	assert_int_equal(c->networks[0].n_nodes, MANY);
	assert_string_equal(c->networks[0].nodes[MANY - 1].name, "node9999");
	assert_int_equal(c->networks[0].nodes[MANY - 1].line, MANY + 2);
	relay_config_free(c);
	free(text);
}

static void one_repeat_among_ten_thousand_is_found(void **state)
{
	char *text = many_nodes(MANY - 1);

	(void)state;
	bad(text, "r.conf:10002: networks.nodes.public_key: \"node9999\" has the key of \"node0\" "
		  "in line 3\n");
	free(text);
}

/* --- reload ---------------------------------------------------------------------------------- */

static void expect_diff(const char *change, size_t n, const char *names)
{
	char text[300], buf[200];
	struct relay_config *a = good(NEEDED), *b;

	snprintf(text, sizeof(text), NEEDED "%s", change);
	b = good(text);
	assert_int_equal(relay_config_frozen_diff(a, b, buf, sizeof(buf)), n);
	assert_string_equal(buf, names);
	relay_config_free(a);
	relay_config_free(b);
}

static void a_restart_is_asked_for_when_needed(void **state)
{
	(void)state;
	expect_diff("", 0, "");
	expect_diff("networks = ( { name = \"n\"; nodes = ( { name = \"x\"; public_key = \"" KEY_A
		    "\"; } ); } );",
		    0, "");
	expect_diff("service_address = \"10.0.0.1\"; public_endpoints = [ \"192.0.2.1:1\" ];", 0,
		    "");
	expect_diff("limits = { flows_per_node = 9; handshakes_per_node = 9; };", 0, "");
	expect_diff("limits = { flows = 99; packets_per_node = 1; bits_per_node = 1;\n"
		    "stun_per_prefix = 1; };",
		    4,
		    "limits.flows, limits.packets_per_node, limits.bits_per_node, "
		    "limits.stun_per_prefix");
	expect_diff("stun = { port = 1; }; attach = \"off\"; metrics_listen = \"off\";", 3,
		    "attach, stun.port, metrics_listen");
	expect_diff(
		"coexist = true; control_socket = \"/s\"; pin_path = \"/p\"; instance = \"i\";\n"
		"state_dir = \"/d\";",
		5, "coexist, control_socket, pin_path, instance, state_dir");
}

/* --- files in the tree (tests run from its top) ---------------------------------------------- */

static void the_example_is_valid(void **state)
{
	struct relay_config *c;

	(void)state;
	assert_int_equal(relay_config_load("configs/relay.conf", &c, NULL, stderr), 0);
	assert_int_equal(c->networks[0].n_nodes, 2);
	relay_config_free(c);
}

static void the_manual_page_is_current(void **state)
{
	char *page = slurp("docs/man/relay.conf.5"), *settings;
	size_t n;
	FILE *f = open_memstream(&settings, &n);

	(void)state;
	relay_config_print_manual(f);
	fclose(f);
	if (!strstr(page, settings))
		fail_msg("docs/man/relay.conf.5 is not what the table says: run scripts/man.sh");
	free(settings);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_are_those_of_the_design),
		cmocka_unit_test(every_setting_is_read),
		cmocka_unit_test(attach_modes_have_names),
		cmocka_unit_test(what_is_required),
		cmocka_unit_test(what_is_unknown),
		cmocka_unit_test(groups_are_checked),
		cmocka_unit_test(interfaces_are_checked),
		cmocka_unit_test(ports_are_checked),
		cmocka_unit_test(limits_are_checked),
		cmocka_unit_test(paths_and_names_are_checked),
		cmocka_unit_test(addresses_are_unicast),
		cmocka_unit_test(nodes_are_unique),
		cmocka_unit_test(node_values_are_checked),
		cmocka_unit_test(ten_thousand_nodes_are_read),
		cmocka_unit_test(one_repeat_among_ten_thousand_is_found),
		cmocka_unit_test(a_restart_is_asked_for_when_needed),
		cmocka_unit_test(the_example_is_valid),
		cmocka_unit_test(the_manual_page_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
