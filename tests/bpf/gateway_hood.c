/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_hood.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERLAY "ov0"
#define COMMAND 256

/* 02:00:00:00:00:01 is the LAN's device, :02 the overlay's; a neighbour's ends as its address. */
static const uint8_t lan_mac[6] = {2, 0, 0, 0, 0, 1}, overlay_mac[6] = {2, 0, 0, 0, 0, 2};

void hood_ip(const char *format, ...)
{
	char command[COMMAND] = "ip ";
	va_list args;

	va_start(args, format);
	vsnprintf(command + 3, sizeof(command) - 3, format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static void neighbour(const char *device, const char *addr)
{
	uint8_t a[16];

	lab_addr(a, addr);
	hood_ip("neigh replace %s lladdr 02:00:00:%02x:%02x:%02x dev %s nud permanent", addr, a[13],
		a[14], a[15], device);
}

void hood_forwarding(bool on)
{
	FILE *f = fopen("/proc/sys/net/ipv4/conf/lo/forwarding", "we");

	assert_non_null(f);
	assert_true(fprintf(f, "%d\n", on) > 0);
	assert_int_equal(fclose(f), 0);
}

void hood_device(const char *name, const char *mac)
{
	hood_ip("link add %s address %s type veth peer name %s-far", name, mac, name);
	hood_ip("link set %s up", name);
	hood_ip("link set %s-far up", name);
}

int hood_open(void)
{
	if (unshare(CLONE_NEWNET))
		return -1;
	hood_ip("link set lo up");
	hood_device(HOOD_LAN, "02:00:00:00:00:01");
	hood_device(OVERLAY, "02:00:00:00:00:02");
	hood_ip("address add %s/24 dev %s", EXTERNAL, HOOD_LAN);
	hood_ip("address add %s/24 dev %s", GATEWAY, OVERLAY);
	neighbour(HOOD_LAN, SERVER);
	neighbour(HOOD_LAN, OTHER);
	neighbour(HOOD_LAN, HOOD_ROUTER);
	neighbour(OVERLAY, ALICE);
	neighbour(OVERLAY, BOB);
	hood_forwarding(true);
	return 0;
}

static void change_devices(struct lab *lab, struct gw_overlay *o, struct gw_uplink *u)
{
	uint32_t zero = 0;

	assert_int_equal(bpf_map_update_elem(lab_map(lab, "gw_overlays"), &zero, o, 0), 0);
	assert_int_equal(bpf_map_update_elem(lab_map(lab, "gw_uplinks"), &zero, u, 0), 0);
}

static void read_devices(struct lab *lab, struct gw_overlay *o, struct gw_uplink *u)
{
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(lab_map(lab, "gw_overlays"), &zero, o), 0);
	assert_int_equal(bpf_map_lookup_elem(lab_map(lab, "gw_uplinks"), &zero, u), 0);
}

void hood_join(struct lab *lab)
{
	struct gw_overlay o;
	struct gw_uplink u;

	read_devices(lab, &o, &u);
	o.ifindex = if_nametoindex(OVERLAY);
	u.ifindex = if_nametoindex(HOOD_LAN);
	o.takes_xdp = u.takes_xdp = true;
	memcpy(o.mac, overlay_mac, sizeof(o.mac));
	memcpy(u.mac, lan_mac, sizeof(u.mac));
	change_devices(lab, &o, &u);
}

void hood_takes_xdp(struct lab *lab, bool takes)
{
	struct gw_overlay o;
	struct gw_uplink u;

	read_devices(lab, &o, &u);
	o.takes_xdp = u.takes_xdp = takes;
	change_devices(lab, &o, &u);
}

void hood_demand_from_to(const struct lab_frame *f, enum lab_side from, const char *addr)
{
	uint8_t a[16], to[6] = {2};

	lab_addr(a, addr);
	memcpy(to + 3, a + 13, 3);
	assert_memory_equal(f->data, to, 6);
	assert_memory_equal(f->data + 6, from == FROM_NODE ? lan_mac : overlay_mac, 6);
	assert_int_equal(lab_get16(f->data + 12), 0x0800);
}

void hood_address(struct lab_frame *f, enum lab_side to)
{
	memcpy(f->data, to == FROM_NODE ? overlay_mac : lan_mac, sizeof(lan_mac));
}

bool hood_same_header(const struct lab_frame *in, const struct lab_frame *f)
{
	return !memcmp(in->data, f->data, 14);
}
