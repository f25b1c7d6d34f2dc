/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto.h"
#include "ncp_document.h"

#define EPOCH 0x1234

static struct tp_ncp_document d;
static struct tp_ncp_fault fault;

static int setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	return tp_crypto_init();
}

static int teardown(void **state)
{
	(void)state;
	tp_ncp_document_fini(&d);
	return 0;
}

/* --- views to play with ------------------------------------------------------------------------
 */

static json_t *key_text(unsigned int n)
{
	uint8_t key[WG_KEY_LEN] = {1, (uint8_t)n, (uint8_t)(n >> 8)};
	char buf[TP_KEY_STRLEN];

	return json_string(tp_key_format(key, buf));
}

static json_t *id_text(unsigned int n)
{
	return json_sprintf("01890a5d-ac96-774b-bcce-%012x", n);
}

static json_t *peer(unsigned int n, int keepalive)
{
	return json_pack("{s:o, s:[s], s:i}", "public_key", key_text(n), "allowed_ips",
			 "100.64.1.2/32", "keepalive", keepalive);
}

static json_t *network(unsigned int n)
{
	return json_pack("{s:o, s:s, s:i, s:[], s:b, s:b, s:[], s:[]}", "network_id", id_text(n),
			 "address", "100.64.1.5/24", "listen_port", 51820, "stun_servers",
			 "is_relay", 0, "is_egress", 0, "egress_subnets", "peers");
}

static json_t *view_of(json_t *one_network)
{
	return json_pack("{s:[o]}", "networks", one_network);
}

/* Takes over `view`. */
static json_t *snapshot(json_t *view, int revision)
{
	json_object_set_new(view, "type", json_string("snapshot"));
	json_object_set_new(view, "epoch", json_sprintf("%016x", EPOCH));
	json_object_set_new(view, "revision", json_integer(revision));
	return view;
}

static int apply(json_t *msg)
{
	int err = tp_ncp_document_apply(&d, msg, &fault);

	json_decref(msg);
	return err;
}

static json_t *networks(void)
{
	return json_object_get(d.view, "networks");
}

static json_t *peers(void)
{
	return json_object_get(json_array_get(networks(), 0), "peers");
}

static void have_network(void)
{
	json_t *n = network(1);

	json_array_append_new(json_object_get(n, "peers"), peer(1, 0));
	json_array_append_new(json_object_get(n, "peers"), peer(2, 0));
	json_object_set_new(n, "name", json_string("office"));
	assert_int_equal(apply(snapshot(view_of(n), 5)), 0);
}

/* Changes of network 1, as a delta 5 -> 6. Takes over `change`. */
static int change_network(json_t *change)
{
	json_object_set_new(change, "network_id", id_text(1));
	return apply(tp_ncp_delta_new(EPOCH, 5, 6, view_of(change)));
}

/* --- revisions ---------------------------------------------------------------------------------
 */

static void snapshot_is_taken(void **state)
{
	struct tp_ncp_view view;

	(void)state;
	assert_int_equal(tp_ncp_document_view(&d, &view), -ENOENT);
	have_network();
	assert_int_equal(d.epoch, EPOCH);
	assert_int_equal(d.revision, 5);
	assert_int_equal(tp_ncp_document_view(&d, &view), 0);
	assert_int_equal(view.networks[0].n_peers, 2);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
}

static int delta(uint64_t epoch, uint64_t base, uint64_t revision)
{
	return apply(tp_ncp_delta_new(epoch, base, revision, json_object()));
}

static void revisions_follow_each_other(void **state)
{
	(void)state;
	assert_int_equal(delta(EPOCH, 0, 1), -ESTALE); /* nothing there yet */
	have_network();
	assert_int_equal(delta(EPOCH, 6, 7), -ESTALE);	   /* a gap */
	assert_int_equal(delta(EPOCH, 4, 6), -ESTALE);	   /* from another base */
	assert_int_equal(delta(EPOCH + 1, 5, 6), -ESTALE); /* of another epoch */
	assert_int_equal(delta(EPOCH, 4, 5), -EALREADY);
	assert_int_equal(d.revision, 5);
	assert_int_equal(delta(EPOCH, 5, 9), 0);
	assert_int_equal(d.revision, 9);
	assert_int_equal(delta(EPOCH, 9, 10), 0);
}

