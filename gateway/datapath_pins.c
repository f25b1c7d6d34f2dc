/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gateway's maps, taken over from an earlier run or filled from its (userspace/bpf_pins.h). */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "datapath_private.h"
#include "gateway/datapath_shortcuts.h"
#include "log.h"

/* What is worth carrying over. All other maps are filled anew at every start. */
static const struct {
	const char *name;
	bool of_flows; /* names ports, or is about flows that do */
} kept[] = {
	{"gw_overlays", false}, {"gw_uplinks", false}, {"gw_reasons", false},
	{"gw_policy", false},	{"gw_flows", true},    {"nat_words", true},
	{"nat_reverse", true},	{"nat_forward", true}, {"nat_filters", true},
	{"nat_blocks", true},	{"gw_nodes", true},    {"gw_shortcuts", true},
	{"gw_extent", true},
};

struct carry {
	struct gw_datapath *dp;
	int source; /* -1: nothing to copy */
	bool flows;
};

static int copy_map(const struct gw_datapath *dp, int source, const char *name)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(dp->skel->obj, name);
	int fd, err;

	if (!map || tp_bpf_get(source, name, &fd))
		return 0;
	err = tp_bpf_pins_copy(map, fd);
	close(fd);
	if (err)
		tp_err("cannot carry BPF map %s over: %s", name, strerror(-err));
	return err;
}

/* The running programs go on with the old maps until they are replaced; what they write meanwhile
 * is not carried over. */
static int copy_maps(void *arg)
{
	const struct carry *c = arg;
	int err = 0;

	if (c->source < 0)
		return 0;
	for (size_t i = 0; !err && i < sizeof(kept) / sizeof(*kept); i++)
		if (c->flows || !kept[i].of_flows)
			err = copy_map(c->dp, c->source, kept[i].name);
	if (!err && c->flows)
		err = gw_shortcuts_settle(bpf_map__fd(c->dp->skel->maps.gw_shortcuts),
					  bpf_map__fd(c->dp->skel->maps.gw_flows));
	return err;
}

static int load(struct gw_datapath *dp)
{
	int err = gateway_bpf__load(dp->skel);

	if (err)
		tp_err("the kernel refuses the gateway's BPF programs: %s%s", strerror(-err),
		       err == -EPERM ? " (CAP_BPF and CAP_NET_ADMIN are needed)" : "");
	return err;
}

static int load_on_pinned(struct gw_datapath *dp, int source)
{
	int err = tp_bpf_pins_reuse(dp->skel->obj, source);

	if (err) {
		tp_err("cannot take over the pinned BPF maps: %s", strerror(-err));
		return err;
	}
	dp->adopted = true;
	return load(dp);
}

static int load_on_new(struct gw_datapath *dp, int source, bool flows)
{
	struct carry c = {dp, source, flows};

	dp->adopted = source >= 0 && flows;
	return load(dp) ?: tp_bpf_pins_replace(&dp->pins, dp->skel->obj, copy_maps, &c);
}

/* Flows in use decide whether their tables may shrink: one that is full would end some. */
static int keep_sizes(struct gw_datapath *dp, int source)
{
	struct bpf_map *maps[] = {dp->skel->maps.gw_flows, dp->skel->maps.nat_forward,
				  dp->skel->maps.nat_filters, dp->skel->maps.gw_nodes};

	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		uint32_t have = tp_bpf_pinned_entries(source, bpf_map__name(maps[i]));
		int err;

		if (have <= bpf_map__max_entries(maps[i]))
			continue;
		tp_info("BPF map %s keeps its %u entries; turnpike gateway detach would end that",
			bpf_map__name(maps[i]), have);
		err = bpf_map__set_max_entries(maps[i], have);
		if (err)
			return err;
	}
	return 0;
}

static int load_from(struct gw_datapath *dp, int source, unsigned int version, bool flows)
{
	int err = flows ? keep_sizes(dp, source) : 0;

	if (err)
		return err;
	if (!flows)
		tp_warn("the ports of masqueraded flows have changed: all flows end");
	if (flows && version == TP_GW_ABI && tp_bpf_pins_match(dp->skel->obj, source))
		return load_on_pinned(dp, source);
	if (version != TP_GW_ABI)
		tp_info("carrying BPF maps over from v%u to v%u", version, TP_GW_ABI);
	return load_on_new(dp, source, flows);
}

int gw_pins_load(struct gw_datapath *dp, const struct gw_config *config, bool keep_flows)
{
	unsigned int version;
	int source = -1, err;

	err = tp_bpf_pins_open(&dp->pins, config->pin_path, config->instance, TP_GW_ABI);
	if (err)
		return err;
	err = tp_bpf_pins_source(&dp->pins, &version, &source);
	if (!err)
		err = load_from(dp, source, version, keep_flows);
	else if (err == -ENOENT)
		err = load_on_new(dp, -1, false);
	if (source >= 0)
		close(source);
	return err ?: tp_bpf_pins_settle(&dp->pins);
}
