/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the maps come from. Below <pin_path>/<instance>:
 *
 *   v<ABI>    the maps in use and the links; v<other> that of another release
 *   next      maps being filled, before they take v<ABI>'s place
 *
 * A directory is renamed into place when it is complete, so v<ABI> always is. The running program
 * keeps forwarding on the old maps, pinned or not, until its link is given the new program.
 * Wherever this is cut short, the next start finds either the old state or the new one, and moves
 * the links to it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_migrate.h"
#include "datapath_private.h"
#include "log.h"
#include "priv.h"

#define STR_(x)	    #x
#define STR(x)	    STR_(x)
#define CURRENT	    "v" STR(TP_RELAY_ABI)
#define NEXT	    "next"
#define VERSION_MAX 1000000

uid_t relay_pins_owner(void)
{
	uid_t uid = geteuid();
	gid_t gid;

	if (!uid)
		tp_priv_lookup(TP_PRIV_USER, &uid, &gid); /* whom it will be; 0 if nobody */
	return uid;
}

uint32_t relay_pins_map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

/* The version that a directory's name stands for, 0 when it stands for none. */
static long version_of(const char *name)
{
	char *end;
	long v;

	if (name[0] != 'v' || name[1] < '1' || name[1] > '9')
		return 0;
	v = strtol(name + 1, &end, 10);
	return *end || v > VERSION_MAX ? 0 : v;
}

static int find_newest(void *arg, int dir, const char *name)
{
	long *newest = arg, v = version_of(name);

	(void)dir;
	if (v > *newest)
		*newest = v;
	return 0;
}

/* Opens the directory to take entries from: v<ABI>, else the newest other. -ENOENT: none. */
static int open_source(struct relay_datapath *dp, long *version, int *dir)
{
	char name[16];
	long newest = 0;
	int err;

	*version = TP_RELAY_ABI;
	err = tp_bpf_subdir_open(dp->instance_dir, CURRENT, relay_pins_owner(), false, dir);
	if (err != -ENOENT)
		return err;
	err = tp_bpf_dir_each(dp->instance_dir, find_newest, &newest);
	if (err || !newest)
		return err ?: -ENOENT;
	*version = newest;
	snprintf(name, sizeof(name), "v%ld", newest);
	return tp_bpf_subdir_open(dp->instance_dir, name, relay_pins_owner(), false, dir);
}

/* --- sizes ---------------------------------------------------------------------------------- */

static uint32_t entries_of(int dir, const char *name)
{
	struct tp_bpf_layout have = {0};
	int fd;

	if (tp_bpf_get(dir, name, &fd))
		return 0;
	if (tp_bpf_layout_of(fd, &have))
		have.max_entries = 0;
	close(fd);
	return have.max_entries;
}

/* Flows in use decide whether their table may shrink. */
static int keep_flows(struct relay_datapath *dp, int dir)
{
	uint32_t wanted = bpf_map__max_entries(dp->skel->maps.flow_slots);
	uint32_t have = entries_of(dir, "flow_slots"), live;

	if (have <= wanted || (!relay_flows_pinned(dir, &live) && relay_flow_slots(live) <= wanted))
		return 0;
	tp_warn("limits.flows: more flows are live than would fit, the table keeps its size");
	return bpf_map__set_max_entries(dp->skel->maps.flow_slots, have)
		       ?: bpf_map__set_max_entries(dp->skel->maps.flow_index,
						   entries_of(dir, "flow_index"));
}

/* A map sized by the number of nodes only ever grows. */
static int keep_larger(struct bpf_map *map, int dir)
{
	uint32_t have = entries_of(dir, bpf_map__name(map));

	return have > bpf_map__max_entries(map) ? bpf_map__set_max_entries(map, have) : 0;
}

static int keep_sizes(struct relay_datapath *dp, int dir)
{
	return keep_flows(dp, dir) ?:
	       keep_larger(dp->skel->maps.own_sessions, dir) ?:
	       keep_larger(dp->skel->maps.node_buckets, dir) ?:
	       keep_larger(dp->skel->maps.relay_nodes, dir);
}

/* --- the maps ------------------------------------------------------------------------------- */

/* Does the directory hold every map, just as the program wants it? */
static bool all_match(const struct relay_datapath *dp, int dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, dp->skel->obj) {
		struct tp_bpf_layout want = tp_bpf_layout_wanted(map);
		int fd, err;

		if (bpf_map__is_internal(map))
			continue;
		err = tp_bpf_map_get(dir, bpf_map__name(map), &want, &fd);
		if (err) {
			tp_info("BPF map %s changed, carrying entries over to new maps",
				bpf_map__name(map));
			return false;
		}
		close(fd);
	}
	return true;
}

