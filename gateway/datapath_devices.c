/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs on devices: an instance of the object for each, all on the same maps. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf_link.h"
#include "bpf_tc.h"
#include "datapath_private.h"
#include "log.h"

#define ETHERNET_HEADER 14

int gw_device_l2_len(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	struct ifreq req = {0};

	if (fd < 0)
		return -errno;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	err = ioctl(fd, SIOCGIFHWADDR, &req) ? -errno : 0;
	close(fd);
	if (err)
		return err;
	return req.ifr_hwaddr.sa_family == ARPHRD_ETHER ? ETHERNET_HEADER : 0;
}

/* --- loading -------------------------------------------------------------------------------- */

/* The programs that a device of this role runs. */
static bool runs(const struct gw_datapath *dp, const struct gw_device *d,
		 const struct bpf_program *prog)
{
	if (d->role == GW_OVERLAY)
		return prog == d->skel->progs.gw_overlay_in ||
		       prog == d->skel->progs.gw_overlay_out;
	return prog == d->skel->progs.gw_uplink_in ||
	       (prog == d->skel->progs.gw_uplink_xdp && dp->attach != GW_ATTACH_OFF);
}

static int share_maps(const struct gw_datapath *dp, struct gw_device *d)
{
	struct bpf_map *map, *common;

	bpf_object__for_each_map (map, d->skel->obj) {
		int err;

		if (bpf_map__is_internal(map))
			continue;
		common = bpf_object__find_map_by_name(dp->skel->obj, bpf_map__name(map));
		err = bpf_map__reuse_fd(map, bpf_map__fd(common));
		if (err)
			return err;
	}
	return 0;
}

static int load_device(struct gw_datapath *dp, struct gw_device *d, uint32_t id)
{
	struct bpf_program *prog;
	int err;

	d->skel = gateway_bpf__open();
	if (!d->skel)
		return -errno;
	d->skel->rodata->knobs = dp->knobs;
	d->skel->rodata->self = (struct gw_self){
		.role = d->role,
		.id = id,
		.l2_len = (uint32_t)d->l2_len,
		.copied = d->role == GW_UPLINK && dp->attach == GW_ATTACH_GENERIC,
	};
	bpf_object__for_each_program(prog, d->skel->obj)
		bpf_program__set_autoload(prog, runs(dp, d, prog));
	err = share_maps(dp, d) ?: gateway_bpf__load(d->skel);
	if (err)
		tp_err("%s: the kernel refuses the gateway's BPF programs: %s", d->name,
		       strerror(-err));
	return err;
}

static int add_device(struct gw_datapath *dp, const char *name, enum gw_role role, int id)
{
	struct gw_device *d = &dp->devices[dp->n_devices];

	snprintf(d->name, sizeof(d->name), "%s", name);
	d->role = role;
	d->xdp_link = -1;
	d->ifindex = (int)if_nametoindex(name);
	d->l2_len = gw_device_l2_len(name);
	dp->n_devices++;
	if (!d->ifindex || d->l2_len < 0) {
		tp_err("interface %s: there is no such device", name);
		return -ENODEV;
	}
	return load_device(dp, d, (uint32_t)id);
}

static int add_devices(struct gw_datapath *dp, const struct gw_config *config,
		       const struct gw_state *state)
{
	int err = 0;

	for (size_t i = 0; !err && i < config->n_overlays; i++) {
		const char *name = config->overlays[i].name;

		err = add_device(dp, name, GW_OVERLAY, gw_state_overlay(state, name));
	}
	for (size_t i = 0; !err && i < config->egress.n_uplinks; i++) {
		const char *name = config->egress.uplinks[i];

		err = add_device(dp, name, GW_UPLINK, gw_state_uplink(state, name));
	}
	return err;
}

/* --- attaching ------------------------------------------------------------------------------ */

static enum tp_xdp_mode xdp_mode(const struct gw_datapath *dp)
{
	return dp->attach == GW_ATTACH_NATIVE ? TP_XDP_NATIVE : TP_XDP_GENERIC;
}

static int attach_tc(const struct gw_datapath *dp, const struct gw_device *d, enum tp_tc_side side,
		     const struct bpf_program *prog)
{
	return tp_tc_attach(dp->pins.dir, d->name, d->ifindex, side, bpf_program__fd(prog),
			    TP_TC_BEST);
}

