// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What would make a network one that relays cannot serve is refused. */
#include "control_office.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "control/classes.h"
#include "control/group.h"
#include "control/peer.h"
#include "control/policy.h"
#include "crypto.h"

#define PEERS (CTL_CLASSES_MAX + 10)

static struct ctl_store *s;
static struct ctl_network n;
static struct ctl_error err;
static char devices[PEERS][CTL_ID_LEN];

static void add_peer(unsigned int i)
{
	char name[16];
	struct ctl_device d;
	struct ctl_peer p;
	uint8_t key[32];

	snprintf(name, sizeof(name), "p%u", i);
	tp_random(key, sizeof(key));
	assert_int_equal(ctl_device_create(s, "acme", name, CTL_NODE, key, false, &d, &err), 0);
	assert_int_equal(ctl_peer_add(s, "acme", n.id, d.id, NULL, &p, &err), 0);
	assert_int_equal(ctl_peer_key(s, n.id, d.id, key, 0, &p, &err), 0);
	strcpy(devices[i], d.id);
}

static int begin(void **state)
{
	(void)state;
	office_open(&s, &n, "100.64.16.0/20");
	for (unsigned int i = 0; i < PEERS; i++)
		add_peer(i);
	return 0;
}

static int end(void **state)
{
	(void)state;
	office_close(s);
	return 0;
}

/* Rules that name each of the first `count` peers by itself; with one more of a tag and a group. */
static int apply_rules(unsigned int count)
{
	json_t *rules = json_array();
	int rc;

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(rules, json_pack("{s:[o],s:[s]}", "from",
						       json_sprintf("p%u", i), "to", "any"));
	json_array_append_new(
		rules, json_pack("{s:[s,s],s:[s]}", "from", "tag:x", "group:g", "to", "any"));
	rc = ctl_policy_apply(s, "acme", n.id, "many", 1, rules, &err);
	json_decref(rules);
	return rc;
}

static void refused(int rc)
{
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, CTL_FAILED_PRECONDITION);
	assert_non_null(strstr(err.text, "relays can do 1024"));
}

static void policies_are_bounded(void **state)
{
	(void)state;
	/* All that are named, and all others together. */
	if (apply_rules(CTL_CLASSES_MAX - 1))
		fail_msg("%s", err.text);
	refused(apply_rules(CTL_CLASSES_MAX));
	assert_non_null(strstr(err.text, "1025 classes"));
}

/* What makes one class more when there are as many as can be. */
static void members_are_bounded(void **state)
{
	struct ctl_peer_role role = {.is_egress = true};
	struct ctl_group g;
	struct ctl_peer p;

	(void)state;
	assert_int_equal(ctl_group_create(s, "acme", "g", &g, &err), 0);
	assert_int_equal(apply_rules(CTL_CLASSES_MAX - 1), 0);
	assert_int_equal(ctl_peer_set_tags(s, "acme", n.id, devices[PEERS - 1], "[\"y\"]", &err),
			 0);
	refused(ctl_peer_set_tags(s, "acme", n.id, devices[PEERS - 1], "[\"x\"]", &err));
	assert_int_equal(ctl_peer_set_tags(s, "acme", n.id, devices[PEERS - 1], "[]", &err), 0);
	refused(ctl_group_add(s, "acme", g.id, devices[PEERS - 1], &err));
	assert_int_equal(ctl_group_remove(s, "acme", g.id, devices[PEERS - 1], &err), 0);
	assert_int_equal(ctl_peer_set_role(s, "acme", n.id, devices[PEERS - 1], &role, &p, &err),
			 0);
}

static void joins_are_bounded(void **state)
{
	struct ctl_device d;
	struct ctl_peer p;
	uint8_t key[32] = {1};

	(void)state;
	assert_int_equal(apply_rules(CTL_CLASSES_MAX - 1), 0);
	assert_int_equal(ctl_device_create(s, "acme", "late", CTL_NODE, key, false, &d, &err), 0);
	assert_int_equal(ctl_peer_add(s, "acme", n.id, d.id, "[\"x\"]", &p, &err), 0);
	refused(ctl_peer_key(s, n.id, d.id, key, 0, &p, &err));
	assert_int_equal(ctl_peer_remove(s, "acme", n.id, d.id, &err), 0);
	assert_int_equal(ctl_peer_add(s, "acme", n.id, d.id, NULL, &p, &err), 0);
	assert_int_equal(ctl_peer_key(s, n.id, d.id, key, 0, &p, &err), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(policies_are_bounded),
		CASE(members_are_bounded),
		CASE(joins_are_bounded),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