static void snapshot_always_wins(void **state)
{
	(void)state;
	have_network();
	assert_int_equal(apply(snapshot(json_pack("{s:[]}", "networks"), 2)), 0);
	assert_int_equal(d.revision, 2);
	assert_int_equal(json_array_size(networks()), 0);
}

static void others_are_refused(void **state)
{
	(void)state;
	assert_int_equal(apply(json_pack("{s:s}", "type", "ping")), -EINVAL);
	assert_int_equal(apply(json_pack("{s:s}", "type", "future")), -ENOTSUP);
}

/* --- changes -----------------------------------------------------------------------------------
 */

/* Takes over `want`. */
static void expect_peer(size_t i, json_t *want)
{
	assert_true(json_equal(json_array_get(peers(), i), want));
	json_decref(want);
}

static void peers_come_change_and_go(void **state)
{
	(void)state;
	have_network();
	assert_int_equal(change_network(json_pack("{s:[oo], s:[o]}", "peers", peer(2, 25),
						  peer(3, 0), "removed_peers", key_text(1))),
			 0);
	assert_int_equal(json_array_size(peers()), 2);
	expect_peer(0, peer(2, 25));
	expect_peer(1, peer(3, 0));
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(networks(), 0), "name")),
		"office");
}

static void members_change_and_go(void **state)
{
	json_t *n;

	(void)state;
	have_network();
	assert_int_equal(change_network(json_pack("{s:i, s:n}", "listen_port", 51821, "name")), 0);
	n = json_array_get(networks(), 0);
	assert_int_equal(json_integer_value(json_object_get(n, "listen_port")), 51821);
	assert_null(json_object_get(n, "name"));
	assert_int_equal(json_array_size(peers()), 2);
}

static void networks_come_and_go(void **state)
{
	(void)state;
	have_network();
	assert_int_equal(apply(tp_ncp_delta_new(EPOCH, 5, 6,
						json_pack("{s:[o], s:[o]}", "networks", network(2),
							  "removed_networks", id_text(1)))),
			 0);
	assert_int_equal(json_array_size(networks()), 1);
	assert_int_equal(json_array_size(peers()), 0);
}

static void bad_changes_change_nothing(void **state)
{
	static const char *const changes[] = {
		"{\"listen_port\":null}",
		"{\"peers\":7}",
		"{\"peers\":[7]}",
		"{\"peers\":[{\"keepalive\":0}]}",
		"{\"peers\":[{\"public_key\":\"x\"}]}",
		"{\"removed_peers\":7}",
		"{\"removed_peers\":[7]}",
		"{\"egress_subnets\":[\"x\"]}",
	};
	json_t *before;

	(void)state;
	have_network();
	before = json_deep_copy(d.view);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		assert_int_equal(change_network(json_loads(changes[i], 0, NULL)), -EINVAL);
		assert_true(fault.text[0]);
		assert_int_equal(d.revision, 5);
		assert_true(json_equal(d.view, before));
	}
	json_decref(before);
}

/* A network that is new in a delta has to be whole. */
static void new_network_has_to_be_whole(void **state)
{
	(void)state;
	have_network();
	assert_int_equal(
		apply(tp_ncp_delta_new(EPOCH, 5, 6,
				       view_of(json_pack("{s:o}", "network_id", id_text(9))))),
		-EINVAL);
}

static void keys_are_unique(void **state)
{
	json_t *n = network(1);

	(void)state;
	have_network();
	json_array_append_new(json_object_get(n, "peers"), peer(1, 0));
	json_array_append_new(json_object_get(n, "peers"), peer(1, 5));
	assert_int_equal(apply(snapshot(view_of(n), 6)), -EINVAL);
	assert_string_equal(fault.text, "peers: has a key twice");
	assert_int_equal(
		apply(snapshot(json_pack("{s:[oo]}", "networks", network(1), network(1)), 7)),
		-EINVAL);
	assert_string_equal(fault.text, "networks: has a key twice");
	assert_int_equal(d.revision, 5);
}

