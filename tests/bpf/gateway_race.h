/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets on one CPU, changes on another. The changer says what is so, and what it is about to
 * change; a packet that began and ended while one thing was so must have gone that way, and one
 * that ran into a change any way that was ever right.
 */
#ifndef TP_TESTS_BPF_GATEWAY_RACE_H
#define TP_TESTS_BPF_GATEWAY_RACE_H

#include <pthread.h>
#include <time.h>

#include "gateway_ends.h"

#define RACE_LANES    2
#define RACE_CHANGING UINT32_MAX /* no truth of a test's */

struct race;

struct race_lane {
	enum lab_side side;
	struct lab_frame in;
	uint64_t sent, forwarded;
};

/* NULL, or what is wrong with the packet's end. */
typedef const char *race_judge(struct race *r, const struct race_lane *lane, uint32_t truth,
			       int verdict, const struct lab_frame *out);

struct race {
	/* the test's */
	struct lab *lab;
	struct race_lane lane[RACE_LANES]; /* sent in turn */
	uint32_t n_lanes;
	race_judge *judge;
	void (*change)(struct race *r); /* all changes, by a thread of its own */
	void *arg;

	/* race_run()'s */
	uint64_t word;	/* number of changes begun and ended | truth << 32 */
	uint64_t turns; /* packets that have ended */
	uint32_t rounds;
	time_t began;
	const char *complaint;
	bool done;
};

/* Are there two CPUs? Else a line that says so. */
bool race_possible(void);
/* Until the changer is done, or a packet has gone wrong, which fails the test. */
void race_run(struct race *r);

/* --- for the changer ------------------------------------------------------------------------- */

/* Another round of so many? Counts them in `rounds`. On a machine that does much else a tenth of
 * them is enough when they have taken some seconds. False, too, when a packet has gone wrong. */
bool race_round(struct race *r, uint32_t rounds);

/* What is so from here on. */
void race_settle(struct race *r, uint32_t truth);
void race_unsettle(struct race *r);
/* Waits until so many packets have ended. False: the race is over. */
bool race_wait(struct race *r, uint64_t packets);
/* Waits until each packet that may be on its way has ended: what the daemon has membarrier for. */
void race_quiesce(struct race *r);
/* How many packets have ended. */
uint64_t race_packets(const struct race *r);
/* Has a packet gone wrong? */
bool race_is_over(const struct race *r);
/* A short while, up to so many rounds of doing nothing, to meet a packet anywhere on its way. */
void race_dither(uint32_t rounds);
void race_complain(struct race *r, const char *complaint);

#endif
