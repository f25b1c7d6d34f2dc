/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto.h"
#include "ncp_messages.h"

#define ID    "'01890a5d-ac96-774b-bcce-b302099a8057'"
#define EPOCH "'00000000deadbeef'"
#define KEY   "'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA='"
#define PEER                                                                      \
	"{'public_key':" KEY ",'allowed_ips':['100.64.1.2/32','192.168.10.0/24']" \
	",'keepalive':25,'endpoint':'203.0.113.10:51820','via_relay':true}"
#define NETWORK                                                                \
	"{'network_id':" ID ",'address':'100.64.1.5/24','listen_port':51820,"  \
	"'stun_servers':['stun.example.net:19302'],'is_relay':false,"          \
	"'is_egress':true,'egress_subnets':['192.168.10.0/24'],'peers':[" PEER \
	"],'relays':[{'public_key':" KEY ",'endpoints':['203.0.113.99:443',"   \
	"'[2001:db8::99]:443'],'service_address':'100.127.255.1'}],"           \
	"'rules':[{'name':'web','from':['tag:dev'],'to':['any'],"              \
	"'protocol':'tcp','ports':['80','8000-8100']}]}"
#define SERVES                                                              \
	"[{'network_id':" ID ",'name':'office','nodes':[{'public_key':" KEY \
	",'name':'alice','address':'100.64.1.1/24','class':1}],'admits':["  \
	"{'a':0,'b':1}]}]"
#define SNAPSHOT                                                                 \
	"{'type':'snapshot','epoch':" EPOCH ",'revision':7,'networks':[" NETWORK \
	"],'service_address':'100.127.255.1','serves':" SERVES "}"

static struct tp_ncp_message m;
static struct tp_ncp_fault fault;

static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	return tp_crypto_init();
}

static int teardown(void **state)
{
	(void)state;
	tp_ncp_message_fini(&m);
	return 0;
}

/* JSON with ' for ", so that tests can be read. */
static json_t *json(const char *text)
{
	char copy[8192];
	json_error_t error;
	json_t *v;

	assert_true(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	v = json_loads(copy, 0, &error);
	if (!v)
		fail_msg("%s: %s", copy, error.text);
	return v;
}

static int decode(const char *text)
{
	json_t *v = json(text);
	int err;

	tp_ncp_message_fini(&m);
	fault.text[0] = '\0';
	err = tp_ncp_message_decode(v, &m, &fault);
	json_decref(v);
	return err;
}

/* Written again it is the same text. */
static void round_trip(const char *text)
{
	json_t *want = json(text), *got;

	if (decode(text))
		fail_msg("%s: %s", text, fault.text);
	got = tp_ncp_message_encode(&m);
	if (!json_equal(want, got))
		fail_msg("%s became %s", text, json_dumps(got, JSON_COMPACT));
	json_decref(want);
	json_decref(got);
}

static const char *const messages[] = {
	"{'type':'hello','kind':'gateway'}",
	"{'type':'hello','kind':'node','name':'alice-1','epoch':" EPOCH ",'revision':12}",
	SNAPSHOT,
	"{'type':'snapshot','epoch':" EPOCH ",'revision':0,'networks':[]}",
	"{'type':'delta','epoch':" EPOCH ",'base':7,'revision':9}",
	"{'type':'ack','epoch':" EPOCH ",'revision':9,'status':'applied'}",
	"{'type':'ack','epoch':" EPOCH ",'revision':9,'status':'failed','reason':'no device'}",
	"{'type':'join','network_id':" ID "}",
	"{'type':'pubkey','network_id':" ID ",'public_key':" KEY "}",
	"{'type':'pubkey','network_id':" ID ",'public_key':" KEY
	",'endpoint':'1.2.3.4:51820','listen_port':51821}",
	"{'type':'endpoint','network_id':" ID ",'endpoint':'[2001:db8::1]:51820'}",
	"{'type':'endpoint','network_id':" ID ",'endpoint':'1.2.3.4:5','public_key':" KEY "}",
	"{'type':'handshakes','handshakes':[{'network_id':" ID ",'public_key':" KEY
	",'time':1764181204123}]}",
	"{'type':'stats','paths':[{'public_key':" KEY ",'rtt_us':1500}]}",
	"{'type':'error','code':'too_long','message':'the message is too long'}",
	"{'type':'bye'}",
	"{'type':'ping'}",
	"{'type':'pong'}",
};

static void all_types_go_both_ways(void **state)
{
	bool seen[TP_NCP_N_TYPES] = {false};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		round_trip(messages[i]);
		seen[m.type] = true;
	}
	for (int i = 0; i < TP_NCP_N_TYPES; i++)
		assert_true(seen[i]);
}

