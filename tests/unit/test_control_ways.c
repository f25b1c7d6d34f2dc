/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where nodes are told that others are, when some are assigned to relays and to relay peers. */
#include "control_office.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "control/device.h"
#include "control/peer.h"
#include "control/relay.h"
#include "control/view.h"
#include "crypto.h"

/* Vic and Wim are relay peers. */
enum { ANN, BEN, CAT, VIC, WIM, N };
static const char *const names[N] = {"ann", "ben", "cat", "vic", "wim"};

/* First bytes of public keys; between two assignments the lower one decides. */
enum { FAR_KEY = 1, FIRST_KEY = 10, NEAR_KEY = 100 };

#define AT_NEAR "203.0.113.1:443"
#define AT_FAR	"203.0.113.2:443"
#define AT_VIC	"203.0.113.3:443"
#define AT_WIM	"203.0.113.4:443"
#define AT_CAT	"203.0.113.5:51820"

static struct ctl_store *s;
static struct ctl_views *views;
static struct ctl_network n;
static struct ctl_error err;
static struct ctl_device devices[N];
static struct ctl_relay near, far;

static void add_peer(int i)
{
	const uint8_t key[32] = {(uint8_t)(FIRST_KEY + i)};
	struct ctl_peer p;

	assert_int_equal(
		ctl_device_create(s, "acme", names[i], CTL_NODE, key, false, &devices[i], &err), 0);
	assert_int_equal(ctl_peer_add(s, "acme", n.id, devices[i].id, NULL, &p, &err), 0);
	assert_int_equal(ctl_peer_key(s, n.id, devices[i].id, key, 0, &p, &err), 0);
}

static void add_relay(struct ctl_relay *r, const char *name, const char *endpoint, uint8_t number)
{
	const uint8_t key[32] = {number};
	const struct ctl_relay_new in = {"acme", name, key, &endpoint, 1};

	assert_int_equal(ctl_relay_create(s, &in, r, &err), 0);
	assert_int_equal(ctl_relay_attach(s, r->id, n.id, &err), 0);
}

static void declare(int who, const char *endpoint)
{
	assert_int_equal(ctl_peer_endpoint(s, n.id, devices[who].id, endpoint, true, &err), 0);
}

static void make_relay_peer(int who, const char *endpoint)
{
	const struct ctl_peer_role role = {.is_relay = true};
	struct ctl_peer p;

	declare(who, endpoint);
	assert_int_equal(ctl_peer_set_role(s, "acme", n.id, devices[who].id, &role, &p, &err), 0);
}

static int begin(void **state)
{
	(void)state;
	office_open(&s, &n, NULL);
	add_relay(&near, "near", AT_NEAR, NEAR_KEY);
	add_relay(&far, "far", AT_FAR, FAR_KEY);
	for (int i = 0; i < N; i++)
		add_peer(i);
	make_relay_peer(VIC, AT_VIC);
	make_relay_peer(WIM, AT_WIM);
	views = ctl_views_new(s, NULL);
	return views ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	ctl_views_free(views);
	office_close(s);
	return 0;
}

static void reload(void)
{
	struct ctl_change change = {.kind = CTL_CHANGE_NETWORK};

	strcpy(change.network, n.id);
	ctl_views_change(views, &change);
}

/* To a relay, or to a relay peer. */
static void assign(int who, const char *to)
{
	assert_int_equal(ctl_peer_assign_relay(s, "acme", n.id, devices[who].id, to, &err), 0);
	reload();
}

/* What `self` is told of `peer`; a new reference. */
static json_t *told(int self, int peer)
{
	json_t *view, *found = NULL, *row;
	size_t i;

	assert_int_equal(ctl_view_of(views, &devices[self], &view, &err), 0);
	json_array_foreach(
		json_object_get(json_array_get(json_object_get(view, "networks"), 0), "peers"), i,
		row)
	{
		if (!strcmp(json_string_value(json_object_get(row, "name")), names[peer]))
			found = json_incref(row);
	}
	json_decref(view);
	assert_non_null(found);
	return found;
}

