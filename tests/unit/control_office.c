/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control_office.h"

void office_open(struct ctl_store **s, struct ctl_network *office, const char *subnet)
{
	struct ctl_network_new in = {.tenant = "acme", .name = "office", .subnet = subnet};
	struct ctl_error err;

	assert_int_equal(ctl_store_open(s, ":memory:"), 0);
	assert_int_equal(ctl_begin(*s, "test", &err), 0);
	assert_int_equal(ctl_db_run(ctl_store_db(*s),
				    "INSERT INTO tenant (id, name, created) VALUES ('acme', ?, 0)",
				    "t", "acme"),
			 1);
	assert_int_equal(ctl_network_create(*s, &in, office, &err), 0);
}

void office_close(struct ctl_store *s)
{
	ctl_rollback(s);
	ctl_store_close(s);
}
