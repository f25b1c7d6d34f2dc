/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules in views: whose they are, and that what did not change is not made again; and views
 * when there is no memory for some part of them. */
#include "control_office.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "control/group.h"
#include "control/json_memory.h"
#include "control/peer.h"
#include "control/policy.h"
#include "control/relay.h"
#include "control/view.h"
#include "crypto.h"

enum { ANN, BEN, CAT, GATE, N };

static struct ctl_store *s;
static struct ctl_views *views;
static struct ctl_network n;
static struct ctl_error err;
static struct ctl_device devices[N];

static void add_peer(int i, const char *name, enum ctl_kind kind, const char *tags)
{
	struct ctl_peer p;
	uint8_t key[32];

	tp_random(key, sizeof(key));
	assert_int_equal(ctl_device_create(s, "acme", name, kind, key, false, &devices[i], &err),
			 0);
	assert_int_equal(ctl_peer_add(s, "acme", n.id, devices[i].id, tags, &p, &err), 0);
	assert_int_equal(ctl_peer_key(s, n.id, devices[i].id, key, 0, &p, &err), 0);
}

static void apply(const char *text)
{
	json_t *rules = json_loads(text, 0, NULL);

	assert_int_equal(ctl_policy_apply(s, "acme", n.id, "initial", 0, rules, &err), 0);
	json_decref(rules);
}

