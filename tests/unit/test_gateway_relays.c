/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What follows from views for the peers of a device, without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "crypto.h"
#include "gateway/relays_internal.h"
#include "ncp_document.h"

#define ALICE  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
#define BOB    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI="
#define NEAR   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM="
#define FAR    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ="
#define DEVICE "tp-000000aa"

#define AT_NEAR "203.0.113.1:443"
#define AT_FAR	"203.0.113.2:443"
#define DIRECT	"203.0.113.9:51820"

#define RELAY(key, name, at, more)                                                      \
	"{\"public_key\":\"" key "\",\"name\":\"" name "\",\"endpoints\":[\"" at "\"]," \
	"\"service_address\":\"100.127.255.1\"" more "}"
#define BOTH RELAY(NEAR, "near", AT_NEAR, "") "," RELAY(FAR, "far", AT_FAR, "")
#define PEER(key, n, at, more)                                                           \
	"{\"public_key\":\"" key "\",\"name\":\"p" n "\",\"allowed_ips\":[\"100.64.1." n \
	"/32\"],\"keepalive\":0,\"endpoint\":\"" at "\"" more "}"
#define RELAYED	 ",\"via_relay\":true"
#define PIN(key) ",\"relay\":\"" key "\""
#define PATHS	 ",\"paths\":[{\"public_key\":\"" NEAR "\",\"rtt_us\":9000}]"

static struct event_base *base;
static struct gw_state state_of;
static struct gw_relays *r;
static struct tp_wireguard_peer list[8];
static struct gw_peers peers;

static int setup(void **state)
{
	(void)state;
	base = event_base_new();
	state_of.wireguard = json_object();
	return base && !gw_relays_new(&r, base, &state_of) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	gw_relays_free(r);
	json_decref(state_of.wireguard);
	event_base_free(base);
	return 0;
}

/* Control says: these relays, these peers; `more` of the node itself. */
static void say(const char *relays, const char *said, const char *more)
{
	struct tp_ncp_document doc = {0};
	struct tp_ncp_view view;
	char *text;
	json_t *msg;

	assert_true(
		asprintf(&text,
			 "{\"type\":\"snapshot\",\"epoch\":\"0000000000000001\",\"revision\":7,"
			 "\"networks\":[{\"network_id\":\"018bcfe5-6800-7000-8000-0000000000aa\","
			 "\"address\":\"100.64.1.2/24\",\"listen_port\":0,\"stun_servers\":[],"
			 "\"is_relay\":false,\"is_egress\":false,\"egress_subnets\":[],"
			 "\"relays\":[%s],\"peers\":[%s]%s}]}",
			 relays, said, more) > 0);
	msg = json_loads(text, 0, NULL);
	free(text);
	assert_non_null(msg);
	assert_int_equal(tp_ncp_document_apply(&doc, msg, NULL), 0);
	assert_int_equal(tp_ncp_document_view(&doc, &view), 0);
	assert_int_equal(gw_relays_take(r, &view), 0);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
	tp_ncp_document_fini(&doc);
	json_decref(msg);
}

/* What the device would be given as the peer's endpoint, whose settings say DIRECT. */
static const char *shaped(const char *key)
{
	static char text[TP_ADDR_STRLEN];

	memset(list, 0, sizeof(list));
	peers = (struct gw_peers){.peers = list, .n = 2};
	assert_int_equal(tp_key_parse(key, list[0].public_key), 0);
	assert_int_equal(tp_key_parse(BOB, list[1].public_key), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(tp_endpoint_parse(DIRECT, &list[i].endpoint), 0);
	gw_relays_shape(r, DEVICE, &peers);
	return tp_endpoint_format(&list[0].endpoint, text);
}

static struct relay *relay(const char *key)
{
	uint8_t bytes[WG_KEY_LEN];
	int at;

	assert_int_equal(tp_key_parse(key, bytes), 0);
	at = relays_place(&r->networks[0], bytes);
	assert_true(at >= 0);
	return &r->networks[0].relays[at];
}

static void alive(const char *key, uint32_t us)
{
	relay(key)->rtt.state = GW_RELAY_ALIVE;
	relay(key)->rtt.rtt_us = us;
}

static void test_where_control_says(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED), "");
	assert_string_equal(shaped(ALICE), AT_FAR);
}

