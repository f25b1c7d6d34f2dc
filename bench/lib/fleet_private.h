/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the fleet tell each other. */
#ifndef BENCH_FLEET_PRIVATE_H
#define BENCH_FLEET_PRIVATE_H

#include "bench/lib/fleet.h"

#define FLEET_INDICES (1u << 20)

/* From the node, at its current port, to the relay. */
void fleet_send(struct fleet *f, const struct fleet_node *n, const void *data, size_t len);
/* What came to a node's address. */
void fleet_receive(struct fleet *f, uint32_t node, const uint8_t *data, size_t len);
void fleet_retry(struct fleet *f, uint64_t now);

/* An index that nobody has; its entry is the caller's to fill. */
struct fleet_index *fleet_index_new(struct fleet *f);
/* NULL when it's nobody's. */
struct fleet_index *fleet_index_find(struct fleet *f, uint32_t index);
void fleet_index_free(struct fleet *f, uint32_t index);

struct fleet_pair *fleet_pair_find(struct fleet *f, uint32_t a, uint32_t b);

#endif
