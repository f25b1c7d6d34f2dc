/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf.h"
#include "datapath_private.h"
#include "log.h"

static enum tp_xdp_mode xdp_mode(const struct relay_datapath *dp)
{
	return dp->attach == RELAY_ATTACH_NATIVE ? TP_XDP_NATIVE : TP_XDP_GENERIC;
}

/* --- devices -------------------------------------------------------------------------------- */

static int find_ports(struct relay_datapath *dp, const struct relay_config *config)
{
	if (config->n_interfaces > TP_PORTS) {
		tp_err("more than %d interfaces", TP_PORTS);
		return -E2BIG;
	}
	for (size_t i = 0; i < config->n_interfaces; i++) {
		struct relay_port *p = &dp->ports[i];

		snprintf(p->name, sizeof(p->name), "%s", config->interfaces[i]);
		p->link_fd = -1;
		p->slot = TP_PORTS;
		p->ifindex = (int)if_nametoindex(p->name);
		if (!p->ifindex) {
			tp_err("interface %s: there is no such device", p->name);
			return -ENODEV;
		}
		dp->n_ports = i + 1;
	}
	return 0;
}

/* Slots that already hold one of our devices stay as they are: next hops in use name them. `used`
 * tells which slots hold any device. */
static void keep_slots(struct relay_datapath *dp, bool *used)
{
	for (uint32_t slot = 0; slot < TP_PORTS; slot++) {
		struct bpf_devmap_val val = {0};

		if (bpf_map_lookup_elem(bpf_map__fd(dp->skel->maps.tx_ports), &slot, &val))
			continue;
		used[slot] = true;
		for (size_t i = 0; i < dp->n_ports; i++) {
			if (dp->ports[i].ifindex != (int)val.ifindex ||
			    dp->ports[i].slot < TP_PORTS)
				continue;
			dp->ports[i].slot = slot;
			break;
		}
	}
}

static bool slot_is_ours(const struct relay_datapath *dp, uint32_t slot)
{
	for (size_t i = 0; i < dp->n_ports; i++)
		if (dp->ports[i].slot == slot)
			return true;
	return false;
}

/* An empty one if there is any, else one whose device is not configured any more. */
static uint32_t free_slot(const struct relay_datapath *dp, const bool *used)
{
	uint32_t slot = 0;

	while (slot < TP_PORTS && used[slot])
		slot++;
	if (slot < TP_PORTS)
		return slot;
	for (slot = 0; slot_is_ours(dp, slot);) /* ends: no more ports than slots */
		slot++;
	return slot;
}

static void choose_slots(struct relay_datapath *dp, bool *used)
{
	for (size_t i = 0; i < dp->n_ports; i++) {
		if (dp->ports[i].slot < TP_PORTS)
			continue;
		dp->ports[i].slot = free_slot(dp, used);
		used[dp->ports[i].slot] = true;
	}
}

static int write_slot(struct relay_datapath *dp, const struct relay_port *p)
{
	struct bpf_devmap_val val = {.ifindex = (uint32_t)p->ifindex};
	int err =
		bpf_map_update_elem(bpf_map__fd(dp->skel->maps.tx_ports), &p->slot, &val, BPF_ANY);

	if (err)
		tp_err("%s: cannot be made a port of the relay: %s", p->name, strerror(-err));
	return err;
}

static int fill_slots(struct relay_datapath *dp)
{
	bool used[TP_PORTS] = {false};

	keep_slots(dp, used);
	choose_slots(dp, used);
	for (size_t i = 0; i < dp->n_ports; i++) {
		int err = write_slot(dp, &dp->ports[i]);

		if (err)
			return err;
	}
	return 0;
}

/* --- links ---------------------------------------------------------------------------------- */

static bool keep_link(void *arg, const char *ifname)
{
	const struct relay_datapath *dp = arg;

	for (size_t i = 0; i < dp->n_ports; i++)
		if (!strcmp(dp->ports[i].name, ifname))
			return true;
	return false;
}

static int attach_port(struct relay_datapath *dp, struct relay_port *p)
{
	if (p->link_fd >= 0)
		close(p->link_fd);
	return tp_xdp_attach(dp->pins.dir, p->name, p->ifindex,
			     bpf_program__fd(dp->skel->progs.relay_xdp), xdp_mode(dp), &p->link_fd);
}

static int attach_links(struct relay_datapath *dp)
{
	int err = 0;

	for (size_t i = 0; !err && i < dp->n_ports; i++) {
		/* coexist was true before? */
		if (dp->predecessor && !tp_xdp_pinned(dp->pins.dir, dp->ports[i].name))
			relay_coexist_detach(dp->ports[i].ifindex, dp->predecessor);
		err = attach_port(dp, &dp->ports[i]);
		if (!err)
			tp_info("%s: attached, %s", dp->ports[i].name, relay_datapath_mode(dp));
	}
	return err;
}

static int attach_beside(struct relay_datapath *dp)
{
	int err = tp_xdp_detach(dp->pins.dir, NULL, NULL);

	for (size_t i = 0; !err && i < dp->n_ports; i++)
		err = relay_coexist_attach(dp, &dp->ports[i]);
	return err;
}

