/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who plays in the tests of the core: alice, bob and carol of one network, eve and oscar of
 * another. */
#ifndef TEST_UNIT_SIM_CAST_H
#define TEST_UNIT_SIM_CAST_H

#include "sim_peer.h"

extern struct sim sim;
extern struct sim_config config;
extern struct sim_peer alice, bob, carol, eve, oscar, stranger;
/* Ends of tunnels: with the relay, and what a test wants; all forgotten by the next setup. */
extern struct sim_end alice_own, bob_own, own, ea, eb, ec, ed;

/* The config with all of them; nobody is registered. */
int cast_setup(void **state);
/* All are registered. */
int cast_setup_registered(void **state);
int cast_teardown(void **state);

/* --- the same without the harness around it --- */
void cast_config(void);
void cast_register(void);

/* Data of e comes from p, where it has no flow, until a call to there is no longer than that. */
void cast_knock(const struct sim_peer *p, struct sim_end *e);
/* p answers that call, too, and nobody answers where it was: it has moved. */
void cast_move_by_data(struct sim_peer *p, struct sim_end *e, struct sim_end *with_relay);

/* from initiates to `to`; the relay has it. */
void cast_initiate(struct sim_peer *from, struct sim_end *e, const struct sim_peer *to,
		   struct wg_initiation *msg);
/* What `to` answers to the initiation that waits for it; the relay does not have that yet. */
void cast_respond(struct sim_peer *to, struct sim_end *e, struct wg_response *answer);
/* p is elsewhere from now on and says so inside e, its tunnel with the relay. */
void cast_roam(struct sim_peer *p, struct sim_end *e, const char *endpoint);
/* Data passes both ways. */
void cast_assert_both_pass(struct sim_end *x, struct sim_end *y);
/* What e's node sends comes to nothing, and nobody is asked anything. */
void cast_assert_no_flow(struct sim_end *e);

#define CASE(fn)       cmocka_unit_test_setup_teardown(fn, cast_setup, cast_teardown)
#define REGISTERED(fn) cmocka_unit_test_setup_teardown(fn, cast_setup_registered, cast_teardown)

#endif
