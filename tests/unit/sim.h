/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The relay without a network: packets go in by sim_deliver(), what the relay sends waits in a
 * queue until the test takes it, and time is sim->now. Who sends is in sim_peer.h.
 */
#ifndef TEST_UNIT_SIM_H
#define TEST_UNIT_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "relay/flows.h"
#include "relay/register.h"
#include "relay/relay.h"

struct sim_peer;

#define SIM_QUEUE    256
#define SIM_NETWORKS 4
#define SIM_NODES    1100
#define SIM_PORT     443
#define SIM_RELAY_V4 "192.0.2.99"
#define SIM_RELAY_V6 "2001:db8:99::99"

/* attach = "off" and the defaults of relay.conf, until the test changes them. */
struct sim_config {
	struct relay_config c;
	struct relay_config_network networks[SIM_NETWORKS];
	struct relay_config_node nodes[SIM_NETWORKS][SIM_NODES];
};

struct sim_message {
	enum { SIM_SENT, SIM_ANSWERED, SIM_FORWARDED } how;
	struct tp_addr local;
	struct tp_endpoint to;
	uint8_t tos;
	size_t len;
	union {
		uint32_t type;
		struct wg_initiation initiation;
		struct wg_response response;
		struct wg_cookie_reply cookie;
		struct wg_data data;
		uint8_t bytes[2304];
	};
};

struct sim {
	uint64_t now;
	struct relay *relay;
	struct relay_datapath *dp;
	struct relay_nexthops *nexthops;
	int routed_by;		    /* the device that all routes lead to; 0: there are none */
	unsigned int route_lookups; /* a destination that no flow used was looked up */
	uint32_t next_index;	    /* of peers, so that runs are alike */
	uint32_t stamps;
	uint64_t counted[TP_REASON_MAX]; /* as of the last look */
	struct sim_message queue[SIM_QUEUE];
	unsigned int first, n;
	/* Called while the relay sends, before sim_deliver() returns. */
	void (*on_send)(struct sim *s, const struct sim_message *m);
};

void sim_config_init(struct sim_config *c);
void sim_config_add(struct sim_config *c, const char *network, const struct sim_peer *p);

/* `dp` is taken over, NULL: one with attach = "off". sim_stop leaves pins as they are. */
void sim_start(struct sim *s, const struct sim_config *c, struct relay_datapath *dp);
void sim_stop(struct sim *s);
/* Lets time pass in steps of a second at most, as the daemon would see it. */
void sim_wait(struct sim *s, uint64_t ns);

/* The secret key of whoever bears this name; the relay's is "relay". */
void sim_secret(const char *name, uint8_t secret[WG_KEY_LEN]);
struct tp_endpoint sim_endpoint(const char *text);
struct tp_addr sim_addr(const char *text);
struct node *sim_node(const struct sim *s, const struct sim_peer *p);

/* --- packets --- */
void sim_deliver(struct sim *s, const struct sim_peer *from, const void *data, size_t len);
void sim_deliver_at(struct sim *s, const struct tp_endpoint *from, const struct tp_addr *local,
		    const void *data, size_t len);
/* The oldest message waiting; it must be of this type and go to this peer (or endpoint). */
const struct sim_message *sim_take(struct sim *s, uint32_t type, const struct sim_peer *to);
const struct sim_message *sim_take_at(struct sim *s, uint32_t type, const struct tp_endpoint *to);
void sim_forget(struct sim *s); /* all that waits */
/* Nothing waits. */
void sim_assert_quiet(struct sim *s);
/* Since the last look exactly one packet was counted, for this reason. */
void sim_assert_counted(struct sim *s, enum tp_reason why);
/* That, and nothing was sent. */
void sim_assert_refused(struct sim *s, enum tp_reason why);
/* Nothing was counted. */
void sim_assert_none_counted(struct sim *s);

#endif
