/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a control plane says, as settings of a gateway. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto.h"
#include "gateway/membership.h"
#include "ncp_document.h"

#define KEY_A	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
#define KEY_B	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI="
#define KEY_R	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM="
#define OFFICE	"018bcfe5-6800-7000-8000-0000000000aa"
#define LAB	"018bcfe5-6800-7000-8000-0000000000bb"
#define HEAD	"{\"type\":\"snapshot\",\"epoch\":\"0000000000000001\",\"revision\":7,"
#define CONTROL "control = { server = \"c:1\"; public_key = \"" KEY_R "\"; };\n"
#define NETWORK(id, name, address, port, more)                                         \
	"{\"network_id\":\"" id "\",\"name\":\"" name "\",\"address\":\"" address      \
	"\",\"node\":\"gw\",\"tags\":[\"dc\"],\"listen_port\":" port                   \
	",\"stun_servers\":[],\"is_relay\":false,\"is_egress\":true,"                  \
	"\"egress_subnets\":[\"192.168.10.0/24\"],\"peers\":[{\"public_key\":\"" KEY_A \
	"\",\"name\":\"alice\",\"allowed_ips\":[\"100.64.1.1/32\"],\"keepalive\":0,"   \
	"\"endpoint\":\"203.0.113.99:443\",\"via_relay\":true,\"tags\":[\"staff\"]}]," more "}"
#define RELAYS                                                                       \
	"\"relays\":[{\"public_key\":\"" KEY_R "\",\"name\":\"fra\",\"endpoints\":[" \
	"\"203.0.113.99:443\"],\"service_address\":\"100.127.255.1\"}],"
#define RULES                                                                                \
	"\"rules\":[{\"name\":\"web\",\"from\":[\"tag:staff\",\"alice\",\"ghost\"],\"to\":[" \
	"\"192.168.10.0/24\"],\"protocol\":\"tcp\",\"ports\":[\"80\"]},"                     \
	"{\"name\":\"all\",\"from\":[\"any\"],\"to\":[\"any\"]},"                            \
	"{\"name\":\"gone\",\"from\":[\"ghost\"],\"to\":[\"any\"]}]"
#define TO_SELF                                                           \
	"\"rules\":[{\"name\":\"self\",\"from\":[\"tag:staff\"],\"to\":[" \
	"\"gw\",\"tag:dc\",\"tag:other\"]}]"

