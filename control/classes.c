// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/classes.h"

#include <jansson.h>

#include "control/policy.h"
#include "control/world.h"

#define FEW_RULES 5 /* each selects a member as from, or as to, or not: 2^10 ways at most */

/* 1 when the network has more members than classes are allowed. */
static int is_large(struct ctl_store *s, const char *network)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db, "SELECT 1 FROM peer WHERE network = ? AND ip IS NOT NULL LIMIT 1 OFFSET ?",
		"ti", network, (int64_t)CTL_CLASSES_MAX);
	int got = ctl_db_step(db, q);

	ctl_db_done(q);
	return got;
}

static int count_rules(struct ctl_store *s, const char *network, size_t *n, struct ctl_error *err)
{
	json_t *rules;

	if (ctl_policy_rules(s, network, &rules, err))
		return -1;
	*n = json_array_size(rules);
	json_decref(rules);
	return 0;
}

static int count_classes(struct ctl_store *s, const char *network, uint32_t *n,
			 struct ctl_error *err)
{
	struct ctl_world w;
	int rc = ctl_world_load(&w, s, network, err);

	*n = w.n_classes;
	ctl_world_free(&w);
	return rc;
}

int ctl_classes_check(struct ctl_store *s, const char *network, struct ctl_error *err)
{
	int large = is_large(s, network);
	uint32_t classes;
	size_t rules;

	if (large <= 0)
		return ctl_fail_db(err, large, "network");
	if (count_rules(s, network, &rules, err))
		return -1;
	if (rules <= FEW_RULES)
		return 0;
	if (count_classes(s, network, &classes, err))
		return -1;
	return classes <= CTL_CLASSES_MAX
		       ? 0
		       : ctl_fail(err, CTL_FAILED_PRECONDITION,
				  "the policies would tell %u classes of the network's members"
				  " apart, relays can do %d: name fewer of them one by one",
				  classes, CTL_CLASSES_MAX);
}
