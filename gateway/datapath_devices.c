/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs on devices: an instance of the object for each kind of them, all on the same maps. */
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
#include "datapath_devices.h"
#include "datapath_private.h"
#include "log.h"
#include "netlink_xdp.h"

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

/* --- loading, by kind ----------------------------------------------------------------------- */

static struct gateway_bpf **kind(struct gw_datapath *dp, enum gw_role role, int l2_len)
{
	return &dp->kinds[2 * (role == GW_UPLINK) + (l2_len != 0)];
}

/* The programs that devices of this kind run. */
static bool runs(const struct gw_datapath *dp, const struct gateway_bpf *skel, enum gw_role role,
		 int l2_len, const struct bpf_program *prog)
{
	if (role == GW_OVERLAY)
		return prog == skel->progs.gw_overlay_in || prog == skel->progs.gw_overlay_out ||
		       (prog == skel->progs.gw_overlay_xdp && l2_len &&
			dp->attach == GW_ATTACH_NATIVE);
	return prog == skel->progs.gw_uplink_in ||
	       (prog == skel->progs.gw_uplink_xdp && dp->attach != GW_ATTACH_OFF);
}

static int share_maps(const struct gw_datapath *dp, struct gateway_bpf *skel)
{
	struct bpf_map *map, *common;

	bpf_object__for_each_map (map, skel->obj) {
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

static int load_kind(struct gw_datapath *dp, enum gw_role role, int l2_len)
{
	struct gateway_bpf **skel = kind(dp, role, l2_len);
	struct bpf_program *prog;
	int err;

	if (*skel)
		return 0;
	*skel = gateway_bpf__open();
	if (!*skel)
		return -errno;
	(*skel)->rodata->knobs = dp->knobs;
	(*skel)->rodata->self = (struct gw_self){
		.role = role,
		.l2_len = (uint32_t)l2_len,
		.copied = role == GW_UPLINK && dp->attach == GW_ATTACH_GENERIC,
	};
	bpf_object__for_each_program(prog, (*skel)->obj)
		bpf_program__set_autoload(prog, runs(dp, *skel, role, l2_len, prog));
	err = share_maps(dp, *skel) ?: gateway_bpf__load(*skel);
	if (err)
		tp_err("the kernel refuses the gateway's BPF programs: %s", strerror(-err));
	return err;
}

/* A device that is not there yet is taken for the usual kind. */
static int usual_l2_len(enum gw_role role)
{
	return role == GW_UPLINK ? ETHERNET_HEADER : 0;
}

static int load_for(struct gw_datapath *dp, const char *name, enum gw_role role)
{
	int l2_len = gw_device_l2_len(name);

	return load_kind(dp, role, l2_len < 0 ? usual_l2_len(role) : l2_len);
}

static bool has_wireguard(const struct gw_config *config)
{
	for (size_t i = 0; i < config->n_overlays; i++)
		if (config->overlays[i].backend != GW_BACKEND_NONE)
			return true;
	return config->control.server;
}

/* Kinds, not devices: a reload may bring others of them. */
int gw_datapath_load(struct gw_datapath *dp, const struct gw_config *config)
{
	int err = has_wireguard(config) ? load_kind(dp, GW_OVERLAY, usual_l2_len(GW_OVERLAY)) : 0;

	tp_netlink_xdp_open(&dp->netdev); /* kernels before 6.3 do not tell: all goes by tc */
	if (!err && config->egress.n_uplinks)
		err = load_kind(dp, GW_UPLINK, usual_l2_len(GW_UPLINK));
	for (size_t i = 0; !err && i < config->n_overlays; i++)
		err = load_for(dp, config->overlays[i].name, GW_OVERLAY);
	for (size_t i = 0; !err && i < config->egress.n_uplinks; i++)
		err = load_for(dp, config->egress.uplinks[i], GW_UPLINK);
	return err;
}

/* --- frames from XDP ------------------------------------------------------------------------- */

bool gw_datapath_takes_xdp(const struct gw_datapath *dp, int ifindex)
{
	return dp->attach == GW_ATTACH_NATIVE && dp->netdev &&
	       tp_netlink_xdp_takes(dp->netdev, ifindex) == 1;
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

static int attach_xdp(const struct gw_datapath *dp, struct gw_device *d,
		      const struct bpf_program *prog)
{
	if (d->xdp_link >= 0)
		close(d->xdp_link);
	return tp_xdp_attach(dp->pins.dir, d->name, d->ifindex, bpf_program__fd(prog), xdp_mode(dp),
			     &d->xdp_link);
}

/* On an uplink XDP is what was configured; on an overlay it is a way round for what has a
 * shortcut. */
static bool wants_xdp(const struct gw_datapath *dp, const struct gw_device *d)
{
	if (d->role == GW_UPLINK)
		return dp->attach != GW_ATTACH_OFF;
	return dp->attach == GW_ATTACH_NATIVE && d->l2_len && dp->knobs.shortcuts &&
	       dp->knobs.masquerade && dp->netdev &&
	       tp_netlink_xdp_redirects(dp->netdev, d->ifindex) == 1;
}

static int attach_overlay(struct gw_datapath *dp, struct gw_device *d,
			  const struct gateway_bpf *skel)
{
	int err = attach_tc(dp, d, TP_TC_EGRESS, skel->progs.gw_overlay_out);

	err = err ?: attach_tc(dp, d, TP_TC_INGRESS, skel->progs.gw_overlay_in);
	if (!err && d->xdp && attach_xdp(dp, d, skel->progs.gw_overlay_xdp)) {
		tp_warn("%s: goes without XDP", d->name);
		d->xdp = false;
	}
	return err;
}

static int attach_uplink(struct gw_datapath *dp, struct gw_device *d,
			 const struct gateway_bpf *skel)
{
	int err = attach_tc(dp, d, TP_TC_INGRESS, skel->progs.gw_uplink_in);

	if (!err && d->xdp)
		err = attach_xdp(dp, d, skel->progs.gw_uplink_xdp);
	return err;
}

static int attach_programs(struct gw_datapath *dp, struct gw_device *d,
			   const struct gateway_bpf *skel)
{
	d->xdp = wants_xdp(dp, d);
	return d->role == GW_OVERLAY ? attach_overlay(dp, d, skel) : attach_uplink(dp, d, skel);
}

/* The place where the device's number is, or else may be; -ENOSPC. */
static int place_of(int fd, uint32_t ifindex, uint32_t *place)
{
	struct gw_device_number there;
	int err = -ENOSPC;

	for (uint32_t i = 0; i < TP_GW_DEVICE_PROBES; i++) {
		uint32_t at = (ifindex + i) % TP_GW_DEVICES;

		if (bpf_map_lookup_elem(fd, &at, &there) ||
		    (there.ifindex && there.ifindex != ifindex))
			continue;
		if (err || there.ifindex)
			*place = at;
		err = 0;
		if (there.ifindex)
			break;
	}
	return err;
}

/* The number before the index, by which it is found. */
static int number_device(const struct gw_datapath *dp, const struct gw_device *d)
{
	int fd = bpf_map__fd(dp->skel->maps.gw_devices);
	struct gw_device_number number = {.ifindex = (uint32_t)d->ifindex, .id = d->id};
	struct gw_device_number first = {.id = d->id}, there;
	uint32_t at;
	int err = place_of(fd, number.ifindex, &at);

	if (err) {
		tp_err("%s: the table of devices has no place for its index", d->name);
		return err;
	}
	if (!bpf_map_lookup_elem(fd, &at, &there) && !memcmp(&there, &number, sizeof(there)))
		return 0;
	return bpf_map_update_elem(fd, &at, &first, BPF_ANY)
		       ?: bpf_map_update_elem(fd, &at, &number, BPF_ANY);
}

/* First the programs are told what number the device has. */
static int attach_device(struct gw_datapath *dp, struct gw_device *d)
{
	const struct gateway_bpf *skel = *kind(dp, d->role, d->l2_len);
	int err;

	if (!skel) {
		tp_log_limited(
			LOG_ERR,
			"%s: no programs are loaded for devices of its kind; restart to use it",
			d->name);
		return -ENODEV;
	}
	err = number_device(dp, d) ?: attach_programs(dp, d, skel);
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

	return d && wants_xdp(dp, d);
}

/* --- which there are ------------------------------------------------------------------------ */

static int add_device(struct gw_datapath *dp, const char *name, enum gw_role role, int id)
{
	const struct gw_device *there = device_named(dp, name);
	struct gw_device *d = &dp->devices[dp->n_devices];

	if (there && there->role != role) {
		tp_err("%s: cannot be overlay before and uplink after, or the other way", name);
		return -EEXIST;
	}
	if (there)
		return 0;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->role = role;
	d->id = (uint32_t)id;
	d->xdp_link = -1;
	d->ifindex = (int)if_nametoindex(name);
	d->l2_len = gw_device_l2_len(name);
	if (!d->ifindex || d->l2_len < 0) {
		d->ifindex = 0;
		d->l2_len = usual_l2_len(role);
	}
	if (!d->ifindex && role == GW_OVERLAY) {
		tp_err("interface %s: there is no such device", name);
		return -ENODEV;
	}
	if (!d->ifindex)
		tp_warn("%s: there is no such device; it is waited for", name);
	dp->n_devices++;
	return 0;
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

int gw_datapath_attach(struct gw_datapath *dp, const struct gw_config *config,
		       const struct gw_state *state)
{
	size_t had = dp->n_devices;
	int err = add_devices(dp, config, state);

	if (!err && !had)
		err = gw_datapath_keep(dp, config);
	for (size_t i = had; !err && i < dp->n_devices; i++)
		if (dp->devices[i].ifindex)
			err = attach_device(dp, &dp->devices[i]);
	if (!err && !had)
		tp_bpf_pins_cleanup(&dp->pins);
	return err;
}

static bool is_configured(const struct gw_config *config, const struct gw_device *d)
{
	return d->role == GW_OVERLAY ? gw_config_has_overlay(config, d->name)
				     : gw_config_has_uplink(config, d->name);
}

static void forget_others(struct gw_datapath *dp, const struct gw_config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < dp->n_devices; i++) {
		if (is_configured(config, &dp->devices[i]))
			dp->devices[n++] = dp->devices[i];
		else if (dp->devices[i].xdp_link >= 0)
			close(dp->devices[i].xdp_link);
	}
	dp->n_devices = n;
}

static bool is_ours(const struct gw_datapath *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->n_devices; i++)
		if ((uint32_t)dp->devices[i].ifindex == ifindex)
			return true;
	return false;
}

/* Numbers of devices that are gone, or are not ours any more. */
static void forget_numbers(const struct gw_datapath *dp)
{
	static const struct gw_device_number none;
	int fd = bpf_map__fd(dp->skel->maps.gw_devices);
	struct gw_device_number there;

	for (uint32_t at = 0; at < TP_GW_DEVICES; at++)
		if (!bpf_map_lookup_elem(fd, &at, &there) && there.ifindex &&
		    !is_ours(dp, there.ifindex))
			bpf_map_update_elem(fd, &at, &none, BPF_ANY);
}

int gw_datapath_keep(struct gw_datapath *dp, const struct gw_config *config)
{
	int err;

	forget_others(dp, config);
	err = tp_tc_detach(dp->pins.dir, keep_tc, dp) ?: tp_xdp_detach(dp->pins.dir, keep_xdp, dp);
	if (!err)
		forget_numbers(dp);
	return err;
}

void gw_devices_close(struct gw_datapath *dp)
{
	for (size_t i = 0; i < dp->n_devices; i++)
		if (dp->devices[i].xdp_link >= 0)
			close(dp->devices[i].xdp_link);
	for (size_t i = 0; i < GW_KINDS; i++)
		gateway_bpf__destroy(dp->kinds[i]);
	tp_netlink_xdp_close(dp->netdev);
}

/* --- while it runs -------------------------------------------------------------------------- */

static bool all_on(const struct gw_datapath *dp, const struct gw_device *d)
{
	if (!d->ifindex || !tp_tc_attached(dp->pins.dir, d->name, d->ifindex, TP_TC_INGRESS))
		return false;
	if (d->role == GW_OVERLAY &&
	    !tp_tc_attached(dp->pins.dir, d->name, d->ifindex, TP_TC_EGRESS))
		return false;
	return !d->xdp || tp_xdp_link_on(d->xdp_link, d->ifindex);
}

bool gw_datapath_attached(const struct gw_datapath *dp, const char *device)
{
	const struct gw_device *d = device_named(dp, device);

	return d && all_on(dp, d);
}

/* A device that is away is waited for; what comes may be of another kind. */
static int reattach_device(struct gw_datapath *dp, struct gw_device *d)
{
	int l2_len;

	d->ifindex = (int)if_nametoindex(d->name);
	if (!d->ifindex || all_on(dp, d))
		return 0;
	l2_len = gw_device_l2_len(d->name);
	if (l2_len < 0)
		return l2_len;
	d->l2_len = l2_len;
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
