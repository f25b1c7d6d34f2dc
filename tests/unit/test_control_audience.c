/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who hears of a network's changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/audience.h"
#include "crypto.h"

struct node {
	unsigned int called;
	struct ctl_seat *seats;
};

static struct ctl_audience *audience;

static int set_up(void **state)
{
	(void)state;
	audience = ctl_audience_new();
	return audience ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	ctl_audience_free(audience);
	return 0;
}

static void call(struct node *n)
{
	n->called++;
}

/* Which of the two hear of the network: 1, 2, both or none. */
static unsigned int who(struct node n[2], const char *network)
{
	n[0].called = n[1].called = 0;
	ctl_audience_each(audience, network, call);
	assert_true(n[0].called <= 1 && n[1].called <= 1);
	return n[0].called | n[1].called << 1;
}

/* Takes one network or two as a member, and one to serve; NULL: none. */
static void take(struct node *n, const char *first, const char *second, const char *served)
{
	json_t *networks = json_array(), *view = json_pack("{s:o}", "networks", networks);

	if (first)
		json_array_append_new(networks, json_pack("{s:s}", "network_id", first));
	if (second)
		json_array_append_new(networks, json_pack("{s:s}", "network_id", second));
	if (served)
		json_object_set_new(view, "serves", json_pack("[{s:s}]", "network_id", served));
	assert_int_equal(ctl_audience_take(audience, &n->seats, n, view), 0);
	json_decref(view);
}

static void test_members_and_relays_hear(void **state)
{
	struct node n[2] = {0};

	(void)state;
	take(&n[0], "a", "b", NULL);
	take(&n[1], "b", NULL, "c");
	assert_int_equal(who(n, "a"), 1);
	assert_int_equal(who(n, "b"), 3);
	assert_int_equal(who(n, "c"), 2);
	assert_int_equal(who(n, "d"), 0);
	ctl_audience_leave(audience, &n[0].seats);
	assert_null(n[0].seats);
	assert_int_equal(who(n, "a"), 0);
	assert_int_equal(who(n, "b"), 2);
	ctl_audience_leave(audience, &n[1].seats);
	assert_int_equal(who(n, "b"), 0);
}

static void test_another_view(void **state)
{
	struct node n[2] = {0};
	const struct ctl_seat *before;

	(void)state;
	take(&n[0], "a", "b", NULL);
	take(&n[1], "a", NULL, NULL);
	before = n[0].seats;
	take(&n[0], "a", "b", NULL);
	assert_ptr_equal(n[0].seats, before); /* nothing was to do */
	take(&n[0], "a", NULL, NULL);
	assert_int_equal(who(n, "a"), 3);
	assert_int_equal(who(n, "b"), 0);
	take(&n[0], "a", NULL, "b");
	assert_int_equal(who(n, "b"), 1);
	take(&n[0], "c", NULL, "b");
	assert_int_equal(who(n, "a"), 2);
	assert_int_equal(who(n, "b"), 1);
	assert_int_equal(who(n, "c"), 1);
	take(&n[0], NULL, NULL, NULL);
	assert_null(n[0].seats);
	assert_int_equal(who(n, "c"), 0);
	ctl_audience_leave(audience, &n[1].seats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_members_and_relays_hear, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_view, set_up, tear_down),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