static void test_direct_peers_are_left_alone(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, ""), "");
	assert_string_equal(shaped(ALICE), DIRECT);
	gw_relays_shape(r, "wg0", &peers); /* no network's */
	gw_relays_shape(NULL, DEVICE, &peers);
	assert_string_equal(shaped(ALICE), DIRECT);
}

static void test_new_peers_go_to_the_nearest(void **state)
{
	(void)state;
	say(BOTH, "", "");
	alive(NEAR, 1000);
	alive(FAR, 30000);
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED), "");
	assert_string_equal(shaped(ALICE), AT_NEAR);
}

/* Another view moves nobody by itself: that needs a new handshake. */
static void test_views_move_nobody(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED), "");
	alive(NEAR, 1000);
	alive(FAR, 30000);
	say(BOTH, PEER(ALICE, "1", AT_NEAR, RELAYED PATHS PIN(NEAR)), "");
	assert_string_equal(shaped(ALICE), AT_FAR);
	say(RELAY(NEAR, "near", AT_NEAR, ""), PEER(ALICE, "1", AT_NEAR, RELAYED), "");
	assert_string_equal(shaped(ALICE), AT_FAR);
	assert_int_equal(r->networks[0].peers[0].choice.relay, GW_NO_RELAY);
}

static void test_measures_outlive_views(void **state)
{
	(void)state;
	say(BOTH, "", "");
	alive(FAR, 30000);
	say(RELAY(FAR, "far", AT_FAR, ""), "", "");
	assert_int_equal(relay(FAR)->rtt.rtt_us, 30000);
}

static void test_a_relay_with_another_address(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED), "");
	say(RELAY(FAR, "far", "203.0.113.3:443", ""), PEER(ALICE, "1", AT_FAR, RELAYED), "");
	assert_string_equal(shaped(ALICE), "203.0.113.3:443");
}

static void test_pins(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED PIN(NEAR)), "");
	assert_string_equal(shaped(ALICE), AT_NEAR);
	say(BOTH, "", "");
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED), PIN(NEAR));
	assert_string_equal(shaped(ALICE), AT_NEAR);
	say(BOTH, "", "");
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED PIN(FAR)), PIN(NEAR)); /* by key */
	assert_string_equal(shaped(ALICE), AT_NEAR);
	say(BOTH, "", "");
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED PIN(BOB)), ""); /* no relay of ours */
	assert_string_equal(shaped(ALICE), AT_FAR);
}

#define AT_VM "203.0.113.7:443" /* of a relay peer */

/* Who is assigned to a relay peer is there, whatever is measured, and nobody else is. */
static void test_relay_peers(void **state)
{
	struct network *n;

	(void)state;
	say(BOTH, "", "");
	alive(NEAR, 1000);
	alive(FAR, 30000);
	say(BOTH, PEER(ALICE, "1", AT_VM, RELAYED PIN(BOB)) "," PEER(BOB, "3", AT_FAR, RELAYED),
	    "");
	assert_string_equal(shaped(ALICE), AT_VM);
	assert_string_equal(shaped(BOB), AT_NEAR);
	n = &r->networks[0];
	assert_int_equal(n->n_relays, 3);
	assert_string_equal(n->relays[2].name, "p3");
	assert_int_equal(relays_through(n, 2), 1);
	say(BOTH, PEER(ALICE, "1", AT_VM, RELAYED PIN(BOB)) "," PEER(BOB, "3", AT_FAR, RELAYED),
	    PIN(FAR)); /* which has the higher key */
	assert_int_equal(r->networks[0].peers[0].choice.pin, 2);
	assert_int_equal(r->networks[0].peers[1].choice.pin, 1);
	say("", PEER(ALICE, "1", AT_VM, RELAYED PIN(BOB)), "");
	assert_string_equal(shaped(ALICE), AT_VM);
}

