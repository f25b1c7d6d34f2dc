/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf_tick.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <time.h>

#include "bpf/tick.skel.h"
#include "clock.h"

#define FRAME_LEN 64

static uint64_t resolution(clockid_t id)
{
	struct timespec t;

	return clock_getres(id, &t) ? 0 : (uint64_t)t.tv_sec * TP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static int read_both(struct tick_bpf *skel, uint64_t *ticks, uint64_t *ns)
{
	uint8_t frame[FRAME_LEN] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	int err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.tick_read), &opts);

	*ticks = skel->bss->ticks;
	*ns = skel->bss->ns;
	return err;
}

int tp_bpf_tick(struct tp_bpf_tick *out)
{
	uint64_t tick = resolution(CLOCK_MONOTONIC_COARSE), ticks, ns;
	struct tick_bpf *skel;
	int err;

	*out = (struct tp_bpf_tick){0};
	if (!tick || resolution(CLOCK_MONOTONIC) >= tick)
		return -EOPNOTSUPP;
	skel = tick_bpf__open_and_load();
	if (!skel)
		return -errno;
	err = read_both(skel, &ticks, &ns);
	if (!err)
		*out = (struct tp_bpf_tick){.ns = tick, .origin = ns - ticks * tick};
	tick_bpf__destroy(skel);
	return err;
}