/* The first byte of the key that the node is told the peer's relay by; 0: none. */
static int relay_key(const json_t *peer)
{
	const char *text = json_string_value(json_object_get(peer, "relay"));
	uint8_t key[32];

	if (!text)
		return 0;
	assert_int_equal(tp_key_parse(text, key), 0);
	return key[0];
}

static void assert_at(int self, int peer, const char *endpoint)
{
	static const char *const own[N] = {NULL, NULL, AT_CAT, AT_VIC, AT_WIM};
	json_t *p = told(self, peer);
	const char *at = json_string_value(json_object_get(p, "endpoint"));
	bool direct = own[peer] && !strcmp(endpoint, own[peer]);

	if (!at || strcmp(at, endpoint) != 0)
		fail_msg("%s is told that %s is at %s, not at %s", names[self], names[peer],
			 at ? at : "no place", endpoint);
	assert_int_equal(json_is_true(json_object_get(p, "via_relay")), !direct);
	if (!direct && !strcmp(at, AT_VIC))
		assert_int_equal(relay_key(p), FIRST_KEY + VIC);
	if (!direct && !strcmp(at, AT_WIM))
		assert_int_equal(relay_key(p), FIRST_KEY + WIM);
	json_decref(p);
}

static void assert_both_at(int a, int b, const char *endpoint)
{
	assert_at(a, b, endpoint);
	assert_at(b, a, endpoint);
}

static void test_nobody_is_assigned(void **state)
{
	(void)state;
	assert_both_at(ANN, BEN, AT_NEAR);
	assert_at(ANN, VIC, AT_VIC);
	assert_at(VIC, ANN, AT_NEAR);
}

static void test_a_relay_peer_is_for_both_ends(void **state)
{
	(void)state;
	assign(ANN, devices[VIC].id);
	assert_both_at(ANN, BEN, AT_VIC);
	assert_both_at(BEN, CAT, AT_NEAR); /* which is none of their business */
	assert_at(ANN, VIC, AT_VIC);
	assert_at(VIC, ANN, AT_NEAR); /* and not at its own endpoint */
	assert_at(ANN, WIM, AT_WIM);
	assert_at(WIM, ANN, AT_VIC);
	assign(ANN, NULL);
	assert_both_at(ANN, BEN, AT_NEAR);
}

static void test_who_has_declared_an_endpoint(void **state)
{
	(void)state;
	declare(CAT, AT_CAT);
	assign(ANN, devices[VIC].id);
	assert_at(ANN, CAT, AT_CAT);
	assert_at(CAT, ANN, AT_VIC);
	assign(ANN, NULL);
	assign(CAT, devices[VIC].id); /* her own endpoint counts no more */
	assert_both_at(ANN, CAT, AT_VIC);
	assert_at(VIC, CAT, AT_CAT);
}

static void test_the_lower_key_decides(void **state)
{
	(void)state;
	assign(ANN, devices[VIC].id);
	assign(CAT, devices[WIM].id);
	assert_both_at(ANN, CAT, AT_VIC);
	assert_both_at(BEN, CAT, AT_WIM);
	assign(BEN, near.id);
	assert_both_at(ANN, BEN, AT_VIC);
	assert_both_at(CAT, BEN, AT_WIM);
	assign(BEN, far.id);
	assert_at(ANN, BEN, AT_FAR);
	assert_at(BEN, ANN, AT_NEAR); /* from where his own assignment takes her to the other */
}

static void test_relay_peers_that_are_assigned(void **state)
{
	(void)state;
	assign(VIC, devices[WIM].id);
	assert_at(ANN, VIC, AT_WIM);
	assert_at(VIC, ANN, AT_WIM);
	assign(ANN, devices[VIC].id);
	assert_at(ANN, VIC, AT_VIC);
	assert_at(VIC, ANN, AT_WIM);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nobody_is_assigned),
		CASE(test_a_relay_peer_is_for_both_ends),
		CASE(test_who_has_declared_an_endpoint),
		CASE(test_the_lower_key_decides),
		CASE(test_relay_peers_that_are_assigned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
