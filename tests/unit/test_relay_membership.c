/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a control plane tells a relay, as the settings that its file would have. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "crypto.h"
#include "ncp_document.h"
#include "relay/groups.h"
#include "relay/membership.h"

#define KEY_A  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
#define KEY_B  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI="
#define KEY_C  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM="
#define ID_ONE "0190a0b0-0000-7000-8000-00000000000a"
#define ID_TWO "0190a0b0-0000-7000-8000-00000000000b"

/* A network "office" of alice (class 0), bob (1) and carol (2). */
#define NODE(name, key, class) \
	"{\"name\":\"" name "\",\"public_key\":\"" key "\",\"class\":" class "}"
#define NODES NODE("alice", KEY_A, "0") "," NODE("bob", KEY_B, "1") "," NODE("carol", KEY_C, "2")
#define NETWORK(id, nodes, admits)                                              \
	"{\"network_id\":\"" id "\",\"name\":\"office\",\"nodes\":[" nodes "]," \
	"\"admits\":[" admits "]}"
#define SNAPSHOT(serves)                                                        \
	"{\"type\":\"snapshot\",\"epoch\":\"00000000000000aa\",\"revision\":7," \
	"\"networks\":[],\"serves\":[" serves "]}"

/* What relay.conf would have without a control plane. */
#define OWN_NETWORK                                          \
	"networks = ( { name = \"lab\"; nodes = ( { name = " \
	"\"x\"; public_key = \"" KEY_A "\"; } ); } );"

static struct {
	char dir[64], conf[96], document[96], aside[104], key[TP_KEY_STRLEN];
	struct relay_config *config;
	json_t *saved;
	char *errors;
} f;

/* --- helpers --- */

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	strcpy(f.dir, "/tmp/turnpike-test-XXXXXX");
	if (!mkdtemp(f.dir))
		return -1;
	snprintf(f.conf, sizeof(f.conf), "%s/relay.conf", f.dir);
	snprintf(f.document, sizeof(f.document), "%s/relay-control.json", f.dir);
	snprintf(f.aside, sizeof(f.aside), "%s.bad", f.document);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	relay_config_free(f.config);
	json_decref(f.saved);
	free(f.errors);
	unlink(f.conf);
	unlink(f.document);
	unlink(f.aside);
	return rmdir(f.dir);
}

/* relay.conf with `more` and, if control is to have a say, its block. */
static void write_conf(bool control, const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "interfaces = [ \"eth0\" ]; listen_port = 443; private_key_file = \"/key\";\n"
		 "public_endpoints = [ \"203.0.113.9:443\" ]; "
		 "state_dir = \"%s\"; %s %s\n",
		 f.dir,
		 control ? "control = { server = \"control:8447\"; public_key = \"" KEY_C "\"; };"
			 : "",
		 more);
	write_text(f.conf, text);
}

static int load(void)
{
	size_t n;
	FILE *errors = open_memstream(&f.errors, &n);
	int err = relay_member_load(f.conf, &f.config, &f.saved, errors);

	fclose(errors);
	return err;
}

/* The daemon's start with what control said before. */
static void load_snapshot(const char *snapshot)
{
	write_conf(true, "");
	write_text(f.document, snapshot);
	if (load())
		fail_msg("%s", f.errors);
}

static bool may(const struct relay_config_network *network, size_t a, size_t b)
{
	struct groups *g;
	bool yes;

	assert_int_equal(groups_new(&g, network), 0);
	yes = groups_admit(g, groups_find(g, network->nodes[a].group),
			   groups_find(g, network->nodes[b].group));
	groups_free(g);
	return yes;
}

/* --- the translation --- */

static void nodes_are_served(void **state)
{
	uint8_t bob[WG_KEY_LEN] = {[WG_KEY_LEN - 1] = 2};

	(void)state;
	load_snapshot(SNAPSHOT(NETWORK(ID_ONE, NODES, "")));
	assert_int_equal(f.config->n_networks, 1);
	assert_string_equal(f.config->networks[0].name, "office@0000000a");
	assert_int_equal(f.config->networks[0].n_nodes, 3);
	assert_string_equal(f.config->networks[0].nodes[1].name, "bob.office@0000000a");
	assert_memory_equal(f.config->networks[0].nodes[1].public_key, bob, WG_KEY_LEN);
}

