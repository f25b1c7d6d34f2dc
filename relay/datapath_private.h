/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the data path share among themselves; nobody else includes this. */
#ifndef RELAY_DATAPATH_PRIVATE_H
#define RELAY_DATAPATH_PRIVATE_H

#include <net/if.h>

#include "bpf_link.h"
#include "bpf_pins.h"
#include "relay/datapath.h"
#include "relay/datapath_memory.h"
#include "bpf/relay.skel.h" /* needs the ABI structs declared */

struct relay_port {
	char name[IFNAMSIZ];
	int ifindex;   /* 0: the device is away */
	uint32_t slot; /* in tx_ports; kept over restarts, next hops in use name it */
	int link_fd;   /* -1 with coexist */
};

struct relay_datapath {
	enum relay_attach attach;
	bool coexist;
	bool adopted;
	struct relay_bpf *skel; /* NULL when off */
	uint32_t predecessor;	/* id of the flow_slots map that was in use before, 0: none */
	struct tp_bpf_pins pins;
	struct relay_port ports[TP_PORTS];
	size_t n_ports;
	struct relay_flow_table flows;
	volatile uint64_t *index_filter;
};

/* --- datapath_pins.c: maps, pinned and carried over ----------------------------------------- */

/* Opens the pin directories, loads the program on the pinned maps of an earlier run, or on new maps
 * into which an earlier layout was copied, and pins those. 0 or -errno, logged. */
int relay_pins_load(struct relay_datapath *dp, const struct relay_config *config);

/* --- datapath_flows.c: the flow table ------------------------------------------------------- */

/* Before the program is loaded: tells it the table's size and seed, which is that of the pinned
 * maps when it goes on with those, else (pinned -1) a new one. 0 or -errno. */
int relay_flows_prepare(struct relay_datapath *dp, int pinned);
/* After that: maps the table's memory. 0 or -errno, logged. */
int relay_flows_open(struct relay_datapath *dp);
void relay_flows_close(struct relay_datapath *dp);

/* --- datapath_carry.c: from an earlier table ------------------------------------------------- */

/* Flows in the pinned maps of this directory. 0 or -errno. */
int relay_flows_pinned(int dir, uint32_t *n);
/* Puts the flows of the pinned maps of this directory, of any layout, into the open table. 0, also
 * when there are none or some were left out (logged), or -errno. */
int relay_flows_carry(struct relay_datapath *dp, int dir);

/* --- datapath_knobs.c ----------------------------------------------------------------------- */

/* Sets the program's constants and the sizes of maps from the configuration; before load. */
int relay_knobs_set(struct relay_bpf *skel, const struct relay_config *config);

/* --- datapath_coexist.c: through libxdp's dispatcher ---------------------------------------- */

/* Attaches a second instance of the program, on the same maps, beside what else is on the device.
 * It replaces the predecessor's program, with a moment of neither. 0 or -errno, logged. */
int relay_coexist_attach(const struct relay_datapath *dp, const struct relay_port *port);
/* Detaches what was attached so; flows: id of the flow_slots map that tells whose program it is.
 * 0 also when there was nothing. */
int relay_coexist_detach(int ifindex, uint32_t flows);

#endif
