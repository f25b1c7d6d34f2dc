// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/nodes_settle.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/address.h"
#include "control/nodes_private.h"

/* A device, joined with its peer in a network, is a gateway there. */
#define IS_GATEWAY "(kind = 2 OR kind = 1 AND is_egress)"

/* A network with addresses that wait. */
struct held {
	char network[CTL_ID_LEN];
	uint64_t oldest;  /* revision that one of them waits for */
	uint64_t applied; /* by every gateway; 0: perhaps none */
};

struct held_list {
	struct held *list;
	size_t n;
};

static int add(struct held_list *held, const char *network, uint64_t oldest)
{
	struct held *grown = reallocarray(held->list, held->n + 1, sizeof(*grown));

	if (!grown)
		return -1;
	held->list = grown;
	grown[held->n] = (struct held){.oldest = oldest};
	snprintf(grown[held->n++].network, sizeof(grown->network), "%s", network);
	return 0;
}

static struct sqlite3_stmt *query(struct ctl_db *db, const char *gateway)
{
	if (!gateway)
		return ctl_db_query(
			db, "SELECT network, min(revision) FROM address_hold GROUP BY network", "");
	return ctl_db_query(db,
			    "SELECT network, (SELECT min(revision) FROM address_hold"
			    " WHERE address_hold.network = peer.network) AS oldest FROM peer"
			    " JOIN device ON device.id = peer.device WHERE peer.device = ?"
			    " AND " IS_GATEWAY " AND oldest IS NOT NULL",
			    "t", gateway);
}

static int find_held(struct ctl_store *s, const char *gateway, struct held_list *held,
		     struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = query(db, gateway);
	int got, rc = 0;

	while (!rc && (got = ctl_db_step(db, q)) == 1)
		rc = add(held, ctl_db_text(q, 0), (uint64_t)ctl_db_int(q, 1));
	ctl_db_done(q);
	return rc ? ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory")
		  : ctl_fail_db(err, got, "held address");
}

/* Lowers *least to what this gateway has applied. One that is away holds everything back: it goes
 * on with what it had. */
static void least_applied(const struct ctl_nodes *nodes, const char *device, uint64_t *least)
{
	struct ctl_node_state n;

	if (!ctl_nodes_find(nodes, device, &n) || n.failed)
		*least = 0;
	/* Later revisions that did not touch it are none of its business. */
	else if ((n.pending || n.acknowledged != n.told) && n.acknowledged < *least)
		*least = n.acknowledged;
}

static int ask_gateways(const struct ctl_nodes *nodes, struct ctl_store *s, struct held *held,
			struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "SELECT device FROM peer JOIN device ON device.id = peer.device"
			     " WHERE network = ? AND " IS_GATEWAY,
			     "t", held->network);
	int got;

	held->applied = ctl_store_revision(s);
	while ((got = ctl_db_step(db, q)) == 1)
		least_applied(nodes, ctl_db_text(q, 0), &held->applied);
	return ctl_fail_db(err, got, "gateway");
}

/* Leaves those that wait no longer, and says how many. */
static size_t sort_out(struct held_list *held)
{
	size_t n = 0;

	for (size_t i = 0; i < held->n; i++)
		if (held->list[i].applied >= held->list[i].oldest)
			held->list[n++] = held->list[i];
	return n;
}

static int release(struct ctl_store *s, const struct held *list, size_t n, struct ctl_error *err)
{
	if (!n)
		return 0;
	if (ctl_begin(s, "system", err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (ctl_address_acknowledged(s, list[i].network, list[i].applied, err)) {
			ctl_rollback(s);
			return -1;
		}
	return ctl_commit(s, err);
}

int ctl_nodes_settle(struct ctl_nodes *nodes, const char *gateway, struct ctl_error *err)
{
	struct ctl_store *s = nodes->store;
	struct held_list held = {0};
	int rc = find_held(s, gateway, &held, err);

	for (size_t i = 0; !rc && i < held.n; i++)
		rc = ask_gateways(nodes, s, &held.list[i], err);
	if (!rc)
		rc = release(s, held.list, sort_out(&held), err);
	free(held.list);
	return rc;
}
