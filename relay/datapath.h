/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel half of the relay as the daemon sees it: the XDP program, its maps, its links, all
 * pinned. With attach = "off" there is no kernel half and every call here is a no-op that succeeds.
 * Everything that touches libbpf and libxdp is behind this header.
 */
#ifndef RELAY_DATAPATH_H
#define RELAY_DATAPATH_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi/relay.h"
#include "relay/config.h"
#include "relay/flow_table.h"

struct relay_datapath;

/* Loads the program with what `config` says, adopts pinned maps (or carries entries over from an
 * older layout), and attaches to the configured interfaces, replacing a running program atomically.
 * One process at a time has an instance: others get -EBUSY.
 * 0 with *out set, or -errno with the reason logged. RLIMIT_MEMLOCK failures are ignored. */
int relay_datapath_open(struct relay_datapath **out, const struct relay_config *config);
/* Once all else of a start has succeeded: lets go of what an earlier run had and this one has not,
 * interfaces or, with attach = "off", everything. Until then it forwards as before. 0 or -errno,
 * logged. */
int relay_datapath_settle(struct relay_datapath *dp);
/* Closes descriptors; pins and links stay, and so does forwarding. */
void relay_datapath_close(struct relay_datapath *dp);
/* Detaches from all interfaces and removes every pin of this instance. */
int relay_datapath_detach(struct relay_datapath *dp);
/* The same without a daemon: -EBUSY when one runs. 0 also when nothing was there. */
int relay_datapath_detach_pins(const char *pin_path, const char *instance);

/* What was achieved, e.g. "native", "generic", "off". */
const char *relay_datapath_mode(const struct relay_datapath *dp);
/* tx_ports slot of a device, or -1. */
int relay_datapath_port(const struct relay_datapath *dp, int ifindex);
/* A link went away and came back (or a NIC was replaced): attach again where it is missing. */
int relay_datapath_reattach(struct relay_datapath *dp);
/* Is the program on this interface now? With attach = "off": true, nothing is missing. */
bool relay_datapath_attached(const struct relay_datapath *dp, const char *interface);
bool relay_datapath_adopted(const struct relay_datapath *dp); /* maps were there already */

/* The flow table, by flow->key (relay/flow_table.h says what happens to counters). now: tp_now().
 * put: 0 or -E2BIG. */
int relay_datapath_flow_put(struct relay_datapath *dp, const struct relay_flow *flow, uint64_t now);
/* What the flow counted so far goes to *count, unless NULL. */
void relay_datapath_flow_del(struct relay_datapath *dp, const struct relay_flow_key *key,
			     struct relay_count *count, uint64_t now);
/* Asks for the next hop of every place that flows are between (relay/flow_places.h). */
void relay_datapath_route_places(struct relay_datapath *dp,
				 uint32_t (*nexthop)(void *arg, const struct relay_place *place),
				 void *arg);
/* Calls fn for each flow in the table; fn returns non-zero to stop, and changes nothing. */
void relay_datapath_flows_each(struct relay_datapath *dp,
			       int (*fn)(void *arg, const struct relay_flow *flow), void *arg);
/* What XDP has counted of the flow by now, zero when off or unknown; and of all flows in the table.
 */
struct relay_count relay_datapath_count(const struct relay_datapath *dp,
					const struct relay_flow_key *key);
struct relay_count relay_datapath_count_all(const struct relay_datapath *dp);
/* Who gets what is counted for flows just after they changed or went. */
void relay_datapath_flows_late(struct relay_datapath *dp, relay_flow_late_fn *fn, void *arg);
void relay_datapath_flows_recycle(struct relay_datapath *dp, uint64_t now);
/* One bit per receiver index in use, modulo 2^TP_INDEX_BITS; mapped memory, NULL when off. */
volatile uint64_t *relay_datapath_index_filter(struct relay_datapath *dp);

/* The relay's own session indices. */
int relay_datapath_session_put(struct relay_datapath *dp, uint32_t index, uint32_t node);
int relay_datapath_session_del(struct relay_datapath *dp, uint32_t index);
int relay_datapath_sessions_each(struct relay_datapath *dp,
				 void (*fn)(void *arg, uint32_t index, uint32_t node), void *arg);

/* Nodes' marks that outlive the daemon. get: 0 or -ENOENT. */
int relay_datapath_node_put(struct relay_datapath *dp, const uint8_t public_key[32],
			    const struct relay_node *value);
int relay_datapath_node_get(struct relay_datapath *dp, const uint8_t public_key[32],
			    struct relay_node *value);
int relay_datapath_node_del(struct relay_datapath *dp, const uint8_t public_key[32]);
int relay_datapath_nodes_each(struct relay_datapath *dp,
			      void (*fn)(void *arg, const uint8_t public_key[32],
					 const struct relay_node *value),
			      void *arg);

void relay_datapath_nexthop_slot(struct relay_datapath *dp, uint32_t slot,
				 const struct relay_nexthop *value);
void relay_datapath_nexthop_id(struct relay_datapath *dp, uint32_t id, uint32_t slot);
/* The pinned id -> slot table, TP_NEXTHOPS entries. */
int relay_datapath_nexthop_ids(struct relay_datapath *dp, uint32_t *slots);

/* Addresses of this host. */
int relay_datapath_local_put(struct relay_datapath *dp, const struct relay_addr *addr);
int relay_datapath_local_del(struct relay_datapath *dp, const struct relay_addr *addr);
/* What the map holds, also from an earlier run; fn may delete. */
int relay_datapath_locals_each(struct relay_datapath *dp,
			       void (*fn)(void *arg, const struct relay_addr *addr), void *arg);

/* Host prefixes where nodes are registered, whose handshakes have a budget of their own. */
int relay_datapath_site_put(struct relay_datapath *dp, const struct relay_addr *prefix);
int relay_datapath_site_del(struct relay_datapath *dp, const struct relay_addr *prefix);
int relay_datapath_sites_each(struct relay_datapath *dp,
			      void (*fn)(void *arg, const struct relay_addr *prefix), void *arg);

/* Sums the per-CPU counters into out[TP_REASON_MAX]; bytes are of the whole frame. */
int relay_datapath_reasons(struct relay_datapath *dp, struct relay_count *out);

#endif