static void snapshot_as_struct(void **state)
{
	const struct tp_ncp_network *n;
	const struct tp_ncp_peer *p;
	char buf[TP_ADDR_STRLEN];

	(void)state;
	assert_int_equal(decode(SNAPSHOT), 0);
	assert_int_equal(m.snapshot.epoch, 0xdeadbeef);
	assert_int_equal(m.snapshot.revision, 7);
	assert_int_equal(m.snapshot.view.n_networks, 1);
	n = m.snapshot.view.networks;
	assert_string_equal(tp_addr_format(&n->address.addr, buf), "100.64.1.5");
	assert_int_equal(n->address.bits, 24);
	assert_int_equal(n->listen_port, 51820);
	assert_string_equal(n->stun_servers[0], "stun.example.net:19302");
	assert_true(n->is_egress && !n->is_relay);
	assert_int_equal(n->n_egress_subnets, 1);
	p = n->peers;
	assert_int_equal(p->public_key[31], 32);
	assert_int_equal(p->n_allowed_ips, 2);
	assert_int_equal(p->keepalive, 25);
	assert_true(p->via_relay);
	assert_string_equal(tp_endpoint_format(&p->endpoint, buf), "203.0.113.10:51820");
	assert_int_equal(n->relays[0].n_endpoints, 2);
	assert_string_equal(n->rules[0].ports[1], "8000-8100");
	assert_string_equal(tp_ncp_protocols[n->rules[0].protocol], "tcp");
	assert_int_equal(m.snapshot.view.serves[0].nodes[0].class, 1);
	assert_int_equal(m.snapshot.view.serves[0].admits[0].b, 1);
}

static void unknown_members_are_ignored(void **state)
{
	(void)state;
	assert_int_equal(decode("{'type':'join','network_id':" ID ",'future':{'a':[1]}}"), 0);
	assert_string_equal(m.join.network_id, "01890a5d-ac96-774b-bcce-b302099a8057");
}

static void unknown_types_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(decode("{'type':'future'}"), -ENOTSUP);
	assert_int_equal(decode("{'kind':'node'}"), -EINVAL);
	assert_int_equal(decode("{'type':7}"), -EINVAL);
	assert_int_equal(decode("[]"), -EINVAL);
}

static void delta_goes_forward(void **state)
{
	(void)state;
	assert_int_equal(decode("{'type':'delta','epoch':" EPOCH ",'base':9,'revision':9}"),
			 -EINVAL);
	assert_string_equal(fault.text, "revision: is not after base");
}

/* What is put in the place of one member's value, and what is said of that. */
struct wrong {
	const char *message, *member, *value, *fault;
};

static const struct wrong wrongs[] = {
	{"{'type':'join'}", NULL, NULL, "network_id: is missing"},
	{"{'type':'join'}", "network_id", "'01890a5d'", "network_id: is not a UUID"},
	{"{'type':'join'}", "network_id", "'01890A5D-AC96-774B-BCCE-B302099A8057'",
	 "network_id: is not a UUID"},
	{"{'type':'join'}", "network_id", "'01890a5d-ac96-774b-bcce-b302099a80577'",
	 "network_id: is not a UUID"},
	{"{'type':'join'}", "network_id", "[]", "network_id: is not a string"},
	{"{'type':'hello'}", "kind", "'king'", "kind: is none of the words for it"},
	{"{'type':'hello','kind':'node'}", "name", "'Alice'", "name: is not a name"},
	{"{'type':'hello','kind':'node'}", "name", "''", "name: is empty or too long"},
	{"{'type':'hello','kind':'node'}", "name",
	 "'0123456789012345678901234567890123456789012345678901234567890123'",
	 "name: is empty or too long"},
	{"{'type':'hello','kind':'node'}", "epoch", "'0000000000000000'", "epoch: is not an epoch"},
	{"{'type':'hello','kind':'node'}", "epoch", "'00000000DEADBEEF'", "epoch: is not an epoch"},
	{"{'type':'hello','kind':'node'}", "epoch", "'deadbeef'", "epoch: is not an epoch"},
	{"{'type':'hello','kind':'node'}", "epoch", "12", "epoch: is not a string"},
	{"{'type':'hello','kind':'node'}", "revision", "-1",
	 "revision: is not an integer in range"},
	{"{'type':'hello','kind':'node'}", "revision", "9007199254740993",
	 "revision: is not an integer in range"},
	{"{'type':'hello','kind':'node'}", "revision", "1.0",
	 "revision: is not an integer in range"},
	{"{'type':'hello','kind':'node'}", "revision", "'1'",
	 "revision: is not an integer in range"},
	{"{'type':'error','code':'a'}", "message", "'a\\u001b[2J'",
	 "message: has a control character"},
	{"{'type':'pubkey','network_id':" ID "}", "public_key", "'AQID'",
	 "public_key: is not a key"},
	{"{'type':'pubkey','network_id':" ID "}", "public_key",
	 "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='", "public_key: is not a key"},
	{"{'type':'pubkey','network_id':" ID ",'public_key':" KEY "}", "listen_port", "65536",
	 "listen_port: is not an integer in range"},
	{"{'type':'endpoint','network_id':" ID "}", "endpoint", "'1.2.3.4'",
	 "endpoint: is not an address and port"},
	{"{'type':'endpoint','network_id':" ID "}", "endpoint", "'1.2.3.4:0'",
	 "endpoint: is not an address and port"},
	{"{'type':'endpoint','network_id':" ID "}", "endpoint", "'name:1'",
	 "endpoint: is not an address and port"},
	{"{'type':'snapshot','epoch':" EPOCH ",'revision':1}", "networks", "{}",
	 "networks: is not a list"},
	{"{'type':'snapshot','epoch':" EPOCH ",'revision':1}", "networks", "[7]",
	 "networks[0]: is not an object"},
	{"{'type':'snapshot','epoch':" EPOCH ",'revision':1}", "networks",
	 "[" NETWORK ",{'network_id':" ID "}]", "networks[1].address: is missing"},
	{"{'type':'snapshot','epoch':" EPOCH ",'revision':1,'networks':[]}", "service_address",
	 "'100.64.1.300'", "service_address: is not an address"},
	{"{'type':'snapshot','epoch':" EPOCH ",'revision':1,'networks':[]}", "serves",
	 "[{'network_id':" ID ",'name':'a','nodes':[{'public_key':7}],'admits':[]}]",
	 "serves[0].nodes[0].public_key: is not a string"},
};

