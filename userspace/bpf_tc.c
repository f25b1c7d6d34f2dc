/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf_tc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_pin_name.h"
#include "log.h"

/* Linux 6.6; libbpf 1.1 and Debian 12's headers do not know them. */
#define TCX_INGRESS   46
#define TCX_EGRESS    47
#define LINK_TYPE_TCX 11
#define TCX_BEFORE    (1u << 3)
#define TCX_PROGS     64

#define FILTER_HANDLE	0x7475726e
#define FILTER_PRIORITY 1

static const struct {
	const char *prefix, *text;
	uint32_t tcx;
	enum bpf_tc_attach_point point;
} sides[] = {
	[TP_TC_INGRESS] = {"tc_in_", "ingress", TCX_INGRESS, BPF_TC_INGRESS},
	[TP_TC_EGRESS] = {"tc_out_", "egress", TCX_EGRESS, BPF_TC_EGRESS},
};

/* What a pin stands for: a link, or else a program, whose type (SCHED_CLS) no link of tc has. */
static bool is_link(int fd, struct bpf_link_info *info)
{
	uint32_t size = sizeof(*info);

	memset(info, 0, size);
	return !bpf_obj_get_info_by_fd(fd, info, &size) && info->type == LINK_TYPE_TCX;
}

/* --- tcx ------------------------------------------------------------------------------------ */

/* An ifindex alone proves little: a link in another network namespace may have the same. */
static bool link_on(const struct bpf_link_info *info, int ifindex, enum tp_tc_side side)
{
	uint32_t ids[TCX_PROGS];
	LIBBPF_OPTS(bpf_prog_query_opts, q, .prog_ids = ids, .prog_cnt = TCX_PROGS);

	/* tcx.ifindex lies where xdp.ifindex does; 0 once the device is gone */
	if (info->xdp.ifindex != (uint32_t)ifindex ||
	    bpf_prog_query_opts(ifindex, (enum bpf_attach_type)sides[side].tcx, &q))
		return false;
	for (uint32_t i = 0; i < q.prog_cnt; i++)
		if (ids[i] == info->prog_id)
			return true;
	return false;
}

static int create_link(int dir, const char *pin, int ifindex, enum tp_tc_side side, int prog_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = TCX_BEFORE);
	int fd = bpf_link_create(prog_fd, ifindex, (enum bpf_attach_type)sides[side].tcx, &opts);
	int err;

	if (fd < 0)
		return fd;
	err = tp_bpf_pin(dir, pin, fd);
	close(fd);
	return err;
}

/* --- clsact --------------------------------------------------------------------------------- */

#define FILTER(name, fd)                                                                     \
	LIBBPF_OPTS(bpf_tc_opts, name, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY, \
		    .prog_fd = (fd), .flags = (fd) ? BPF_TC_F_REPLACE : 0)

static int add_filter(int dir, const char *pin, int ifindex, enum tp_tc_side side, int prog_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = sides[side].point);
	FILTER(filter, prog_fd);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	err = bpf_tc_attach(&hook, &filter);
	if (err)
		return err;
	err = tp_bpf_unpin(dir, pin);
	return err ?: tp_bpf_pin(dir, pin, prog_fd);
}

static bool filter_on(int ifindex, enum tp_tc_side side)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = sides[side].point);
	FILTER(filter, 0);

	return !bpf_tc_query(&hook, &filter) && filter.prog_id;
}

static void remove_filter(const char *ifname, enum tp_tc_side side)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(ifname),
		    .attach_point = sides[side].point);
	FILTER(filter, 0);
	int err;

	if (!hook.ifindex || !filter_on(hook.ifindex, side))
		return;
	err = bpf_tc_detach(&hook, &filter);
	if (err)
		tp_warn("%s: the tc filter cannot be removed: %s", ifname, strerror(-err));
}

/* --- either --------------------------------------------------------------------------------- */