static void test_a_relay_peer_beside_a_relay(void **state)
{
	(void)state;
	say(BOTH, "", "");
	alive(NEAR, 1000);
	alive(FAR, 30000);
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED PIN(BOB)), "");
	assert_string_equal(shaped(ALICE), AT_FAR);
	assert_int_equal(r->networks[0].n_relays, 2);
	assert_int_equal(r->networks[0].peers[0].choice.pin, 1);
}

/* It has a session there, which a new way would not know. */
static void test_who_was_direct_is_moved(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", DIRECT, ""), "");
	say(BOTH, PEER(ALICE, "1", AT_VM, RELAYED PIN(BOB)), "");
	assert_string_equal(shaped(ALICE), DIRECT);
	assert_int_equal(r->networks[0].peers[0].choice.relay, GW_NO_RELAY);
	assert_int_equal(r->networks[0].peers[0].choice.pin, 2);
}

static void test_paths(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED PATHS), "");
	assert_int_equal(r->networks[0].peers[0].choice.rtt_us[0], 9000);
	assert_int_equal(r->networks[0].peers[0].choice.rtt_us[1], GW_NO_PATH);
}

/* A daemon that comes back finds its device as it was. */
static void test_restart(void **state)
{
	(void)state;
	json_object_set_new(state_of.wireguard, DEVICE,
			    json_pack("{s:{s:s}}", "endpoints", ALICE, AT_NEAR));
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED), "");
	assert_string_equal(shaped(ALICE), AT_NEAR);
	say(BOTH, "", "");
	json_object_set_new(state_of.wireguard, DEVICE,
			    json_pack("{s:{s:s}}", "endpoints", ALICE, DIRECT));
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED), "");
	assert_string_equal(shaped(ALICE), AT_FAR);
}

/* Only one end of a pair begins: the one with the lower address. */
static void test_who_leads(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED) "," PEER(BOB, "3", AT_FAR, RELAYED), "");
	assert_false(r->networks[0].peers[0].leads);
	assert_true(r->networks[0].peers[1].leads);
}

/* Out, in with a keepalive, and as it should be: only those that move. */
static void test_steps(void **state)
{
	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED) "," PEER(BOB, "3", AT_FAR, RELAYED), "");
	r->networks[0].peers[0].moving = r->networks[0].peers[0].kick = true;
	r->step = STEP_OUT;
	shaped(ALICE);
	assert_int_equal(peers.n, 1);
	assert_int_equal(peers.peers[0].public_key[31], 2);
	r->step = STEP_KICK;
	assert_string_equal(shaped(ALICE), AT_FAR);
	assert_int_equal(peers.n, 2);
	assert_true(list[0].keepalive);
	assert_false(list[1].keepalive);
	r->step = STEP_NONE;
	shaped(ALICE);
	assert_false(list[0].keepalive);
}

static void test_report(void **state)
{
	json_t *report, *relays;
	const char *name, *through;

	(void)state;
	say(BOTH, PEER(ALICE, "1", AT_FAR, RELAYED PATHS), "");
	alive(FAR, 30000);
	report = gw_relays_report(r);
	assert_int_equal(json_unpack(report, "[{s:o,s:[{s:s,s:s}]}]", "relays", &relays, "peers",
				     "peer", &name, "relay", &through),
			 0);
	assert_string_equal(name, "p1");
	assert_string_equal(through, "far");
	assert_int_equal(json_array_size(relays), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(relays, 1), "rtt_us")),
			 30000);
	json_decref(report);
	report = gw_relays_list(r, "wg0");
	assert_int_equal(json_array_size(report), 0);
	json_decref(report);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_where_control_says),
		TEST(test_direct_peers_are_left_alone),
		TEST(test_new_peers_go_to_the_nearest),
		TEST(test_views_move_nobody),
		TEST(test_measures_outlive_views),
		TEST(test_a_relay_with_another_address),
		TEST(test_pins),
		TEST(test_relay_peers),
		TEST(test_a_relay_peer_beside_a_relay),
		TEST(test_who_was_direct_is_moved),
		TEST(test_paths),
		TEST(test_restart),
		TEST(test_who_leads),
		TEST(test_steps),
		TEST(test_report),
	};

	return tp_crypto_init() ?: cmocka_run_group_tests(tests, NULL, NULL);
}