static void faults_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		json_t *msg = json(wrongs[i].message);

		if (wrongs[i].member) {
			char text[4096];
			json_t *box;

			snprintf(text, sizeof(text), "[%s]", wrongs[i].value);
			box = json(text);
			json_object_set(msg, wrongs[i].member, json_array_get(box, 0));
			json_decref(box);
		}
		assert_int_equal(tp_ncp_message_decode(msg, &m, &fault), -EINVAL);
		assert_string_equal(fault.text, wrongs[i].fault);
		assert_int_equal(tp_ncp_message_decode(msg, &m, NULL), -EINVAL);
		json_decref(msg);
	}
}

/* Each member of the snapshot's network, taken away or of another type. */
static void members_of_a_network(void **state)
{
	static const char *const required[] = {"network_id",	 "address",  "listen_port",
					       "stun_servers",	 "is_relay", "is_egress",
					       "egress_subnets", "peers"};
	json_t *msg = json(SNAPSHOT);
	json_t *network = json_array_get(json_object_get(msg, "networks"), 0);
	json_t *whole = json_deep_copy(network);
	const char *name;
	json_t *v;

	(void)state;
	json_object_foreach(whole, name, v)
	{
		json_object_set_new(network, name, json_real(0.5));
		assert_int_equal(tp_ncp_message_decode(msg, &m, NULL), -EINVAL);
		json_object_set(network, name, v);
	}
	for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++) {
		json_object_del(network, required[i]);
		assert_int_equal(tp_ncp_message_decode(msg, &m, NULL), -EINVAL);
		json_object_update(network, whole);
	}
	assert_int_equal(tp_ncp_message_decode(msg, &m, NULL), 0);
	json_decref(msg);
	json_decref(whole);
}

static void first_payload(void **state)
{
	json_t *v = json("{'v':1,'time':1764181204123,'auth_key':'tpk-abc','agent':'test/1'}");
	struct tp_ncp_auth auth;
	json_t *again;

	(void)state;
	assert_int_equal(tp_ncp_decode(&tp_ncp_auth_table, v, &auth, &fault), 0);
	assert_string_equal(auth.auth_key, "tpk-abc");
	assert_int_equal(auth.time, 1764181204123);
	again = tp_ncp_encode(&tp_ncp_auth_table, &auth);
	assert_true(json_equal(v, again));
	json_object_del(v, "agent");
	assert_int_equal(tp_ncp_decode(&tp_ncp_auth_table, v, &auth, &fault), -EINVAL);
	json_decref(v);
	json_decref(again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_types_go_both_ways),	   TEST(snapshot_as_struct),
		TEST(unknown_members_are_ignored), TEST(unknown_types_are_told_apart),
		TEST(delta_goes_forward),	   TEST(faults_are_named),
		TEST(members_of_a_network),	   TEST(first_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