static void unknown_members_are_kept(void **state)
{
	json_t *future;

	(void)state;
	have_network();
	assert_int_equal(change_network(json_pack("{s:{s:i}}", "future", "a", 1)), 0);
	future = json_object_get(json_array_get(networks(), 0), "future");
	assert_int_equal(json_integer_value(json_object_get(future, "a")), 1);
}

static void survives_the_disk(void **state)
{
	struct tp_ncp_document other = {0};
	json_t *saved;

	(void)state;
	assert_null(tp_ncp_document_snapshot(&d));
	have_network();
	saved = tp_ncp_document_snapshot(&d);
	assert_int_equal(tp_ncp_document_apply(&other, saved, &fault), 0);
	assert_true(json_equal(other.view, d.view));
	assert_int_equal(other.epoch, EPOCH);
	assert_int_equal(other.revision, 5);
	tp_ncp_document_fini(&other);
	json_decref(saved);
}

/* --- any view into any other -------------------------------------------------------------------
 */

static json_t *random_network(unsigned int n)
{
	json_t *net = network(n);

	json_object_set_new(net, "listen_port", json_integer(rand() % 3));
	if (rand() % 2)
		json_object_set_new(net, "name", json_sprintf("n%d", rand() % 3));
	for (unsigned int i = 0; i < 12; i++)
		if (rand() % 2)
			json_array_append_new(json_object_get(net, "peers"), peer(i, rand() % 3));
	return net;
}

static json_t *random_view(void)
{
	json_t *view = json_pack("{s:[]}", "networks");

	for (unsigned int i = 0; i < 4; i++)
		if (rand() % 2)
			json_array_append_new(json_object_get(view, "networks"), random_network(i));
	if (rand() % 2)
		json_object_set_new(view, "service_address", json_string("100.127.255.1"));
	return view;
}

static void any_view_into_any_other(void **state)
{
	(void)state;
	srand(1);
	assert_int_equal(apply(snapshot(random_view(), 1)), 0);
	for (uint64_t revision = 2; revision < 1000; revision++) {
		json_t *to = random_view(), *rest;

		assert_int_equal(apply(tp_ncp_delta_new(EPOCH, revision - 1, revision,
							tp_ncp_view_diff(d.view, to))),
				 0);
		rest = tp_ncp_view_diff(d.view, to);
		assert_int_equal(json_object_size(rest), 0);
		json_decref(rest);
		rest = tp_ncp_view_diff(to, d.view);
		assert_int_equal(json_object_size(rest), 0);
		json_decref(rest);
		assert_int_equal(json_array_size(networks()),
				 json_array_size(json_object_get(to, "networks")));
		json_decref(to);
	}
}

/* What one peer's change costs does not depend on how many there are. */
static void a_small_change_is_small(void **state)
{
	json_t *n = network(1), *to, *changes;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		json_array_append_new(json_object_get(n, "peers"), peer(i, 0));
	assert_int_equal(apply(snapshot(view_of(n), 1)), 0);
	to = json_deep_copy(d.view);
	json_object_set_new(
		json_array_get(json_object_get(json_array_get(json_object_get(to, "networks"), 0),
					       "peers"),
			       500),
		"keepalive", json_integer(25));
	changes = tp_ncp_view_diff(d.view, to);
	assert_true(json_dumpb(changes, NULL, 0, JSON_COMPACT) < 250);
	json_decref(changes);
	json_decref(to);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(snapshot_is_taken),	   TEST(revisions_follow_each_other),
		TEST(snapshot_always_wins),	   TEST(others_are_refused),
		TEST(peers_come_change_and_go),	   TEST(members_change_and_go),
		TEST(networks_come_and_go),	   TEST(bad_changes_change_nothing),
		TEST(new_network_has_to_be_whole), TEST(keys_are_unique),
		TEST(unknown_members_are_kept),	   TEST(survives_the_disk),
		TEST(any_view_into_any_other),	   TEST(a_small_change_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
