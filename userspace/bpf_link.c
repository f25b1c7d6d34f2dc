/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_pin_name.h"
#include "log.h"

#define PIN_PREFIX "link_"

const char *tp_xdp_mode_name(enum tp_xdp_mode mode)
{
	return mode == TP_XDP_NATIVE ? "native" : "generic";
}

const char *tp_xdp_advice(int err, enum tp_xdp_mode mode)
{
	switch (-err) {
	case EBUSY:
	case EEXIST:
		return "another XDP program is attached: detach it, or, with the relay, set "
		       "coexist = true";
	case EOPNOTSUPP:
		return mode == TP_XDP_NATIVE
			       ? "the driver has no native XDP: set attach = \"generic\" or \"off\""
			       : "the device takes no XDP program: set attach = \"off\"";
	case EPERM: return "CAP_NET_ADMIN and CAP_BPF are needed";
	case ENODEV: return "there is no such device";
	default:
		return "the driver refuses XDP as the device is set up now: look at its MTU, at "
		       "LRO "
		       "(ethtool -K DEVICE lro off) and at its number of queues";
	}
}

bool tp_xdp_pinned(int dir, const char *ifname)
{
	char pin[TP_BPF_PIN_NAME];

	tp_bpf_pin_name(PIN_PREFIX, ifname, pin);
	return !faccessat(dir, pin, F_OK, AT_SYMLINK_NOFOLLOW);
}

static int link_info(int fd, struct bpf_link_info *info)
{
	uint32_t size = sizeof(*info);

	memset(info, 0, size);
	return bpf_obj_get_info_by_fd(fd, info, &size);
}

/* Does the device run the link's program in this mode? An ifindex alone proves little: a link in
 * another network namespace may have the same. */
static bool runs_in(const struct bpf_link_info *info, int ifindex, enum tp_xdp_mode mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	if (info->type != BPF_LINK_TYPE_XDP || info->xdp.ifindex != (uint32_t)ifindex)
		return false;
	if (bpf_xdp_query(ifindex, 0, &q) || !info->prog_id)
		return false;
	return info->prog_id == (mode == TP_XDP_NATIVE ? q.drv_prog_id : q.skb_prog_id);
}

bool tp_xdp_link_on(int link_fd, int ifindex)
{
	struct bpf_link_info info;

	if (link_fd < 0 || link_info(link_fd, &info))
		return false;
	return runs_in(&info, ifindex, TP_XDP_NATIVE) || runs_in(&info, ifindex, TP_XDP_GENERIC);
}

bool tp_xdp_any_on(int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	return !bpf_xdp_query(ifindex, 0, &q) && q.attach_mode != XDP_ATTACHED_NONE;
}

/* 0: the link runs the new program. -ESTALE: it is of no use. */
static int take_over(int fd, const char *ifname, int ifindex, int prog_fd, enum tp_xdp_mode mode)
{
	struct bpf_link_info info;
	int err = link_info(fd, &info);

	if (err)
		return err;
	if (!tp_xdp_link_on(fd, ifindex)) {
		tp_info("%s: the pinned link is no longer on the device, attaching anew", ifname);
		return -ESTALE;
	}
	if (!runs_in(&info, ifindex, mode)) {
		tp_warn("%s: was attached in another mode than %s, attaching anew", ifname,
			tp_xdp_mode_name(mode));
		return -ESTALE;
	}
	err = bpf_link_update(fd, prog_fd, NULL);
	if (err)
		tp_err("%s: cannot replace the running program: %s", ifname, strerror(-err));
	return err;
}

static int create(int dir, const char *ifname, int ifindex, int prog_fd, enum tp_xdp_mode mode,
		  int *link_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == TP_XDP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	char pin[TP_BPF_PIN_NAME];
	int err, fd = bpf_link_create(prog_fd, ifindex, BPF_XDP, &opts);

	if (fd < 0) {
		tp_err("%s: cannot attach in %s mode: %s; %s", ifname, tp_xdp_mode_name(mode),
		       strerror(-fd), tp_xdp_advice(fd, mode));
		return fd;
	}
	tp_bpf_pin_name(PIN_PREFIX, ifname, pin);
	err = tp_bpf_pin(dir, pin, fd);
	if (err) {
		tp_err("%s: cannot pin the link: %s", ifname, strerror(-err));
		close(fd);
		return err;
	}
	*link_fd = fd;
	return 0;
}

/* The link pinned for the device under `pin`: 0 with the program replaced and *link_fd. -ENOENT:
 * there is none, or none of use any more. */
static int attach_pinned(int dir, const char *pin, const char *ifname, int ifindex, int prog_fd,
			 enum tp_xdp_mode mode, int *link_fd)
{
	int fd, err = tp_bpf_get(dir, pin, &fd);

	if (err)
		return err;
	err = take_over(fd, ifname, ifindex, prog_fd, mode);
	if (!err) {
		*link_fd = fd;
		return 0;
	}
	if (err == -ESTALE) {
		bpf_link_detach(fd); /* also when another process still holds it */
		err = tp_bpf_unpin(dir, pin) ?: -ENOENT;
	}
	close(fd);
	return err;
}

struct rename {
	const char *pin;
	int ifindex;
};

/* The device had another name when its link was pinned. */
static int rename_one(void *arg, int dir, const char *name)
{
	const struct rename *r = arg;
	char ifname[IFNAMSIZ];
	bool on;
	int fd;

	if (!tp_bpf_pin_ifname(PIN_PREFIX, name, ifname) || tp_bpf_get(dir, name, &fd))
		return 0;
	on = tp_xdp_link_on(fd, r->ifindex);
	close(fd);
	if (!on)
		return 0;
	return renameat(dir, name, dir, r->pin) ? -errno : 1;
}

int tp_xdp_attach(int dir, const char *ifname, int ifindex, int prog_fd, enum tp_xdp_mode mode,
		  int *link_fd)
{
	char pin[TP_BPF_PIN_NAME];
	struct rename r = {pin, ifindex};
	int err;

	*link_fd = -1;
	tp_bpf_pin_name(PIN_PREFIX, ifname, pin);
	err = attach_pinned(dir, pin, ifname, ifindex, prog_fd, mode, link_fd);
	if (err != -ENOENT)
		return err;
	err = tp_bpf_dir_each(dir, rename_one, &r);
	if (err > 0)
		err = attach_pinned(dir, pin, ifname, ifindex, prog_fd, mode, link_fd);
	else if (!err)
		err = -ENOENT;
	return err == -ENOENT ? create(dir, ifname, ifindex, prog_fd, mode, link_fd) : err;
}

struct detach_args {
	bool (*keep)(void *arg, const char *ifname);
	void *arg;
};

static int detach_one(void *arg, int dir, const char *name)
{
	const struct detach_args *a = arg;
	char ifname[IFNAMSIZ];
	int fd;

	if (!tp_bpf_pin_ifname(PIN_PREFIX, name, ifname) || (a->keep && a->keep(a->arg, ifname)))
		return 0;
	if (!tp_bpf_get(dir, name, &fd)) {
		bpf_link_detach(fd);
		close(fd);
		tp_info("%s: detached", ifname);
	}
	return tp_bpf_unpin(dir, name);
}

int tp_xdp_detach(int dir, bool (*keep)(void *arg, const char *ifname), void *arg)
{
	struct detach_args a = {keep, arg};

	return tp_bpf_dir_each(dir, detach_one, &a);
}
