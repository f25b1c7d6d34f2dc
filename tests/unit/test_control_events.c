// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What watchers can learn: events of what was committed, the latest of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/events.h"
#include "control/tenant.h"

static struct ctl_store *s;
static struct ctl_error err;

static int begin(void **state)
{
	(void)state;
	return ctl_store_open(&s, ":memory:");
}

static int end(void **state)
{
	(void)state;
	ctl_store_close(s);
	return 0;
}

static void a_commit_tells_its_records(void **state)
{
	const struct ctl_events *e = ctl_store_events(s);
	const struct ctl_event *first;
	struct ctl_tenant t;

	(void)state;
	assert_int_equal(ctl_begin(s, "user:olga", &err), 0);
	assert_int_equal(ctl_tenant_create(s, "acme", &t, &err), 0);
	assert_int_equal(ctl_audit(s, NULL, "relay.drain", "an id", NULL, &err), 0);
	assert_int_equal(ctl_events_last(e), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_events_last(e), 2);
	first = ctl_events_get(e, 1);
	assert_int_equal(first->number, 1);
	assert_string_equal(first->tenant, t.id);
	assert_string_equal(first->actor, "user:olga");
	assert_string_equal(first->action, "tenant.create");
	assert_string_equal(first->object, t.id);
	assert_string_equal(first->details, "{\"name\":\"acme\"}");
	assert_true(first->time > 0);
	assert_string_equal(ctl_events_get(e, 2)->tenant, "");
	assert_string_equal(ctl_events_get(e, 2)->details, "{}");
}

static void what_is_undone_tells_nothing(void **state)
{
	const struct ctl_events *e = ctl_store_events(s);
	struct ctl_tenant t;

	(void)state;
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_tenant_create(s, "acme", &t, &err), 0);
	ctl_rollback(s);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_events_last(e), 0);
	assert_null(ctl_events_get(e, 0));
	assert_null(ctl_events_get(e, 1));
}

static unsigned int heard;

static void on_event(void *arg)
{
	assert_ptr_equal(arg, &heard);
	heard++;
}

static void the_oldest_are_forgotten(void **state)
{
	struct ctl_events *e = ctl_store_events(s);
	struct ctl_event event = {
		.tenant = "", .actor = "a", .action = "b", .object = "", .details = "{}"};

	(void)state;
	heard = 0;
	ctl_events_listen(e, on_event, &heard);
	assert_int_equal(ctl_events_first(e), 1);
	for (int i = 1; i <= CTL_EVENTS + 10; i++) {
		event.time = i;
		ctl_events_add(e, &event);
	}
	ctl_events_listen(e, NULL, NULL);
	assert_int_equal(heard, CTL_EVENTS + 10);
	assert_int_equal(ctl_events_last(e), CTL_EVENTS + 10);
	assert_int_equal(ctl_events_first(e), 11);
	assert_null(ctl_events_get(e, 10));
	assert_int_equal(ctl_events_get(e, 11)->time, 11);
	assert_int_equal(ctl_events_get(e, CTL_EVENTS + 10)->time, CTL_EVENTS + 10);
	assert_null(ctl_events_get(e, CTL_EVENTS + 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_commit_tells_its_records, begin, end),
		cmocka_unit_test_setup_teardown(what_is_undone_tells_nothing, begin, end),
		cmocka_unit_test_setup_teardown(the_oldest_are_forgotten, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
