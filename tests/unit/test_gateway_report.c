// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What people and programs are told of flows, what is remembered between runs, and which peers
 * WireGuard is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "gateway/overlay.h"
#include "gateway/report.h"
#include "log.h"

#define NOW 1000000u

static const char text[] =
	"overlays = (\n"
	"  { name = \"wg0\"; address = \"100.64.1.254/24\"; private_key_file = \"/k\"; peers = (\n"
	"    { name = \"alice\"; public_key = \"eDWGUVGk4WVlyNPDR9BQVHQ0YUmdOSeJ6o+GMW8xgQs=\";\n"
	"      endpoint = \"203.0.113.9:443\"; keepalive = 25;\n"
	"      allowed_ips = [\"100.64.1.1/32\", \"0.0.0.0/0\", \"10.9.0.0/16\", \"::/0\"]; } ); "
	"},\n"
	"  { name = \"wg1\"; address = \"100.64.1.254/24\"; private_key_file = \"/k\"; peers = (\n"
	"    { name = \"amy\"; public_key = \"RbeHzRPmNRfLTTwYPACkFVDx+PxTy04BgswD0mymSXI=\";\n"
	"      allowed_ips = [\"100.64.1.1/32\"]; } ); } );\n"
	"egress = { uplinks = [\"eth1\"]; };\n"
	"acl = { rules = ( { name = \"web\"; from = [\"any\"]; to = [\"any\"]; } ); };\n";

static struct gw_daemon d;

static int set_up(void **state)
{
	(void)state;
	tp_log_level(LOG_ERR);
	if (gw_config_parse("t", text, sizeof(text) - 1, &d.config, stderr))
		return -1;
	gw_state_number(&d.state, d.config);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	gw_config_free(d.config);
	return 0;
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "(null)";
}

static void mapped(uint8_t out[16], const char *addr)
{
	struct tp_addr a;

	assert_int_equal(tp_addr_parse(addr, &a), 0);
	memcpy(out, a.b, sizeof(a.b));
}

static void a_flow_is_described(void **state)
{
	struct gw_flow_key key = {.proto = 6, .node_port = htons(40000), .remote_port = htons(443)};
	struct gw_flow flow = {
		.until = NOW + gw_seconds_to_ticks(60),
		.started = NOW,
		.generation = 7,
		.rule = 1,
		.kind = GW_FLOW_NAT,
		.flags = GW_FLOW_REPLIED,
		.tcp_state = GW_TCP_ESTABLISHED,
		.ext_addr = inet_addr("192.0.2.1"),
		.ext_port = htons(10001),
		.out = {3, 300},
		.in = {2, 200},
	};
	json_t *j;

	(void)state;
	mapped(key.node, "100.64.1.1");
	mapped(key.remote, "192.168.10.5");
	j = gw_report_flow(&d, &key, &flow, 7, NOW);
	assert_string_equal(str(j, "overlay"), "wg0");
	assert_string_equal(str(j, "node"), "100.64.1.1");
	assert_string_equal(str(j, "node_name"), "alice");
	assert_string_equal(str(j, "remote"), "192.168.10.5");
	assert_int_equal(json_integer_value(json_object_get(j, "remote_port")), 443);
	assert_string_equal(str(j, "protocol"), "tcp");
	assert_string_equal(str(j, "kind"), "masqueraded");
	assert_string_equal(str(j, "uplink"), "eth1");
	assert_string_equal(str(j, "external"), "192.0.2.1:10001");
	assert_string_equal(str(j, "rule"), "web");
	assert_string_equal(str(j, "policy"), "present");
	assert_string_equal(str(j, "state"), "established");
	assert_true(json_is_true(json_object_get(j, "replied")));
	assert_true(json_real_value(json_object_get(j, "expires_in_s")) > 59);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "in"), "bytes")),
			 200);
	json_decref(j);

	/* the rule's number is one of another policy */
	j = gw_report_flow(&d, &key, &flow, 8, NOW);
	assert_true(json_is_null(json_object_get(j, "rule")));
	assert_string_equal(str(j, "policy"), "older");
	assert_int_equal(json_integer_value(json_object_get(j, "generation")), 7);
	json_decref(j);
}

/* Two overlays may use the same addresses. */
static void names_are_those_of_the_overlay(void **state)
{
	uint8_t addr[16];

	(void)state;
	mapped(addr, "100.64.1.1");
	assert_string_equal(gw_report_node(&d, 0, addr), "alice");
	assert_string_equal(gw_report_node(&d, 1, addr), "amy");
	assert_null(gw_report_node(&d, 2, addr));
	mapped(addr, "10.9.0.1"); /* only part of a prefix */
	assert_null(gw_report_node(&d, 0, addr));
	assert_string_equal(gw_report_rule(&d, 0), "default");
	assert_string_equal(gw_report_rule(&d, 1), "web");
	assert_string_equal(gw_report_rule(&d, 2), "?");
	assert_string_equal(gw_report_overlay(&d, 77), "?");
}