/* Tenants do not know of each other's names. */
static void names_of_two_tenants_may_be_equal(void **state)
{
	(void)state;
	load_snapshot(SNAPSHOT(NETWORK(ID_ONE, NODE("alice", KEY_A, "0"),
				       "") "," NETWORK(ID_TWO, NODE("alice", KEY_B, "0"), "")));
	assert_int_equal(f.config->n_networks, 2);
	assert_string_equal(f.config->networks[0].nodes[0].name, "alice.office@0000000a");
	assert_string_equal(f.config->networks[1].nodes[0].name, "alice.office@0000000b");
}

static void the_longest_names_are_taken(void **state)
{
	struct tp_ncp_served_node node = {.public_key = {1}};
	struct tp_ncp_served_network network = {.network_id = ID_ONE, .nodes = &node, .n_nodes = 1};
	const struct tp_ncp_view view = {.serves = &network, .n_serves = 1};
	struct relay_config *config;
	json_t *settings;

	(void)state;
	memset(node.name, 'n', TP_NCP_NAME_SIZE - 1);
	memset(network.name, 'w', TP_NCP_NAME_SIZE - 1);
	settings = relay_member_settings(&view);
	write_conf(true, "");
	assert_int_equal(relay_config_load(f.conf, &config, settings, stderr), 0);
	assert_int_equal(strlen(config->networks[0].nodes[0].name),
			 63 + strlen(".") + 63 + strlen("@0000000a"));
	relay_config_free(config);
	json_decref(settings);
}

static void classes_are_admitted_as_told(void **state)
{
	(void)state;
	load_snapshot(SNAPSHOT(NETWORK(ID_ONE, NODES, "{\"a\":0,\"b\":1},{\"a\":2,\"b\":2}")));
	assert_true(may(f.config->networks, 0, 1));
	assert_true(may(f.config->networks, 1, 0));
	assert_true(may(f.config->networks, 2, 2));
	assert_false(may(f.config->networks, 0, 0));
	assert_false(may(f.config->networks, 0, 2));
	assert_false(may(f.config->networks, 1, 2));
}

/* Unlike in a file that does not have the list at all. */
static void without_admissions_nobody_talks(void **state)
{
	(void)state;
	load_snapshot(SNAPSHOT(NETWORK(ID_ONE, NODES, "")));
	for (size_t a = 0; a < 3; a++)
		for (size_t b = 0; b < 3; b++)
			assert_false(may(f.config->networks, a, b));
}

/* The file's own check refuses a group that nobody is in. */
static void a_class_without_nodes_is_left_out(void **state)
{
	(void)state;
	load_snapshot(SNAPSHOT(NETWORK(ID_ONE, NODES, "{\"a\":0,\"b\":9},{\"a\":0,\"b\":1}")));
	assert_int_equal(f.config->networks[0].n_admit, 1);
	assert_string_equal(f.config->networks[0].admit[0], "c0 c1");
}

/* As many nodes as a network has, each in a class of its own. */
static void load_classes(size_t count)
{
	struct tp_ncp_served_node *nodes = calloc(count + 1, sizeof(*nodes));
	struct tp_ncp_admission pair = {.a = 2, .b = 1};
	struct tp_ncp_served_network networks[] = {
		{.network_id = ID_ONE,
		 .name = "large",
		 .nodes = nodes,
		 .n_nodes = count,
		 .admits = &pair,
		 .n_admits = 1},
		{.network_id = ID_TWO, .name = "other", .nodes = nodes + count, .n_nodes = 1},
	};
	const struct tp_ncp_view view = {.serves = networks, .n_serves = 2};
	json_t *settings;

	assert_non_null(nodes);
	for (size_t i = 0; i <= count; i++) {
		snprintf(nodes[i].name, sizeof(nodes[i].name), "n%zu", i);
		memcpy(nodes[i].public_key, &(uint64_t){i + 1}, sizeof(uint64_t));
		nodes[i].class = (uint32_t)(count - i);
	}
	settings = relay_member_settings(&view);
	write_conf(true, "");
	assert_int_equal(relay_config_load(f.conf, &f.config, settings, stderr), 0);
	json_decref(settings);
	free(nodes);
}

