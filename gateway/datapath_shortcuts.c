/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/datapath_shortcuts.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/lib/gateway/shortcut_place.h"

/* What lies there and belongs to the flow; but not what was looked at as one of `but`'s places. */
static void add_by(const struct gw_shortcut *places, uint32_t mask, const uint32_t *but,
		   const struct gw_shortcut_of *of, struct gw_count *count)
{
	uint64_t mix = gw_shortcut_mix(of->addrs, of->ends);

	for (uint32_t i = 0; i < GW_SHORTCUT_PLACES; i++) {
		uint32_t place = gw_shortcut_place(mix, mask, i);
		const struct gw_shortcut *s = &places[place];

		if (!gw_shortcut_belongs(s, of) || (but && gw_shortcut_lies(mix, *but, place)))
			continue;
		count->packets += s->packets;
		count->bytes += s->bytes;
	}
}

static void add(const struct gw_shortcut_table *t, const struct gw_shortcut_of *of,
		struct gw_count *count)
{
	uint64_t extent = __atomic_load_n(&t->extent->word, __ATOMIC_SEQ_CST);
	uint32_t mask = gw_extent_mask(extent), before = gw_extent_before(extent);

	add_by(t->places, mask, NULL, of, count);
	if (before != mask)
		add_by(t->places, before, &mask, of, count);
}

void gw_shortcuts_add(const struct gw_shortcut_table *t, const struct gw_flow_key *key,
		      struct gw_flow *flow)
{
	struct gw_shortcut_of of;

	if (flow->kind != GW_FLOW_NAT)
		return;
	of = gw_shortcut_out(key, flow);
	add(t, &of, &flow->out);
	of = gw_shortcut_in(key, flow);
	add(t, &of, &flow->in);
}

void gw_shortcuts_purge(const struct gw_shortcut_table *t, enum gw_role role, uint32_t id)
{
	for (uint32_t i = 0; i < TP_GW_SHORTCUTS; i++) {
		struct gw_shortcut *s = &t->places[i];

		if (!s->ends || (role == GW_OVERLAY ? s->turn.overlay : s->turn.uplink) != id)
			continue;
		*(volatile uint32_t *)&s->until = 0;
		if (role == GW_OVERLAY)
			s->packets = s->bytes = 0;
	}
}

static void settle(const struct gw_shortcut *s, int flows)
{
	struct gw_flow_key key = {0};
	struct gw_flow flow;
	struct gw_count *count = gw_shortcut_is_out(s) ? &flow.out : &flow.in;

	gw_shortcut_flow(s, &key);
	if (bpf_map_lookup_elem(flows, &key, &flow))
		return;
	count->packets += s->packets;
	count->bytes += s->bytes;
	bpf_map_update_elem(flows, &key, &flow, BPF_EXIST);
}

int gw_shortcuts_settle(int table, int flows)
{
	size_t size = TP_GW_SHORTCUTS * sizeof(struct gw_shortcut);
	struct gw_shortcut *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, table, 0);

	if (all == MAP_FAILED)
		return -errno;
	for (uint32_t i = 0; i < TP_GW_SHORTCUTS; i++)
		if (all[i].packets)
			settle(&all[i], flows);
	memset(all, 0, size);
	munmap(all, size);
	return 0;
}
