/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows of an earlier table, put into the open one. Slots and places of other layouts are read by
 * their members' names (userspace/bpf_migrate.h); slots of ABI 2, which had no places, as they
 * were.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_migrate.h"
#include "clock.h"
#include "datapath_private.h"
#include "log.h"

#define MAP_FD(dp, name) bpf_map__fd((dp)->skel->maps.name)

/* --- how many ------------------------------------------------------------------------------- */

/* Calls fn for the slot number of each entry. */
static void each_entry(const struct relay_array *index, void (*fn)(void *arg, uint32_t slot),
		       void *arg)
{
	const uint64_t *entries = index->memory;

	for (size_t i = 0; i < index->size / sizeof(*entries); i++)
		if (entries[i])
			fn(arg, (uint32_t)entries[i]);
}

static void count_one(void *arg, uint32_t slot)
{
	(void)slot;
	++*(uint32_t *)arg;
}

int relay_flows_pinned(int dir, uint32_t *n)
{
	struct relay_array index;
	int fd, err = relay_array_pinned(dir, "flow_index", &index, &fd);

	*n = 0;
	if (!err)
		each_entry(&index, count_one, n);
	relay_array_unmap(&index);
	if (fd >= 0)
		close(fd);
	return err;
}

/* --- reading -------------------------------------------------------------------------------- */

/* A slot of ABI 2: the flow in one piece. */
struct slot_2 {
	struct relay_flow_key key;
	uint64_t expires_at;
	uint8_t local[16];
	uint32_t nexthop, src_node;
	uint16_t mtu, sums[2], pad;
	uint8_t src[16], dst[16];
	__be16 src_port, dst_port;
	uint32_t dst_node, session, pad2;
	struct relay_count count;
};
_Static_assert(sizeof(struct slot_2) == 128, "as it was");

/* An earlier table's regions, and how to read their entries. */
struct carriage {
	struct relay_flow_table *to;
	struct relay_array slots, sessions, places;
	struct tp_bpf_remap *slot, *place; /* NULL: ABI 2 */
	uint32_t carried, left;
};

static const void *entry_of(const struct relay_array *a, uint32_t number)
{
	return number < a->n ? (const uint8_t *)a->memory + number * a->step : NULL;
}

static int read_place(const struct carriage *c, uint32_t number, struct relay_place *place)
{
	const void *old = entry_of(&c->places, number);

	*place = (struct relay_place){0};
	return old ? tp_bpf_remap_apply(c->place, old, place) : -EINVAL;
}

static int read_flow(const struct carriage *c, uint32_t number, struct relay_flow *flow)
{
	const void *old = entry_of(&c->slots, number);
	const uint64_t *session = entry_of(&c->sessions, number);
	struct relay_place src, dst;
	struct relay_slot slot = {0};
	int err = old && session ? tp_bpf_remap_apply(c->slot, old, &slot) : -EINVAL;

	err = err ?: read_place(c, slot.src, &src);
	err = err ?: read_place(c, slot.dst, &dst);
	if (!err)
		*flow = relay_flow_of(&slot, &src, &dst, (uint32_t)*session);
	return err;
}

static int read_flow_2(const struct carriage *c, uint32_t number, struct relay_flow *flow)
{
	const struct slot_2 *old = entry_of(&c->slots, number);

	if (!old)
		return -EINVAL;
	*flow = (struct relay_flow){
		.key = old->key,
		.expires_at = old->expires_at,
		.dst_port = old->dst_port,
		.mtu = old->mtu,
		.nexthop = old->nexthop,
		.src_node = old->src_node,
		.dst_node = old->dst_node,
		.session = old->session,
		.count = old->count,
	};
	memcpy(flow->local, old->local, sizeof(flow->local));
	memcpy(flow->src, old->src, sizeof(flow->src));
	memcpy(flow->dst, old->dst, sizeof(flow->dst));
	return 0;
}

/* --- carrying ------------------------------------------------------------------------------- */

static void carry_one(void *arg, uint32_t number)
{
	struct carriage *c = arg;
	struct relay_flow flow;
	int err = c->place ? read_flow(c, number, &flow) : read_flow_2(c, number, &flow);

	if (err || relay_flow_table_put(c->to, &flow, tp_now()))
		c->left++;
	else
		c->carried++;
}

/* Region `name`; how to make values of map `to` of its values goes to *how, unless that is NULL. */
static int region_open(int dir, const char *name, struct relay_array *a, int to,
		       struct tp_bpf_remap **how)
{
	int fd, err = relay_array_pinned(dir, name, a, &fd);

	if (!err && how)
		err = tp_bpf_remap_values(fd, to, how);
	if (fd >= 0)
		close(fd);
	return err;
}

static int carriage_open_2(struct carriage *c, int dir)
{
	int err = region_open(dir, "flow_slots", &c->slots, -1, NULL);

	return err ?: c->slots.step == sizeof(struct slot_2) ? 0 : -EOPNOTSUPP;
}

static int carriage_open(struct carriage *c, struct relay_datapath *dp, int dir)
{
	int err = region_open(dir, "flow_places", &c->places, MAP_FD(dp, flow_places), &c->place);

	if (err == -ENOENT)
		return carriage_open_2(c, dir);
	return err
		       ?: region_open(dir, "flow_slots", &c->slots, MAP_FD(dp, flow_slots),
				      &c->slot)
		       ?: region_open(dir, "flow_sessions", &c->sessions, -1, NULL);
}

static void carriage_close(struct carriage *c)
{
	tp_bpf_remap_free(c->slot);
	tp_bpf_remap_free(c->place);
	relay_array_unmap(&c->slots);
	relay_array_unmap(&c->sessions);
	relay_array_unmap(&c->places);
}

/* Not to start at all would be worse than that every pair makes a new handshake. */
static int without_flows(int err)
{
	if (err == -ENOENT || err == -EOPNOTSUPP) {
		tp_warn("flows cannot be carried over, a map is missing or unknown: %s",
			strerror(-err));
		return 0;
	}
	tp_err("cannot carry flows over: %s", strerror(-err));
	return err;
}

int relay_flows_carry(struct relay_datapath *dp, int dir)
{
	struct carriage c = {.to = &dp->flows};
	struct relay_array index;
	int err = region_open(dir, "flow_index", &index, -1, NULL);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = carriage_open(&c, dp, dir);
	if (!err)
		each_entry(&index, carry_one, &c);
	else
		err = without_flows(err);
	if (c.left)
		tp_warn("%u flows could not be carried over", c.left);
	tp_debug("%u flows carried over", c.carried);
	carriage_close(&c);
	relay_array_unmap(&index);
	return err;
}
