/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A control plane in memory that nodes connect to over real NCP connections, and nodes that do as
 * they are told. All in one event loop.
 */
#ifndef TESTS_CONTROL_AGENTS_H
#define TESTS_CONTROL_AGENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>
#include <jansson.h>

#include "clock.h"
#include "control/auth_key.h"
#include "control/network.h"
#include "control/nodes.h"
#include "control/peer.h"
#include "control/tenant.h"
#include "ncp_client.h"
#include "ncp_document.h"

struct agents_lab {
	struct event_base *base;
	struct event *tick; /* so that EVLOOP_ONCE returns */
	struct ctl_store *s;
	struct ctl_nodes *nodes;
	struct tp_noise_identity identity;
	struct ctl_error err;
	struct ctl_network office;
	struct ctl_tenant acme;
	uint16_t port;
	char dir[64];
};
extern struct agents_lab lab;

#define PATIENCE TP_SEC(30)
#define AWAIT(condition)                                                  \
	do {                                                              \
		uint64_t end_ = tp_now() + PATIENCE;                      \
		while (!(condition)) {                                    \
			if (tp_now() > end_)                              \
				fail_msg("did not come: %s", #condition); \
			event_base_loop(lab.base, EVLOOP_ONCE);           \
		}                                                         \
	} while (0)

#define DO(call)                                                              \
	do {                                                                  \
		assert_int_equal(ctl_begin(lab.s, "user:test", &lab.err), 0); \
		if (call)                                                     \
			fail_msg("%s", lab.err.text);                         \
		assert_int_equal(ctl_commit(lab.s, &lab.err), 0);             \
	} while (0)

/* A node that does as it is told; `deaf` ones acknowledge nothing, `broken` ones fail. */
struct agent {
	const char *name;
	int kind;
	char key_file[96], auth_key[CTL_SECRET_LEN];
	struct tp_ncp_client *client;
	struct tp_ncp_document doc;
	uint8_t public_key[32];
	int snapshots, deltas, joins, errors, disconnects;
	char error[256];
	bool deaf, broken;
};

/* Of each test. */
int agents_begin(void **state);
int agents_end(void **state);
/* An auth key for the office, or for a relay. */
void agents_key(enum ctl_kind kind, const char *tags, char secret[CTL_SECRET_LEN]);
void agents_key_of(const char *network, enum ctl_kind kind, const char *tags,
		   char secret[CTL_SECRET_LEN]);

void agent_init(struct agent *a, const char *name, int kind, const char *auth_key);
void agent_connect(struct agent *a);
void agent_end(struct agent *a);
void agent_acknowledge(struct agent *a);

/* A gateway, and alice, a node, who know of each other. */
void agents_pair(struct agent *gateway, struct agent *alice);

/* Addresses that wait for a gateway to have forgotten them. */
int64_t agents_held(void);

/* What it has been told. */
const json_t *network_of(const struct agent *a);
size_t peers_of(const struct agent *a);
const char *address_of(const struct agent *a);
const char *device_of(const struct agent *a);
/* The relay that it is. */
void relay_of(const struct agent *a, char id[CTL_ID_LEN]);

#endif