static int reuse_maps(struct relay_datapath *dp, int dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, dp->skel->obj) {
		int fd, err;

		if (bpf_map__is_internal(map))
			continue;
		err = tp_bpf_get(dir, bpf_map__name(map), &fd);
		if (err)
			return err;
		err = bpf_map__reuse_fd(map, fd); /* takes a descriptor of its own */
		close(fd);
		if (err)
			return err;
	}
	return 0;
}

/* A device map does not give back what it was given, so its slots are filled by hand. */
static int copy_ports(int from, int to)
{
	for (uint32_t slot = 0; slot < TP_PORTS; slot++) {
		struct bpf_devmap_val old = {0}, new = {0};
		int err;

		if (bpf_map_lookup_elem(from, &slot, &old) || !old.ifindex)
			continue;
		new.ifindex = old.ifindex;
		err = bpf_map_update_elem(to, &slot, &new, BPF_ANY);
		if (err && err != -EINVAL) /* EINVAL: no such device in this namespace */
			return err;
	}
	return 0;
}

/* What relay_flows_carry looks after. */
static bool is_flow_table(const struct bpf_map *map)
{
	return !strncmp(bpf_map__name(map), "flow_", strlen("flow_"));
}

static int copy_map(const struct bpf_map *map, int from)
{
	struct tp_bpf_migrated done = {0};
	int err;

	if (is_flow_table(map))
		return 0;
	if (bpf_map__type(map) == BPF_MAP_TYPE_DEVMAP_HASH)
		return copy_ports(from, bpf_map__fd(map));
	err = tp_bpf_migrate(from, bpf_map__fd(map), &done);
	if (err == -EOPNOTSUPP || err == -E2BIG) {
		tp_warn("BPF map %s: only %u entries could be carried over: %s", bpf_map__name(map),
			done.copied, strerror(-err));
		err = 0;
	}
	if (done.left_out)
		tp_warn("BPF map %s: %u entries do not fit the other layout", bpf_map__name(map),
			done.left_out);
	tp_debug("BPF map %s: %u entries carried over", bpf_map__name(map), done.copied);
	return err;
}

/* The flows' packet counters run on in the old map until the program is replaced; what they count
 * in that moment is not carried over. */
static int copy_maps(struct relay_datapath *dp, int source)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, dp->skel->obj) {
		int fd, err;

		if (bpf_map__is_internal(map) || tp_bpf_get(source, bpf_map__name(map), &fd))
			continue;
		err = copy_map(map, fd);
		close(fd);
		if (err) {
			tp_err("cannot carry BPF map %s over: %s", bpf_map__name(map),
			       strerror(-err));
			return err;
		}
	}
	return relay_flows_carry(dp, source);
}

static int pin_maps(struct relay_datapath *dp, int dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, dp->skel->obj) {
		int err;

		if (bpf_map__is_internal(map))
			continue;
		err = tp_bpf_pin(dir, bpf_map__name(map), bpf_map__fd(map));
		if (err) {
			tp_err("cannot pin BPF map %s: %s", bpf_map__name(map), strerror(-err));
			return err;
		}
	}
	return 0;
}

/* --- directories ---------------------------------------------------------------------------- */

/* Gives "next" the current name. What had that name is "next" afterwards. */
static int swap_in(struct relay_datapath *dp)
{
	int at = dp->instance_dir;

	if (!renameat2(at, NEXT, at, CURRENT, RENAME_EXCHANGE))
		return 0;
	if (errno == ENOENT && !renameat2(at, NEXT, at, CURRENT, RENAME_NOREPLACE))
		return 0;
	tp_err("cannot rename pin directory " NEXT " to " CURRENT ": %s", strerror(errno));
	return -errno;
}

static bool is_leftover(const char *name)
{
	return strcmp(name, CURRENT) && (!strcmp(name, NEXT) || version_of(name));
}

/* Brings the links of another directory into the current one. */
static int take_links(void *arg, int dir, const char *name)
{
	const struct relay_datapath *dp = arg;
	int old, err;

	if (!is_leftover(name))
		return 0;
	err = tp_bpf_subdir_open(dir, name, relay_pins_owner(), false, &old);
	if (err)
		return err;
	err = tp_xdp_move(old, dp->pin_dir);
	close(old);
	return err;
}