static int attach_xdp(const struct gw_datapath *dp, struct gw_device *d)
{
	if (d->xdp_link >= 0)
		close(d->xdp_link);
	return tp_xdp_attach(dp->pins.dir, d->name, d->ifindex,
			     bpf_program__fd(d->skel->progs.gw_uplink_xdp), xdp_mode(dp),
			     &d->xdp_link);
}

static int attach_device(struct gw_datapath *dp, struct gw_device *d)
{
	int err;

	if (d->role == GW_OVERLAY) {
		err = attach_tc(dp, d, TP_TC_EGRESS, d->skel->progs.gw_overlay_out)
			      ?: attach_tc(dp, d, TP_TC_INGRESS, d->skel->progs.gw_overlay_in);
	} else {
		err = attach_tc(dp, d, TP_TC_INGRESS, d->skel->progs.gw_uplink_in);
		if (!err && dp->attach != GW_ATTACH_OFF)
			err = attach_xdp(dp, d);
	}
	if (!err)
		tp_info("%s: attached as %s, %s", d->name,
			d->role == GW_OVERLAY ? "overlay" : "uplink", gw_datapath_tc(dp, d->name));
	return err;
}

static const struct gw_device *device_named(const struct gw_datapath *dp, const char *name)
{
	for (size_t i = 0; i < dp->n_devices; i++)
		if (!strcmp(dp->devices[i].name, name))
			return &dp->devices[i];
	return NULL;
}

static bool keep_tc(void *arg, const char *ifname)
{
	return device_named(arg, ifname);
}

static bool keep_xdp(void *arg, const char *ifname)
{
	const struct gw_datapath *dp = arg;
	const struct gw_device *d = device_named(dp, ifname);

	return d && d->role == GW_UPLINK && dp->attach != GW_ATTACH_OFF;
}

int gw_datapath_attach(struct gw_datapath *dp, const struct gw_config *config,
		       const struct gw_state *state)
{
	int err = add_devices(dp, config, state);

	err = err ?: tp_tc_detach(dp->pins.dir, keep_tc, dp);
	err = err ?: tp_xdp_detach(dp->pins.dir, keep_xdp, dp);
	for (size_t i = 0; !err && i < dp->n_devices; i++)
		err = attach_device(dp, &dp->devices[i]);
	if (!err)
		tp_bpf_pins_cleanup(&dp->pins);
	return err;
}

void gw_devices_close(struct gw_datapath *dp)
{
	for (size_t i = 0; i < dp->n_devices; i++) {
		if (dp->devices[i].xdp_link >= 0)
			close(dp->devices[i].xdp_link);
		gateway_bpf__destroy(dp->devices[i].skel);
	}
}

/* --- while it runs -------------------------------------------------------------------------- */

static bool all_on(const struct gw_datapath *dp, const struct gw_device *d)
{
	if (!d->ifindex || !tp_tc_attached(dp->pins.dir, d->name, d->ifindex, TP_TC_INGRESS))
		return false;
	if (d->role == GW_OVERLAY)
		return tp_tc_attached(dp->pins.dir, d->name, d->ifindex, TP_TC_EGRESS);
	return dp->attach == GW_ATTACH_OFF || tp_xdp_link_on(d->xdp_link, d->ifindex);
}

bool gw_datapath_attached(const struct gw_datapath *dp, const char *device)
{
	const struct gw_device *d = device_named(dp, device);

	return d && all_on(dp, d);
}

/* A device that is away is waited for. */
static int reattach_device(struct gw_datapath *dp, struct gw_device *d)
{
	int l2_len;

	d->ifindex = (int)if_nametoindex(d->name);
	if (!d->ifindex || all_on(dp, d))
		return 0;
	l2_len = gw_device_l2_len(d->name);
	if (l2_len != d->l2_len) {
		tp_err("%s: is now another kind of device; restart to use it", d->name);
		return -EINVAL;
	}
	return attach_device(dp, d);
}

int gw_datapath_reattach(struct gw_datapath *dp)
{
	int first = 0;

	for (size_t i = 0; i < dp->n_devices; i++) {
		int err = reattach_device(dp, &dp->devices[i]);

		first = first ?: err;
	}
	return first;
}

const char *gw_datapath_tc(const struct gw_datapath *dp, const char *device)
{
	return tp_tc_how(dp->pins.dir, device, TP_TC_INGRESS);
}

const char *gw_datapath_xdp(const struct gw_datapath *dp)
{
	return gw_attach_name(dp->attach);
}