/* 0: the pinned link runs the new program. -ENOENT: there is none, or it was of no use, or what is
 * there is a filter, which is replaced as it is attached. */
static int take_over(int dir, const char *pin, int ifindex, enum tp_tc_side side, int prog_fd,
		     bool *filter)
{
	struct bpf_link_info info;
	int fd, err = tp_bpf_get(dir, pin, &fd);

	*filter = false;
	if (err)
		return err;
	if (!is_link(fd, &info)) {
		*filter = true;
		err = -ENOENT;
	} else if (link_on(&info, ifindex, side)) {
		err = bpf_link_update(fd, prog_fd, NULL);
	} else {
		bpf_link_detach(fd); /* also when another process still holds it */
		err = tp_bpf_unpin(dir, pin) ?: -ENOENT;
	}
	close(fd);
	return err;
}

int tp_tc_attach(int dir, const char *ifname, int ifindex, enum tp_tc_side side, int prog_fd,
		 enum tp_tc_kind kind)
{
	char pin[TP_BPF_PIN_NAME];
	bool filter;
	int err;

	tp_bpf_pin_name(sides[side].prefix, ifname, pin);
	err = take_over(dir, pin, ifindex, side, prog_fd, &filter);
	if (err == -ENOENT && kind == TP_TC_BEST && !filter)
		err = create_link(dir, pin, ifindex, side, prog_fd);
	if (err == -ENOENT || err == -EINVAL)
		err = add_filter(dir, pin, ifindex, side, prog_fd);
	if (err)
		tp_err("%s: cannot attach to tc %s: %s", ifname, sides[side].text, strerror(-err));
	return err;
}

bool tp_tc_attached(int dir, const char *ifname, int ifindex, enum tp_tc_side side)
{
	struct bpf_link_info info;
	char pin[TP_BPF_PIN_NAME];
	bool on;
	int fd;

	tp_bpf_pin_name(sides[side].prefix, ifname, pin);
	if (tp_bpf_get(dir, pin, &fd))
		return false;
	on = is_link(fd, &info) ? link_on(&info, ifindex, side) : filter_on(ifindex, side);
	close(fd);
	return on;
}

const char *tp_tc_how(int dir, const char *ifname, enum tp_tc_side side)
{
	struct bpf_link_info info;
	char pin[TP_BPF_PIN_NAME];
	const char *how;
	int fd;

	tp_bpf_pin_name(sides[side].prefix, ifname, pin);
	if (tp_bpf_get(dir, pin, &fd))
		return "none";
	how = is_link(fd, &info) ? "tcx" : "clsact";
	close(fd);
	return how;
}

struct detach_args {
	bool (*keep)(void *arg, const char *ifname);
	void *arg;
};

static void detach_pinned(int fd, const char *ifname, enum tp_tc_side side)
{
	struct bpf_link_info info;

	if (is_link(fd, &info))
		bpf_link_detach(fd);
	else
		remove_filter(ifname, side);
	tp_info("%s: detached from tc %s", ifname, sides[side].text);
}

static int detach_one(void *arg, int dir, const char *name)
{
	const struct detach_args *a = arg;
	char ifname[IFNAMSIZ];
	int fd, side;

	for (side = TP_TC_INGRESS; side <= TP_TC_EGRESS; side++)
		if (tp_bpf_pin_ifname(sides[side].prefix, name, ifname))
			break;
	if (side > TP_TC_EGRESS || (a->keep && a->keep(a->arg, ifname)))
		return 0;
	if (!tp_bpf_get(dir, name, &fd)) {
		detach_pinned(fd, ifname, (enum tp_tc_side)side);
		close(fd);
	}
	return tp_bpf_unpin(dir, name);
}

int tp_tc_detach(int dir, bool (*keep)(void *arg, const char *ifname), void *arg)
{
	struct detach_args a = {keep, arg};

	return tp_bpf_dir_each(dir, detach_one, &a);
}