static void every_reason_has_its_text(void **state)
{
	(void)state;
	assert_string_equal(gw_reason_texts[GW_DROP_no_mapping].name, "no_mapping");
	assert_string_equal(gw_reason_texts[GW_DROP_no_mapping].kind_name, "drop");
	assert_int_equal(gw_reason_texts[GW_FORWARD_hairpin].kind, GW_KIND_FORWARD);
	for (int i = 0; i < GW_REASON_MAX; i++)
		assert_non_null(gw_reason_texts[i].text);
}

/* --- peers ---------------------------------------------------------------------------------- */

static void everything_is_left_out_without_full_tunnel(void **state)
{
	struct gw_config_overlay o = d.config->overlays[0];
	struct gw_peers peers;

	(void)state;
	assert_int_equal(gw_peers_make(&peers, &o, NULL), 0);
	assert_int_equal(peers.n, 1);
	assert_int_equal(peers.peers[0].n_allowed, 2);
	assert_int_equal(peers.peers[0].allowed[1].bits, 16);
	assert_int_equal(peers.peers[0].keepalive, 25);
	assert_int_equal(ntohs(peers.peers[0].endpoint.port), 443);
	gw_peers_fini(&peers);
	o.full_tunnel = true;
	assert_int_equal(gw_peers_make(&peers, &o, NULL), 0);
	assert_int_equal(peers.peers[0].n_allowed, 4);
	gw_peers_fini(&peers);
}

/* --- between runs --------------------------------------------------------------------------- */

static void devices_keep_their_numbers(void **state)
{
	char dir[] = "/tmp/tp-state-XXXXXX", file[64];
	struct gw_config c = *d.config;
	struct gw_config_overlay swapped[2] = {c.overlays[1], c.overlays[0]};
	struct gw_state before = {0}, after;

	(void)state;
	assert_non_null(mkdtemp(dir));
	c.state_dir = dir;
	assert_int_equal(gw_state_load(&before, &c), 0); /* there is none yet */
	gw_state_number(&before, &c);
	before.nat_first = 10000;
	before.reserved = strdup("10000-10127");
	json_object_set_new(before.wireguard, "wg0", json_string("saved"));
	json_object_set_new(before.made, "wg0", json_true());
	assert_int_equal(gw_state_save(&before), 0);

	c.overlays = swapped;
	assert_int_equal(gw_state_load(&after, &c), 0);
	gw_state_number(&after, &c);
	assert_int_equal(gw_state_overlay(&after, "wg0"), 0);
	assert_int_equal(gw_state_overlay(&after, "wg1"), 1);
	assert_int_equal(gw_state_uplinks(&after), 1);
	assert_int_equal(after.nat_first, 10000);
	assert_string_equal(after.reserved, "10000-10127");
	assert_string_equal(str(after.wireguard, "wg0"), "saved");
	assert_true(json_is_true(json_object_get(after.made, "wg0")));
	assert_null(json_object_get(after.made, "wg1"));
	snprintf(file, sizeof(file), "%s/gateway.json", dir);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
	gw_state_fini(&before);
	gw_state_fini(&after);
}

/* With all numbers given, one of a device that is not configured any more is given again. */
static void a_number_is_given_again(void **state)
{
	struct gw_state s = {0};

	(void)state;
	for (int i = 0; i < TP_GW_OVERLAYS; i++)
		snprintf(s.overlays[i], IFNAMSIZ, i == 3 ? "wg1" : "old%d", i);
	gw_state_number(&s, d.config);
	assert_int_equal(gw_state_overlay(&s, "wg1"), 3);
	assert_int_equal(gw_state_overlay(&s, "wg0"), 0);
	assert_int_equal(gw_state_overlay(&s, "old0"), -1);
	assert_int_equal(gw_state_overlay(&s, "old1"), 1);
}

/* While the flows of what leaves are there, its number is nobody else's. */
static void a_reload_takes_free_numbers_only(void **state)
{
	struct gw_state s = {0};

	(void)state;
	for (int i = 0; i < TP_GW_OVERLAYS; i++)
		snprintf(s.overlays[i], IFNAMSIZ, "old%d", i);
	assert_int_equal(gw_state_number_new(&s, d.config, TP_GW_UPLINKS), -ENOSPC);
	assert_int_equal(gw_state_overlay(&s, "old0"), 0);
	s.overlays[7][0] = s.overlays[9][0] = '\0';
	assert_int_equal(gw_state_number_new(&s, d.config, 0), -ENOSPC); /* no room for an uplink */
	assert_int_equal(gw_state_number_new(&s, d.config, 1), 0);
	assert_int_equal(gw_state_overlay(&s, "wg0"), 7);
	assert_int_equal(gw_state_overlay(&s, "wg1"), 9);
	assert_int_equal(gw_state_uplinks(&s), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_described),
		cmocka_unit_test(names_are_those_of_the_overlay),
		cmocka_unit_test(every_reason_has_its_text),
		cmocka_unit_test(everything_is_left_out_without_full_tunnel),
		cmocka_unit_test(devices_keep_their_numbers),
		cmocka_unit_test(a_number_is_given_again),
		cmocka_unit_test(a_reload_takes_free_numbers_only),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
