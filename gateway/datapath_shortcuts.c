/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/datapath_shortcuts.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/lib/gateway/shortcut_place.h"

static void add(const struct gw_shortcut *table, const struct gw_shortcut_of *of,
		struct gw_count *count)
{
	uint32_t place = gw_shortcut_place(of->addrs, of->ends);

	for (uint32_t i = 0; i < 2; i++) {
		const struct gw_shortcut *s = &table[place ^ i];

		if (!gw_shortcut_belongs(s, of))
			continue;
		count->packets += s->packets;
		count->bytes += s->bytes;
	}
}

void gw_shortcuts_add(const struct gw_shortcut *table, const struct gw_flow_key *key,
		      struct gw_flow *flow)
{
	struct gw_shortcut_of of;

	if (flow->kind != GW_FLOW_NAT)
		return;
	of = gw_shortcut_out(key, flow);
	add(table, &of, &flow->out);
	of = gw_shortcut_in(key, flow);
	add(table, &of, &flow->in);
}

void gw_shortcuts_purge(struct gw_shortcut *table, enum gw_role role, uint32_t id)
{
	for (uint32_t i = 0; i < TP_GW_SHORTCUTS; i++) {
		struct gw_shortcut *s = &table[i];

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