/* --- opening -------------------------------------------------------------------------------- */

static int map_index_filter(struct relay_datapath *dp)
{
	void *p = mmap(NULL, TP_INDEX_WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(dp->skel->maps.index_filter), 0);

	if (p == MAP_FAILED) {
		tp_err("cannot map the index filter: %s", strerror(errno));
		return -errno;
	}
	dp->index_filter = p;
	return 0;
}

static int open_kernel_half(struct relay_datapath *dp, const struct relay_config *config)
{
	int err = find_ports(dp, config);

	if (err)
		return err;
	dp->skel = relay_bpf__open();
	if (!dp->skel) {
		tp_err("cannot open the XDP program: %s", strerror(errno));
		return -errno;
	}
	err = relay_knobs_set(dp->skel, config) ?: relay_pins_load(dp, config);
	err = err ?: fill_slots(dp) ?: map_index_filter(dp);
	err = err ?: (dp->coexist ? attach_beside(dp) : attach_links(dp));
	if (!err)
		tp_bpf_pins_cleanup(&dp->pins);
	return err;
}

/* The program of an earlier run, which goes on forwarding until relay_datapath_settle(). */
static int find_earlier(struct relay_datapath *dp, const struct relay_config *config)
{
	int err = tp_bpf_pins_find(&dp->pins, config->pin_path, config->instance);

	return err == -ENOENT ? 0 : err;
}

int relay_datapath_open(struct relay_datapath **out, const struct relay_config *config)
{
	struct relay_datapath *dp = calloc(1, sizeof(*dp));
	int err;

	*out = NULL;
	if (!dp)
		return -ENOMEM;
	tp_bpf_log_init();
	dp->attach = config->attach;
	dp->coexist = config->coexist;
	tp_bpf_pins_init(&dp->pins);
	err = dp->attach == RELAY_ATTACH_OFF ? find_earlier(dp, config)
					     : open_kernel_half(dp, config);
	if (err)
		relay_datapath_close(dp);
	else
		*out = dp;
	return err;
}

int relay_datapath_settle(struct relay_datapath *dp)
{
	if (dp->attach == RELAY_ATTACH_OFF) {
		int err = relay_datapath_detach(dp);

		tp_bpf_pins_fini(&dp->pins);
		return err;
	}
	for (uint32_t slot = 0; slot < TP_PORTS; slot++)
		if (!slot_is_ours(dp, slot))
			bpf_map_delete_elem(bpf_map__fd(dp->skel->maps.tx_ports), &slot);
	return tp_xdp_detach(dp->pins.dir, keep_link, dp);
}

void relay_datapath_close(struct relay_datapath *dp)
{
	if (!dp)
		return;
	relay_flows_close(dp);
	if (dp->index_filter)
		munmap((void *)dp->index_filter, TP_INDEX_WORDS * sizeof(uint64_t));
	for (size_t i = 0; i < dp->n_ports; i++)
		if (dp->ports[i].link_fd >= 0)
			close(dp->ports[i].link_fd);
	tp_bpf_pins_fini(&dp->pins);
	relay_bpf__destroy(dp->skel);
	free(dp);
}

/* --- while it runs -------------------------------------------------------------------------- */

const char *relay_datapath_mode(const struct relay_datapath *dp)
{
	return relay_attach_name(dp->attach);
}

bool relay_datapath_adopted(const struct relay_datapath *dp)
{
	return dp->adopted;
}

int relay_datapath_port(const struct relay_datapath *dp, int ifindex)
{
	for (size_t i = 0; i < dp->n_ports; i++)
		if (ifindex > 0 && dp->ports[i].ifindex == ifindex)
			return (int)dp->ports[i].slot;
	return -1;
}

/* Whose program it is that runs beside others cannot be told without CAP_SYS_ADMIN. */
static bool still_attached(const struct relay_datapath *dp, const struct relay_port *p)
{
	return dp->coexist ? tp_xdp_any_on(p->ifindex) : tp_xdp_link_on(p->link_fd, p->ifindex);
}

bool relay_datapath_attached(const struct relay_datapath *dp, const char *interface)
{
	for (size_t i = 0; i < dp->n_ports; i++)
		if (!strcmp(dp->ports[i].name, interface))
			return still_attached(dp, &dp->ports[i]);
	return dp->attach == RELAY_ATTACH_OFF;
}

/* A device that is away is waited for. */
static int reattach_port(struct relay_datapath *dp, struct relay_port *p)
{
	int err;

	p->ifindex = (int)if_nametoindex(p->name);
	if (!p->ifindex || still_attached(dp, p))
		return 0;
	err = write_slot(dp, p);
	if (err)
		return err;
	err = dp->coexist ? relay_coexist_attach(dp, p) : attach_port(dp, p);
	if (!err)
		tp_info("%s: attached again, %s", p->name, relay_datapath_mode(dp));
	return err;
}

int relay_datapath_reattach(struct relay_datapath *dp)
{
	int first = 0;

	for (size_t i = 0; i < dp->n_ports; i++) {
		int err = reattach_port(dp, &dp->ports[i]);

		first = first ?: err;
	}
	return first;
}
