// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/audience.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "control/store.h"
#include "hash.h"

LIST_HEAD(seat_list, ctl_seat);

/* A network that somebody was told of. */
struct row {
	char network[CTL_ID_LEN];
	struct seat_list seats;
	UT_hash_handle hh;
};

struct ctl_seat {
	struct row *row;
	struct node *node;
	LIST_ENTRY(ctl_seat) beside; /* in the row */
	struct ctl_seat *next;	     /* of the node's, in the order of its view */
};

struct ctl_audience {
	struct row *rows;
};

struct ctl_audience *ctl_audience_new(void)
{
	return calloc(1, sizeof(struct ctl_audience));
}

void ctl_audience_free(struct ctl_audience *a)
{
	free(a);
}

/* --- rows --- */

static struct row *find(const struct ctl_audience *a, const char *network)
{
	struct row *r;

	HASH_FIND_STR(a->rows, network, r);
	return r;
}

static struct row *row_of(struct ctl_audience *a, const char *network)
{
	struct row *r = find(a, network);

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	snprintf(r->network, sizeof(r->network), "%s", network);
	LIST_INIT(&r->seats);
	HASH_ADD_STR(a->rows, network, r);
	if (tp_hash_added(r))
		return r;
	free(r);
	return NULL;
}

static void forget_empty(struct ctl_audience *a, struct row *r)
{
	if (!LIST_EMPTY(&r->seats))
		return;
	HASH_DELETE(hh, a->rows, r);
	free(r);
}

/* --- seats --- */

static const char *network_at(const json_t *list, size_t i)
{
	return json_string_value(json_object_get(json_array_get(list, i), "network_id"));
}

/* Goes along the seats as far as the list names their networks. */
static bool are_of(const struct ctl_seat **seat, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++, *seat = (*seat)->next)
		if (!*seat || strcmp((*seat)->row->network, network_at(list, i)))
			return false;
	return true;
}

static int sit(struct ctl_audience *a, struct ctl_seat **at, struct node *n, const char *network)
{
	struct ctl_seat *seat = calloc(1, sizeof(*seat));
	struct row *row = seat ? row_of(a, network) : NULL;

	if (!row) {
		free(seat);
		return -ENOMEM;
	}
	seat->row = row;
	seat->node = n;
	LIST_INSERT_HEAD(&row->seats, seat, beside);
	*at = seat;
	return 0;
}

/* **at, where the next one goes, moves on. */
static int sit_in_all(struct ctl_audience *a, struct ctl_seat ***at, struct node *n,
		      const json_t *list)
{
	int err = 0;

	for (size_t i = 0; !err && i < json_array_size(list); i++) {
		err = sit(a, *at, n, network_at(list, i));
		if (!err)
			*at = &(**at)->next;
	}
	return err;
}

int ctl_audience_take(struct ctl_audience *a, struct ctl_seat **seats, struct node *n,
		      const json_t *view)
{
	const json_t *networks = json_object_get(view, "networks"),
		     *serves = json_object_get(view, "serves");
	const struct ctl_seat *had = *seats;
	struct ctl_seat **at = seats;

	if (are_of(&had, networks) && are_of(&had, serves) && !had)
		return 0;
	ctl_audience_leave(a, seats);
	if (!sit_in_all(a, &at, n, networks) && !sit_in_all(a, &at, n, serves))
		return 0;
	ctl_audience_leave(a, seats);
	return -ENOMEM;
}

void ctl_audience_leave(struct ctl_audience *a, struct ctl_seat **seats)
{
	while (*seats) {
		struct ctl_seat *seat = *seats;

		*seats = seat->next;
		LIST_REMOVE(seat, beside);
		forget_empty(a, seat->row);
		free(seat);
	}
}

void ctl_audience_each(const struct ctl_audience *a, const char *network,
		       void (*fn)(struct node *n))
{
	const struct row *r = find(a, network);
	struct ctl_seat *seat;

	if (r)
		LIST_FOREACH (seat, &r->seats, beside)
			fn(seat->node);
}
