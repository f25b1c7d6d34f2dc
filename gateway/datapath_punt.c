// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the programs hand to the daemon: a ring of packets, and whose a fragment is. */
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gateway/datapath_private.h"

static int on_record(void *arg, void *data, size_t len)
{
	struct gw_datapath *dp = arg;

	if (len >= sizeof(struct gw_punt))
		dp->punt_fn(dp->punt_arg, data);
	return 0;
}

int gw_datapath_punts_open(struct gw_datapath *dp, gw_punt_fn *fn, void *arg, int *fd)
{
	dp->punt_fn = fn;
	dp->punt_arg = arg;
	dp->punts = ring_buffer__new(bpf_map__fd(dp->skel->maps.gw_punted), on_record, dp, NULL);
	if (!dp->punts)
		return -errno;
	*fd = ring_buffer__epoll_fd(dp->punts);
	return 0;
}

void gw_datapath_punts_read(struct gw_datapath *dp)
{
	ring_buffer__consume(dp->punts);
}

void gw_datapath_punts_close(struct gw_datapath *dp)
{
	ring_buffer__free(dp->punts);
	dp->punts = NULL;
}

int gw_datapath_fragment_get(struct gw_datapath *dp, const struct gw_fragment_key *key,
			     struct gw_fragment *out)
{
	int fd = bpf_map__fd(dp->skel->maps.gw_fragments);

	return bpf_map_lookup_elem(fd, key, out) ? -errno : 0;
}

uint32_t gw_datapath_mark(const struct gw_datapath *dp)
{
	return dp->knobs.mark;
}
