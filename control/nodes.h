/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nodes that are connected by NCP: who they are, what each was told and has acknowledged, what they
 * report. A change reaches those whom it touches, as the difference to what they were told.
 */
#ifndef CONTROL_NODES_H
#define CONTROL_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "control/store.h"
#include "ncp_reports.h"
#include "noise.h"

struct event_base;
struct ctl_nodes;
struct ctl_paths;

struct ctl_nodes_stats {
	unsigned int connected;
	unsigned int waiting;	  /* connections before their hello */
	uint64_t joined, refused; /* hellos */
	uint64_t displaced;	  /* before their hello, for newer ones */
	uint64_t views, networks; /* that were made to be told, and read for that */
	uint64_t snapshots, deltas, bytes;
	uint64_t untold;	  /* times that a node could not be told, and will be tried again */
	uint64_t applied, failed; /* acknowledgements */
};

/* Serves a listening, non-blocking socket, which it owns once 0 is returned; becomes the store's
 * listener. `id` has to outlive it. */
int ctl_nodes_new(struct ctl_nodes **out, struct event_base *base, int listen_fd,
		  struct ctl_store *store, const struct tp_noise_identity *id);
void ctl_nodes_free(struct ctl_nodes *n);

void ctl_nodes_stats(const struct ctl_nodes *n, struct ctl_nodes_stats *out);

/* What is known of a device's connection; false when it has none. */
struct ctl_node_state {
	int64_t since;		     /* unix ms */
	uint64_t told, acknowledged; /* revisions */
	bool pending;		     /* something that touches it was not told yet */
	bool failed;		     /* the latest acknowledgement said so: */
	char reason[256];
	struct tp_ncp_traffic traffic; /* of a relay; time 0: it has not said */
};
bool ctl_nodes_find(const struct ctl_nodes *n, const char *device, struct ctl_node_state *out);

/* Round trips that were reported; NULL for no nodes. */
const struct ctl_paths *ctl_nodes_paths(const struct ctl_nodes *n);

#endif
