/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a transaction has changed: each thing once, in the order in which it was first named. */
#ifndef CONTROL_CHANGES_H
#define CONTROL_CHANGES_H

#include <stddef.h>

#include "control/store.h"

struct changed;

/* All zero is empty. */
struct ctl_changes {
	struct ctl_change *list;
	size_t n, room;
	struct changed *by_what;
};

/* `network` may be NULL; that of the first time counts. 0 or -ENOMEM. */
int ctl_changes_add(struct ctl_changes *c, enum ctl_change_kind kind, const char *id,
		    const char *network);
void ctl_changes_clear(struct ctl_changes *c);
void ctl_changes_fini(struct ctl_changes *c);

#endif
