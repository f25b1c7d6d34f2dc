/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Leaving no trace: links, programs attached through libxdp, pins, directories. */
#include <errno.h>
#include <net/if.h>
#include <unistd.h>

#include "bpf.h"
#include "datapath_private.h"

static int detach_libxdp(uint32_t flows)
{
	struct if_nameindex *devices = if_nameindex();
	int first = 0;

	if (!devices)
		return -errno;
	for (const struct if_nameindex *d = devices; d->if_index; d++) {
		int err = relay_coexist_detach((int)d->if_index, flows);

		first = first ?: err;
	}
	if_freenameindex(devices);
	return first;
}

static int detach_beside(void *arg, int dir)
{
	int fd, err;

	(void)arg;
	if (tp_bpf_get(dir, "flow_slots", &fd))
		return 0;
	err = detach_libxdp(tp_bpf_map_id(fd));
	close(fd);
	return err;
}

int relay_datapath_detach(struct relay_datapath *dp)
{
	return tp_bpf_pins_detach_open(&dp->pins, detach_beside, NULL);
}

int relay_datapath_detach_pins(const char *pin_path, const char *instance)
{
	return tp_bpf_pins_detach(pin_path, instance, detach_beside, NULL);
}