static char dir[32];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test-member-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct tp_ncp_view view_of(const char *text)
{
	struct tp_ncp_document doc = {0};
	json_t *msg = json_loads(text, 0, NULL);
	struct tp_ncp_fault fault = {""};
	struct tp_ncp_view view;

	assert_non_null(msg);
	if (tp_ncp_document_apply(&doc, msg, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(tp_ncp_document_view(&doc, &view), 0);
	json_decref(msg);
	tp_ncp_document_fini(&doc);
	return view;
}

/* --- a gateway --- */

static struct gw_config *gateway_config(const json_t *settings)
{
	char path[64];
	struct gw_config *c;
	FILE *f;

	snprintf(path, sizeof(path), "%s/gateway.conf", dir);
	f = fopen(path, "w");
	fputs("egress = { uplinks = [ \"eth1\" ]; };\n" CONTROL, f);
	fclose(f);
	assert_int_equal(gw_config_load(path, &c, settings, stderr), 0);
	return c;
}

static void test_gateway(void **state)
{
	struct tp_ncp_view view = view_of(HEAD "\"networks\":[" NETWORK(
		OFFICE, "office", "100.64.1.9/24", "51820", RELAYS RULES) "]}");
	json_t *settings = gw_membership_settings(&view, (struct tp_member_files){dir, "gateway"});
	struct gw_config *c;
	struct stat st;

	(void)state;
	assert_non_null(settings);
	c = gateway_config(settings);
	assert_int_equal(c->n_overlays, 1);
	assert_string_equal(c->overlays[0].name, "tp-000000aa");
	assert_int_equal(c->overlays[0].listen_port, 51820);
	assert_int_equal(stat(c->overlays[0].private_key_file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(c->overlays[0].n_peers, 2);
	assert_string_equal(c->overlays[0].peers[0].name, "relay@fra");
	assert_int_equal(c->overlays[0].peers[0].keepalive, 25);
	assert_string_equal(c->overlays[0].peers[1].name, "alice");
	assert_string_equal(c->overlays[0].peers[1].tags[0], "staff");
	assert_int_equal(c->egress.n_subnets, 1);
	assert_int_equal(c->acl.verdict, GW_DENY);
	assert_int_equal(c->acl.n_rules, 2); /* the third lets nobody that is here */
	assert_int_equal(c->acl.rules[0].n_from, 2);
	assert_string_equal(c->acl.rules[1].from[0], "any");
	gw_config_free(c);
	json_decref(settings);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
}

/* What rules call this node by name or tag is its own address, to the compiler. */
static void test_rules_about_itself(void **state)
{
	struct tp_ncp_view view = view_of(HEAD "\"networks\":[" NETWORK(
		OFFICE, "office", "100.64.1.9/24", "51820", TO_SELF) "]}");
	json_t *settings = gw_membership_settings(&view, (struct tp_member_files){dir, "gateway"});
	struct gw_config *c = gateway_config(settings);

	(void)state;
	assert_int_equal(c->acl.n_rules, 1);
	assert_int_equal(c->acl.rules[0].n_to, 4);
	assert_string_equal(c->acl.rules[0].to[0], "100.64.1.9/32");
	assert_string_equal(c->acl.rules[0].to[1], "100.64.1.9/32");
	assert_string_equal(c->acl.rules[0].to[2], "tag:dc");
	assert_string_equal(c->acl.rules[0].to[3], "tag:other");
	gw_config_free(c);
	json_decref(settings);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
}

/* "any" of one network is not any of the other; names and ports do not meet. */
static void test_gateway_of_two_networks(void **state)
{
	struct tp_ncp_view view = view_of(HEAD "\"networks\":[" NETWORK(
		OFFICE, "office", "100.64.1.9/24", "51820",
		RULES) "," NETWORK(LAB, "lab", "100.64.2.9/24", "51820", RULES) "]}");
	json_t *settings = gw_membership_settings(&view, (struct tp_member_files){dir, "gateway"});
	struct gw_config *c = gateway_config(settings);

	(void)state;
	assert_int_equal(c->n_overlays, 2);
	assert_int_equal(c->overlays[0].listen_port, 51820);
	assert_int_equal(c->overlays[1].listen_port, 0);
	assert_string_not_equal(c->overlays[0].private_key_file, c->overlays[1].private_key_file);
	assert_string_equal(c->overlays[0].peers[0].name, "alice.office");
	assert_string_equal(c->overlays[1].peers[0].name, "alice.lab");
	assert_int_equal(c->acl.n_rules, 4);
	assert_string_equal(c->acl.rules[0].from[0], "tag:staff.office");
	assert_string_equal(c->overlays[1].peers[0].tags[0], "staff.lab");
	assert_string_equal(c->acl.rules[0].from[1], "node:alice.office");
	assert_string_equal(c->acl.rules[1].name, "all.office");
	assert_string_equal(c->acl.rules[1].from[0], "100.64.1.0/24");
	assert_string_equal(c->acl.rules[1].from[1], "192.168.10.0/24");
	assert_string_equal(c->acl.rules[3].from[0], "100.64.2.0/24");
	gw_config_free(c);
	json_decref(settings);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
}

/* --- servers --- */

static void test_servers(void **state)
{
	static const char *const bad[] = {"",		":1",	   "host",    "host:", "host:0",
					  "host:65536", "host:1x", "::1:443", "[]:1",  "host: 1"};
	uint16_t port;
	char *host;

	(void)state;
	assert_int_equal(tp_member_server("control.example.org:8447", &host, &port), 0);
	assert_string_equal(host, "control.example.org");
	assert_int_equal(port, 8447);
	free(host);
	assert_int_equal(tp_member_server("[2001:db8::1]:1", &host, &port), 0);
	assert_string_equal(host, "2001:db8::1");
	free(host);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(tp_member_server(bad[i], &host, &port), 0);
		assert_null(host);
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_gateway),
		CASE(test_rules_about_itself),
		CASE(test_gateway_of_two_networks),
		cmocka_unit_test(test_servers),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
