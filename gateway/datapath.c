/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf.h"
#include "datapath_private.h"
#include "gateway/datapath_extent.h"
#include "log.h"

/* --- shared memory -------------------------------------------------------------------------- */

static size_t bytes_of(const struct bpf_map *map)
{
	return (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
}

static int share(const struct bpf_map *map, int prot, void **out)
{
	void *p = mmap(NULL, bytes_of(map), prot, MAP_SHARED, bpf_map__fd(map), 0);

	*out = NULL;
	if (p == MAP_FAILED) {
		tp_err("cannot map BPF map %s: %s", bpf_map__name(map), strerror(errno));
		return -errno;
	}
	*out = p;
	return 0;
}

static int share_memory(struct gw_datapath *dp)
{
	const struct gw_knobs *k = &dp->knobs;
	void *words = NULL, *reverse = NULL, *blocks = NULL, *sweep = NULL, *shortcuts = NULL;
	void *extent = NULL;
	int err = share(dp->skel->maps.nat_words, PROT_READ | PROT_WRITE, &words);

	err = err ?: share(dp->skel->maps.nat_reverse, PROT_READ, &reverse);
	err = err ?: share(dp->skel->maps.nat_blocks, PROT_READ | PROT_WRITE, &blocks);
	err = err ?: share(dp->skel->maps.gw_sweep_list, PROT_READ | PROT_WRITE, &sweep);
	err = err ?: share(dp->skel->maps.gw_shortcuts, PROT_READ | PROT_WRITE, &shortcuts);
	err = err ?: share(dp->skel->maps.gw_extent, PROT_READ | PROT_WRITE, &extent);
	dp->sweep = sweep;
	dp->shortcuts = (struct gw_shortcut_table){shortcuts, extent};
	dp->nat = (struct gw_nat_memory){
		.words = words,
		.reverse = reverse,
		.blocks = blocks,
		.slots = bpf_map__max_entries(dp->skel->maps.nat_blocks) /
			 (k->nat_range / k->nat_block),
		.first = k->nat_base,
		.ports = k->nat_range,
		.block = k->nat_block,
		.quarantine = k->timeout.quarantine,
	};
	return err;
}

static void unshare_one(const struct bpf_map *map, const void *p)
{
	if (p)
		munmap((void *)p, bytes_of(map));
}

static void unshare_memory(struct gw_datapath *dp)
{
	if (!dp->skel)
		return;
	unshare_one(dp->skel->maps.nat_words, dp->nat.words);
	unshare_one(dp->skel->maps.nat_reverse, dp->nat.reverse);
	unshare_one(dp->skel->maps.nat_blocks, dp->nat.blocks);
	unshare_one(dp->skel->maps.gw_sweep_list, dp->sweep);
	unshare_one(dp->skel->maps.gw_shortcuts, dp->shortcuts.places);
	unshare_one(dp->skel->maps.gw_extent, dp->shortcuts.extent);
}

/* --- opening -------------------------------------------------------------------------------- */

static bool same_ports(const struct gw_state *s, const struct gw_knobs *k)
{
	return s->nat_first == k->nat_base && s->nat_ports == k->nat_range &&
	       s->nat_block == k->nat_block;
}

/* Of this instance of the programs only the sweeper runs. */
static int open_common(struct gw_datapath *dp)
{
	struct bpf_program *prog;

	dp->skel = gateway_bpf__open();
	if (!dp->skel) {
		tp_err("cannot open the BPF programs: %s", strerror(errno));
		return -errno;
	}
	bpf_object__for_each_program(prog, dp->skel->obj)
		bpf_program__set_autoload(prog, prog == dp->skel->progs.gw_sweep);
	dp->skel->rodata->knobs = dp->knobs;
	return 0;
}

/* Numbers in use, and one more for an uplink that a reload puts in another's place. */
static uint32_t uplinks_wanted(const struct gw_config *config, const struct gw_state *state)
{
	uint32_t used = gw_state_uplinks(state), n = (uint32_t)config->egress.n_uplinks;

	if (n && n < TP_GW_UPLINKS)
		n++;
	return n > used ? n : used;
}

static int open_all(struct gw_datapath *dp, const struct gw_config *config, struct gw_state *state)
{
	int err = gw_knobs_make(&dp->knobs, config);

	err = err ?: open_common(dp);
	err = err ?: gw_sizes_set(dp->skel, config, &dp->knobs, uplinks_wanted(config, state));
	err = err ?: gw_pins_load(dp, config, same_ports(state, &dp->knobs));
	if (err)
		return err;
	state->nat_first = dp->knobs.nat_base;
	state->nat_ports = dp->knobs.nat_range;
	state->nat_block = dp->knobs.nat_block;
	return share_memory(dp) ?: gw_extent_open(dp);
}

int gw_datapath_open(struct gw_datapath **out, const struct gw_config *config,
		     struct gw_state *state)
{
	struct gw_datapath *dp = calloc(1, sizeof(*dp));
	int err;

	*out = NULL;
	if (!dp)
		return -ENOMEM;
	tp_bpf_log_init();
	dp->attach = config->attach;
	tp_bpf_pins_init(&dp->pins);
	err = open_all(dp, config, state);
	if (err)
		gw_datapath_close(dp);
	else
		*out = dp;
	return err;
}

void gw_datapath_close(struct gw_datapath *dp)
{
	if (!dp)
		return;
	gw_devices_close(dp);
	unshare_memory(dp);
	tp_bpf_pins_fini(&dp->pins);
	gateway_bpf__destroy(dp->skel);
	free(dp);
}

int gw_datapath_detach(struct gw_datapath *dp)
{
	return tp_bpf_pins_detach_open(&dp->pins, NULL, NULL);
}

bool gw_datapath_pinned(const struct gw_config *config)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", config->pin_path, config->instance);
	return !access(path, F_OK);
}

bool gw_datapath_adopted(const struct gw_datapath *dp)
{
	return dp->adopted;
}

/* --- the sweeper ---------------------------------------------------------------------------- */

const struct gw_nat_memory *gw_datapath_nat(const struct gw_datapath *dp)
{
	return &dp->nat;
}

uint32_t gw_datapath_uplink_room(const struct gw_datapath *dp)
{
	return dp->nat.slots / TP_GW_ADDRS;
}

struct gw_sweep *gw_datapath_sweep_list(const struct gw_datapath *dp)
{
	return dp->sweep;
}

int gw_datapath_sweep(struct gw_datapath *dp)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(bpf_program__fd(dp->skel->progs.gw_sweep), &opts);
}
