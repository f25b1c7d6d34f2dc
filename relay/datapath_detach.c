/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Leaving no trace: links, programs attached through libxdp, pins, directories. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "datapath_private.h"
#include "log.h"

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

static int empty_version(void *arg, int instance, const char *name)
{
	int dir, fd, err;

	(void)arg;
	err = tp_bpf_subdir_open(instance, name, relay_pins_owner(), false, &dir);
	if (err)
		return err;
	err = tp_xdp_detach(dir, NULL, NULL);
	if (!err && !tp_bpf_get(dir, "flow_slots", &fd)) {
		err = detach_libxdp(relay_pins_map_id(fd));
		close(fd);
	}
	close(dir);
	return err ?: tp_bpf_dir_remove(instance, name);
}

static int empty_instance(int top, const char *instance)
{
	int dir, err;

	err = tp_bpf_subdir_open(top, instance, relay_pins_owner(), false, &dir);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = tp_bpf_dir_each(dir, empty_version, NULL);
	close(dir);
	if (!err && unlinkat(top, instance, AT_REMOVEDIR))
		err = -errno;
	if (err)
		tp_err("pins of %s: cannot be removed: %s", instance, strerror(-err));
	else
		tp_info("pins of %s: removed", instance);
	return err;
}

int relay_datapath_detach(struct relay_datapath *dp)
{
	return dp->top_dir < 0 ? 0 : empty_instance(dp->top_dir, dp->instance);
}

int relay_datapath_detach_pins(const char *pin_path, const char *instance)
{
	int top, err = tp_bpf_dir_open(pin_path, relay_pins_owner(), false, &top);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = empty_instance(top, instance);
	close(top);
	if (!err)
		rmdir(pin_path); /* stays when other instances live there */
	return err;
}