static void as_many_classes_as_there_may_be(void **state)
{
	(void)state;
	load_classes(GROUPS_MAX);
	assert_int_equal(f.config->networks[0].n_nodes, GROUPS_MAX);
	assert_int_equal(f.config->networks[0].n_admit, 1);
	assert_int_equal(f.config->networks[1].n_nodes, 1);
}

static void too_many_classes_are_nobody_elses_trouble(void **state)
{
	(void)state;
	load_classes(GROUPS_MAX + 1);
	assert_int_equal(f.config->networks[0].n_nodes, 0);
	assert_int_equal(f.config->networks[0].n_admit, 0);
	assert_int_equal(f.config->networks[1].n_nodes, 1);
}

static void a_network_may_be_empty(void **state)
{
	(void)state;
	load_snapshot(SNAPSHOT(NETWORK(ID_ONE, "", "")));
	assert_int_equal(f.config->n_networks, 1);
	assert_int_equal(f.config->networks[0].n_nodes, 0);
}

static void addresses_are_passed_on(void **state)
{
	static const char with[] =
		"{\"type\":\"snapshot\",\"epoch\":\"00000000000000aa\",\"revision\":7,"
		"\"networks\":[],\"service_address\":\"100.127.255.9\",\"serves\":["
		"{\"network_id\":\"" ID_ONE "\",\"name\":\"office\",\"admits\":[],\"nodes\":["
		"{\"name\":\"alice\",\"public_key\":\"" KEY_A "\",\"class\":0,"
		"\"address\":\"10.1.2.3/32\"}]}]}";
	char address[TP_ADDR_STRLEN];

	(void)state;
	load_snapshot(with);
	assert_string_equal(tp_addr_format(&f.config->service_address, address), "100.127.255.9");
	assert_string_equal(tp_addr_format(&f.config->networks[0].nodes[0].address, address),
			    "10.1.2.3");
}

/* --- the start --- */

static void a_file_without_control_is_alone(void **state)
{
	(void)state;
	write_conf(false, OWN_NETWORK);
	write_text(f.document, SNAPSHOT(NETWORK(ID_ONE, NODES, "")));
	assert_int_equal(load(), 0);
	assert_null(f.saved);
	assert_int_equal(f.config->n_networks, 1);
	assert_string_equal(f.config->networks[0].name, "lab");
}

static void serves_nobody_before_it_is_told(void **state)
{
	(void)state;
	write_conf(true, "");
	assert_int_equal(load(), 0);
	assert_null(f.saved);
	assert_int_equal(f.config->n_networks, 0);
	assert_string_equal(f.config->control.server, "control:8447");
}

static void what_is_damaged_is_put_aside(void **state)
{
	(void)state;
	load_snapshot("{\"type\":\"snapshot\",\"epoch\":\"00000000000000aa\",\"revi");
	assert_null(f.saved);
	assert_int_equal(f.config->n_networks, 0);
	assert_int_equal(access(f.document, F_OK), -1);
	assert_int_equal(access(f.aside, F_OK), 0);
}

static void networks_come_from_one_place(void **state)
{
	(void)state;
	write_conf(true, OWN_NETWORK);
	write_text(f.document, SNAPSHOT(NETWORK(ID_ONE, NODES, "")));
	assert_int_equal(load(), -EINVAL);
	assert_null(f.config);
	assert_non_null(strstr(f.errors, "networks"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nodes_are_served),
		TEST(names_of_two_tenants_may_be_equal),
		TEST(the_longest_names_are_taken),
		TEST(classes_are_admitted_as_told),
		TEST(without_admissions_nobody_talks),
		TEST(a_class_without_nodes_is_left_out),
		TEST(as_many_classes_as_there_may_be),
		TEST(too_many_classes_are_nobody_elses_trouble),
		TEST(a_network_may_be_empty),
		TEST(addresses_are_passed_on),
		TEST(a_file_without_control_is_alone),
		TEST(serves_nobody_before_it_is_told),
		TEST(what_is_damaged_is_put_aside),
		TEST(networks_come_from_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
