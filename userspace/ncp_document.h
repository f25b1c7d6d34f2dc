/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The view that a node holds, as JSON: what a snapshot brought and deltas have changed since. How a
 * delta is applied follows from the tables of ncp_view.h (docs/ncp.md, "Deltas"), so members that
 * this version does not know are kept and merged, too.
 */
#ifndef TP_NCP_DOCUMENT_H
#define TP_NCP_DOCUMENT_H

#include <jansson.h>
#include <stdint.h>

#include "ncp_view.h"

struct tp_ncp_document {
	uint64_t epoch, revision;
	json_t *view; /* NULL: no snapshot yet */
};

void tp_ncp_document_fini(struct tp_ncp_document *d);

/* Takes a snapshot or a delta. 0; -EALREADY: a delta to a revision that is here already; -ESTALE: a
 * delta to something else than what is here, ask for a snapshot; -EINVAL with *fault (may be NULL)
 * filled; -ENOMEM. Unless it returns 0, nothing has changed. */
int tp_ncp_document_apply(struct tp_ncp_document *d, const json_t *msg, struct tp_ncp_fault *fault);
/* As a struct, whose lists the caller frees by tp_ncp_view_table. 0, -ENOENT (no snapshot yet) or
 * -ENOMEM. */
int tp_ncp_document_view(const struct tp_ncp_document *d, struct tp_ncp_view *out);
/* As a snapshot message, to be kept on disk and applied at the next start. A new reference. */
json_t *tp_ncp_document_snapshot(const struct tp_ncp_document *d);

/* The members of a delta that make the view `from` into `to`: an empty object when they are equal.
 * Cheap where both share objects, or have them in the same order. A new reference, or NULL. */
json_t *tp_ncp_view_diff(const json_t *from, const json_t *to);
/* {"type": "delta", ...} around them; takes over `changes`. A new reference, or NULL. */
json_t *tp_ncp_delta_new(uint64_t epoch, uint64_t base, uint64_t revision, json_t *changes);

#endif
