/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct what {
	uint32_t kind;
	char id[CTL_ID_LEN]; /* zero behind its end */
};

struct changed {
	struct what what;
	UT_hash_handle hh;
};

/* Notes it. 1: it is there already; or -ENOMEM. */
static int note(struct ctl_changes *c, const struct what *what)
{
	struct changed *it;

	HASH_FIND(hh, c->by_what, what, sizeof(*what), it);
	if (it)
		return 1;
	it = calloc(1, sizeof(*it));
	if (!it)
		return -ENOMEM;
	it->what = *what;
	HASH_ADD(hh, c->by_what, what, sizeof(it->what), it);
	if (tp_hash_added(it))
		return 0;
	free(it);
	return -ENOMEM;
}

static int make_room(struct ctl_changes *c)
{
	size_t room = 2 * c->room + 16;
	struct ctl_change *grown;

	if (c->n < c->room)
		return 0;
	grown = realloc(c->list, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->list = grown;
	c->room = room;
	return 0;
}

int ctl_changes_add(struct ctl_changes *c, enum ctl_change_kind kind, const char *id,
		    const char *network)
{
	struct ctl_change *change;
	struct what what;
	int rc = make_room(c);

	memset(&what, 0, sizeof(what)); /* it is compared as bytes */
	what.kind = kind;
	snprintf(what.id, sizeof(what.id), "%s", id);
	rc = rc ?: note(c, &what);
	if (rc)
		return rc < 0 ? rc : 0;
	change = &c->list[c->n++];
	change->kind = kind;
	memcpy(change->id, what.id, sizeof(change->id));
	snprintf(change->network, sizeof(change->network), "%s", network ? network : "");
	return 0;
}

void ctl_changes_clear(struct ctl_changes *c)
{
	struct changed *it, *next;

	HASH_ITER (hh, c->by_what, it, next) {
		HASH_DEL(c->by_what, it);
		free(it);
	}
	c->n = 0;
}

void ctl_changes_fini(struct ctl_changes *c)
{
	ctl_changes_clear(c);
	free(c->list);
}
