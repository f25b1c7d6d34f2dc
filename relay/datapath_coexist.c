/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Beside other XDP programs, through libxdp's dispatcher. What libxdp attaches is no link of ours,
 * so there is nothing to pin or to update: a program is replaced by detaching it and attaching its
 * successor. Ours is recognised by the flow_slots map that it uses.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "datapath_private.h"
#include "log.h"

#define MAPS_MAX 64 /* maps that one program uses */

static int print_libxdp(enum libxdp_print_level level, const char *fmt, va_list args)
{
	char line[512];

	if (level == LIBXDP_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	tp_log(level == LIBXDP_WARN ? LOG_INFO : LOG_DEBUG, "%s", line);
	return 0;
}

static bool uses_map(const struct xdp_program *prog, uint32_t map)
{
	uint32_t ids[MAPS_MAX], size = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {
		.nr_map_ids = MAPS_MAX,
		.map_ids = (uintptr_t)ids,
	};

	if (!map || bpf_obj_get_info_by_fd(xdp_program__fd(prog), &info, &size))
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
		if (ids[i] == map)
			return true;
	return false;
}

/* NULL when nothing, or nothing that libxdp understands, is attached. */
static struct xdp_multiprog *attached_to(int ifindex)
{
	struct xdp_multiprog *mp;

	libxdp_set_print(print_libxdp);
	mp = xdp_multiprog__get_from_ifindex(ifindex);
	return libxdp_get_error(mp) ? NULL : mp;
}

static struct xdp_program *find_ours(const struct xdp_multiprog *mp, uint32_t flows)
{
	struct xdp_program *prog = NULL;

	if (xdp_multiprog__is_legacy(mp)) {
		prog = xdp_multiprog__main_prog(mp);
		return prog && uses_map(prog, flows) ? prog : NULL;
	}
	while ((prog = xdp_multiprog__next_prog(prog, mp)))
		if (uses_map(prog, flows))
			return prog;
	return NULL;
}

int relay_coexist_detach(int ifindex, uint32_t flows)
{
	struct xdp_multiprog *mp = attached_to(ifindex);
	struct xdp_program *prog;
	int err = 0;

	if (!mp)
		return 0;
	prog = find_ours(mp, flows);
	if (prog) {
		err = xdp_program__detach(prog, ifindex, xdp_multiprog__attach_mode(mp), 0);
		if (err)
			tp_err("device %d: cannot detach the program: %s", ifindex, strerror(-err));
	}
	xdp_multiprog__close(mp);
	return err;
}

/* The program once more, not loaded yet, since the dispatcher makes an extension of it; on the maps
 * of the instance that is. */
static struct relay_bpf *open_twin(const struct relay_datapath *dp)
{
	struct relay_bpf *twin = relay_bpf__open();
	struct bpf_map *map, *own;

	if (!twin)
		return NULL;
	memcpy(twin->rodata, dp->skel->rodata, sizeof(*twin->rodata));
	/* libbpf forgets what the section's name said when the program becomes an extension, and
	 * the kernel then refuses it the device map of a program that takes fragments. */
	bpf_program__set_flags(twin->progs.relay_xdp, BPF_F_XDP_HAS_FRAGS);
	bpf_object__for_each_map (map, twin->obj) {
		if (bpf_map__is_internal(map))
			continue;
		own = bpf_object__find_map_by_name(dp->skel->obj, bpf_map__name(map));
		if (!own || bpf_map__reuse_fd(map, bpf_map__fd(own))) {
			relay_bpf__destroy(twin);
			return NULL;
		}
	}
	return twin;
}

static void log_outcome(const struct relay_port *p, const char *mode)
{
	struct xdp_multiprog *mp = attached_to(p->ifindex);

	if (!mp) /* without CAP_SYS_ADMIN one cannot look */
		tp_info("%s: attached, %s", p->name, mode);
	else if (!xdp_multiprog__is_legacy(mp))
		tp_info("%s: attached, %s, beside %d others", p->name, mode,
			xdp_multiprog__program_count(mp) - 1);
	else
		tp_warn("%s: attached, %s, but as the only program: libxdp could not load its "
			"dispatcher here, so no other program can be added",
			p->name, mode);
	xdp_multiprog__close(mp);
}

static int attach_twin(const struct relay_port *p, struct relay_bpf *twin, enum tp_xdp_mode mode)
{
	struct xdp_program *prog;
	int err;

	prog = xdp_program__from_bpf_obj(twin->obj,
					 bpf_program__section_name(twin->progs.relay_xdp));
	err = (int)libxdp_get_error(prog);
	if (err) {
		tp_err("libxdp cannot use the program: %s", strerror(-err));
		return err;
	}
	err = xdp_program__attach(prog, p->ifindex,
				  mode == TP_XDP_NATIVE ? XDP_MODE_NATIVE : XDP_MODE_SKB, 0);
	if (err)
		tp_err("%s: libxdp cannot attach in %s mode: %s; %s", p->name,
		       tp_xdp_mode_name(mode), strerror(-err), tp_xdp_advice(err, mode));
	else
		log_outcome(p, tp_xdp_mode_name(mode));
	xdp_program__close(prog);
	return err;
}

int relay_coexist_attach(const struct relay_datapath *dp, const struct relay_port *p)
{
	enum tp_xdp_mode mode = dp->attach == RELAY_ATTACH_NATIVE ? TP_XDP_NATIVE : TP_XDP_GENERIC;
	struct relay_bpf *twin;
	int err;

	libxdp_set_print(print_libxdp);
	twin = open_twin(dp);
	if (!twin) {
		tp_err("%s: cannot open the XDP program a second time: %s", p->name,
		       strerror(errno));
		return -EINVAL;
	}
	err = relay_coexist_detach(p->ifindex, dp->predecessor);
	err = err ?: attach_twin(p, twin, mode);
	relay_bpf__destroy(twin);
	return err;
}