static int remove_leftover(void *arg, int dir, const char *name)
{
	int err = is_leftover(name) ? tp_bpf_dir_remove(dir, name) : 0;

	(void)arg;
	if (err)
		tp_warn("pin directory %s cannot be removed: %s", name, strerror(-err));
	return 0;
}

void relay_pins_cleanup(struct relay_datapath *dp)
{
	tp_bpf_dir_each(dp->instance_dir, remove_leftover, NULL);
}

/* After a start that was cut short, "next" is either unfinished, and then no links are in it, or
 * the predecessor of v<ABI>, which may have them. */
static int recover(struct relay_datapath *dp)
{
	int next, err;

	err = tp_bpf_subdir_open(dp->instance_dir, NEXT, relay_pins_owner(), false, &next);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = tp_bpf_subdir_open(dp->instance_dir, CURRENT, relay_pins_owner(), false,
				 &dp->pin_dir);
	if (!err) {
		err = tp_xdp_move(next, dp->pin_dir);
		close(dp->pin_dir);
		dp->pin_dir = -1;
	} else if (err == -ENOENT) {
		err = 0;
	}
	close(next);
	return err ?: tp_bpf_dir_remove(dp->instance_dir, NEXT);
}

/* --- loading -------------------------------------------------------------------------------- */

/* pinned: the directory whose flow table is reused, -1: a new one. */
static int load(struct relay_datapath *dp, int pinned)
{
	int err = relay_flows_prepare(dp, pinned);

	if (err) {
		tp_err("cannot seed the flow table: %s", strerror(-err));
		return err;
	}
	err = relay_bpf__load(dp->skel);

	if (err)
		tp_err("the kernel refuses the relay's XDP program: %s%s", strerror(-err),
		       err == -EPERM ? " (CAP_BPF and CAP_NET_ADMIN are needed)" : "");
	return err ?: relay_flows_open(dp);
}

static int load_on_pinned(struct relay_datapath *dp, int source)
{
	int err = reuse_maps(dp, source);

	if (err) {
		tp_err("cannot take over the pinned BPF maps: %s", strerror(-err));
		return err;
	}
	return load(dp, source);
}

/* source -1: nothing to copy. */
static int load_on_new(struct relay_datapath *dp, int source)
{
	int next, err = load(dp, -1);

	if (err)
		return err;
	err = tp_bpf_subdir_open(dp->instance_dir, NEXT, relay_pins_owner(), true, &next);
	if (err)
		return err;
	if (source >= 0)
		err = copy_maps(dp, source);
	err = err ?: pin_maps(dp, next);
	close(next);
	return err ?: swap_in(dp);
}

static int load_from(struct relay_datapath *dp, int source, long version)
{
	bool same = version == TP_RELAY_ABI;
	int err = keep_sizes(dp, source), fd;

	if (err)
		return err;
	dp->adopted = true;
	if (!tp_bpf_get(source, "flow_slots", &fd)) {
		dp->predecessor = relay_pins_map_id(fd);
		close(fd);
	}
	if (same && all_match(dp, source))
		return load_on_pinned(dp, source);
	if (!same)
		tp_info("carrying BPF maps over from v%ld to " CURRENT, version);
	return load_on_new(dp, source);
}

static int open_instance(struct relay_datapath *dp, const struct relay_config *config)
{
	int err = tp_bpf_dir_open(config->pin_path, relay_pins_owner(), true, &dp->top_dir);

	if (err)
		return err;
	dp->instance = strdup(config->instance);
	if (!dp->instance)
		return -ENOMEM;
	return tp_bpf_subdir_open(dp->top_dir, dp->instance, relay_pins_owner(), true,
				  &dp->instance_dir);
}

int relay_pins_load(struct relay_datapath *dp, const struct relay_config *config)
{
	int source = -1, err;
	long version;

	err = open_instance(dp, config) ?: recover(dp);
	if (err)
		return err;
	err = open_source(dp, &version, &source);
	if (!err)
		err = load_from(dp, source, version);
	else if (err == -ENOENT)
		err = load_on_new(dp, -1);
	if (source >= 0)
		close(source);
	if (err)
		return err;
	err = tp_bpf_subdir_open(dp->instance_dir, CURRENT, relay_pins_owner(), false,
				 &dp->pin_dir);
	return err ?: tp_bpf_dir_each(dp->instance_dir, take_links, dp);
}