static int begin(void **state)
{
	(void)state;
	office_open(&s, &n, NULL);
	add_peer(ANN, "ann", CTL_NODE, "[\"red\"]");
	add_peer(BEN, "ben", CTL_NODE, "[\"red\"]");
	add_peer(CAT, "cat", CTL_NODE, NULL);
	add_peer(GATE, "gate", CTL_GATEWAY, NULL);
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

/* A new reference. */
static json_t *rules_of(int who)
{
	json_t *view, *rules;

	assert_int_equal(ctl_view_of(views, &devices[who], &view, &err), 0);
	rules = json_incref(
		json_object_get(json_array_get(json_object_get(view, "networks"), 0), "rules"));
	assert_non_null(rules);
	json_decref(view);
	return rules;
}

static void assert_rules(int who, const char *text)
{
	json_t *expected = json_loads(text, 0, NULL), *rules = rules_of(who);

	assert_non_null(expected);
	if (!json_equal(rules, expected))
		fail_msg("%s has %s", devices[who].name, json_dumps(rules, JSON_COMPACT));
	json_decref(expected);
	json_decref(rules);
}

static void reload(void)
{
	struct ctl_change change = {.kind = CTL_CHANGE_NETWORK};

	strcpy(change.network, n.id);
	ctl_views_change(views, &change);
}

static void test_whose_rules(void **state)
{
	struct ctl_group staff;

	(void)state;
	assert_int_equal(ctl_group_create(s, "acme", "staff", &staff, &err), 0);
	assert_int_equal(ctl_group_add(s, "acme", staff.id, devices[CAT].id, &err), 0);
	apply("[{\"name\":\"web\",\"from\":[\"any\"],\"to\":[\"tag:red\"],\"protocol\":\"tcp\","
	      "\"ports\":[\"80\"]},"
	      "{\"from\":[\"group:staff\",\"nobody\"],\"to\":[\"ben\",\"10.0.0.0/8\"]},"
	      "{\"from\":[\"any\"],\"to\":[\"any\"],\"shadow\":true},"
	      "{\"from\":[\"nobody\"],\"to\":[\"any\"]},"
	      "{\"from\":[\"tag:red\"],\"to\":[\"group:staff\"],\"shadow\":false}]");
	assert_rules(ANN, "[{\"name\":\"web\",\"from\":[\"any\"],\"to\":[\"ann\"],"
			  "\"protocol\":\"tcp\",\"ports\":[\"80\"]}]");
	assert_rules(BEN, "[{\"name\":\"web\",\"from\":[\"any\"],\"to\":[\"ben\"],"
			  "\"protocol\":\"tcp\",\"ports\":[\"80\"]},"
			  "{\"name\":\"rule-2\",\"from\":[\"cat\"],\"to\":[\"ben\"]}]");
	assert_rules(CAT, "[{\"name\":\"rule-5\",\"from\":[\"tag:red\"],\"to\":[\"cat\"]}]");
	assert_rules(GATE,
		     "[{\"name\":\"web\",\"from\":[\"any\"],\"to\":[\"tag:red\"],"
		     "\"protocol\":\"tcp\",\"ports\":[\"80\"]},"
		     "{\"name\":\"rule-2\",\"from\":[\"cat\"],\"to\":[\"ben\",\"10.0.0.0/8\"]},"
		     "{\"name\":\"rule-5\",\"from\":[\"tag:red\"],\"to\":[\"cat\"]}]");
}

/* Is it another object than before? */
static bool is_new(int who, const json_t *before)
{
	json_t *now = rules_of(who);
	bool new = now != before;

	json_decref(now);
	return new;
}

static void test_rules_that_stay(void **state)
{
	json_t *before[N];

	(void)state;
	apply("[{\"from\":[\"any\"],\"to\":[\"tag:red\"]},{\"from\":[\"cat\"],\"to\":[\"cat\"]}]");
	reload();
	for (int i = 0; i < N; i++)
		before[i] = rules_of(i);
	n.keepalive = 7;
	assert_int_equal(ctl_network_update(s, &n, &err), 0);
	reload();
	for (int i = 0; i < N; i++)
		assert_false(is_new(i, before[i]));
	/* Ben leaves ann's class, and no rule leads to him. */
	assert_int_equal(ctl_peer_set_tags(s, "acme", n.id, devices[BEN].id, NULL, &err), 0);
	reload();
	assert_rules(BEN, "[]");
	for (int i = 0; i < N; i++)
		assert_int_equal(is_new(i, before[i]), i == BEN);
	/* Another rule, to ann alone; gateways have all of them. */
	apply("[{\"from\":[\"ben\"],\"to\":[\"tag:red\"]},{\"from\":[\"cat\"],\"to\":[\"cat\"]}]");
	reload();
	for (int i = 0; i < N; i++)
		assert_int_equal(is_new(i, before[i]), i != CAT);
	for (int i = 0; i < N; i++)
		json_decref(before[i]);
}

/* --- without memory --- */

/* What is asked for here is more than there ever is: malloc() is to say so under ASan, too. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static json_malloc_t allocate;
static json_free_t release;
static unsigned int before_it_fails;

/* Once, then there is memory again. */
static void *scarce(size_t size)
{
	return allocate(before_it_fails-- ? size : SIZE_MAX / 2);
}

/* *failed: there was none at some place. */
static int view_with(unsigned int allocations, const struct ctl_device *d, json_t **view,
		     bool *failed)
{
	unsigned long failures = ctl_json_failures();
	int rc;

	json_get_alloc_funcs(&allocate, &release);
	before_it_fails = allocations;
	json_set_alloc_funcs(scarce, release);
	rc = ctl_view_of(views, d, view, &err);
	json_set_alloc_funcs(allocate, release);
	*failed = ctl_json_failures() != failures;
	return rc;
}

/* That serves the network. */
static struct ctl_device add_relay(void)
{
	static const char *const at[] = {"203.0.113.9:443"};
	const uint8_t key[32] = {9}, device_key[32] = {10};
	const struct ctl_relay_new in = {
		.name = "fra", .public_key = key, .endpoints = at, .n_endpoints = 1};
	struct ctl_device d;
	struct ctl_relay r;

	assert_int_equal(ctl_device_create(s, NULL, "fra", CTL_RELAY, device_key, false, &d, &err),
			 0);
	assert_int_equal(ctl_relay_create(s, &in, &r, &err), 0);
	assert_int_equal(ctl_db_run(ctl_store_db(s), "UPDATE relay SET device = ? WHERE id = ?",
				    "tt", d.id, r.id),
			 1);
	assert_int_equal(ctl_relay_attach(s, r.id, n.id, &err), 0);
	return d;
}

/* Wherever memory is missing: no view, or the right one. Returns whether there was a view. */
static bool check_view(const struct ctl_device *d, const json_t *right, unsigned int allocations)
{
	json_t *view;
	bool failed;
	int rc;

	reload();
	rc = view_with(allocations, d, &view, &failed);
	assert_int_equal(rc, failed ? -1 : 0);
	if (failed) {
		assert_null(view);
		assert_int_equal(err.code, CTL_RESOURCE_EXHAUSTED);
		assert_int_equal(ctl_view_of(views, d, &view, &err), 0);
	}
	assert_true(json_equal(view, right));
	json_decref(view);
	return !failed;
}

static void check_everywhere(const struct ctl_device *d)
{
	unsigned int allocations = 0;
	json_t *right;

	assert_int_equal(ctl_view_of(views, d, &right, &err), 0);
	while (!check_view(d, right, allocations))
		allocations++;
	assert_true(allocations > 50); /* some for each member */
	json_decref(right);
}

static void test_without_memory(void **state)
{
	struct ctl_device relay = add_relay();
	struct ctl_group staff;

	(void)state;
	assert_int_equal(ctl_group_create(s, "acme", "staff", &staff, &err), 0);
	assert_int_equal(ctl_group_add(s, "acme", staff.id, devices[CAT].id, &err), 0);
	apply("[{\"from\":[\"any\"],\"to\":[\"tag:red\"]},"
	      "{\"from\":[\"group:staff\"],\"to\":[\"ben\",\"10.0.0.0/8\"]}]");
	reload();
	for (int i = 0; i < N; i++)
		check_everywhere(&devices[i]);
	check_everywhere(&relay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whose_rules, begin, end),
		cmocka_unit_test_setup_teardown(test_rules_that_stay, begin, end),
		cmocka_unit_test_setup_teardown(test_without_memory, begin, end),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
