/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_race.h"

#include <sched.h>
#include <stdio.h>

#include "random.h"

#define SPINS	 1000 /* before the CPU is left to others */
#define PATIENCE 5    /* seconds that all rounds may take */

bool race_possible(void)
{
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
	if (CPU_COUNT(&set) > 1)
		return true;
	puts("ok 1 - race # SKIP needs two CPUs");
	return false;
}

/* --- the changer ----------------------------------------------------------------------------- */

static void next_word(struct race *r, uint32_t truth)
{
	uint32_t changes = (uint32_t)r->word + 1;

	__atomic_store_n(&r->word, changes | (uint64_t)truth << 32, __ATOMIC_SEQ_CST);
}

void race_settle(struct race *r, uint32_t truth)
{
	next_word(r, truth);
}

void race_unsettle(struct race *r)
{
	next_word(r, RACE_CHANGING);
}

bool race_round(struct race *r, uint32_t rounds)
{
	bool late = time(NULL) > r->began + PATIENCE;

	if (race_is_over(r) || r->rounds >= (late ? rounds / 10 : rounds))
		return false;
	r->rounds++;
	return true;
}

bool race_is_over(const struct race *r)
{
	return __atomic_load_n(&r->complaint, __ATOMIC_ACQUIRE) != NULL;
}

uint64_t race_packets(const struct race *r)
{
	return __atomic_load_n(&r->turns, __ATOMIC_ACQUIRE);
}

bool race_wait(struct race *r, uint64_t packets)
{
	uint64_t until = race_packets(r) + packets;

	for (uint32_t i = 0; race_packets(r) < until; i++) {
		if (race_is_over(r))
			return false;
		if (i > SPINS)
			sched_yield();
	}
	return true;
}

void race_quiesce(struct race *r)
{
	race_wait(r, 1);
}

void race_dither(uint32_t rounds)
{
	for (volatile uint32_t i = below(rounds); i; i--)
		;
}

void race_complain(struct race *r, const char *complaint)
{
	__atomic_store_n(&r->complaint, complaint, __ATOMIC_RELEASE);
}

static void *changer(void *arg)
{
	struct race *r = arg;

	r->change(r);
	__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* --- the sender ------------------------------------------------------------------------------ */

static void send_one(struct race *r, struct race_lane *lane)
{
	uint64_t before = __atomic_load_n(&r->word, __ATOMIC_SEQ_CST), after;
	struct lab_frame out;
	int verdict = lab_run(r->lab, lane->side, &lane->in, &out);
	const char *complaint;

	after = __atomic_load_n(&r->word, __ATOMIC_SEQ_CST);
	lane->sent++;
	lane->forwarded += end_forwarded(verdict, &out);
	complaint = r->judge(r, lane, before == after ? (uint32_t)(before >> 32) : RACE_CHANGING,
			     verdict, &out);
	if (complaint)
		race_complain(r, complaint);
	__atomic_store_n(&r->turns, r->turns + 1, __ATOMIC_RELEASE);
}

void race_run(struct race *r)
{
	pthread_t thread;

	r->word = (uint64_t)RACE_CHANGING << 32;
	r->began = time(NULL);
	assert_int_equal(pthread_create(&thread, NULL, changer, r), 0);
	for (uint32_t i = 0; !__atomic_load_n(&r->done, __ATOMIC_ACQUIRE) && !race_is_over(r); i++)
		send_one(r, &r->lane[i % r->n_lanes]);
	pthread_join(thread, NULL);
	if (r->complaint)
		fail_msg("%s, after %llu packets and %u changes", r->complaint,
			 (unsigned long long)r->turns, (uint32_t)r->word);
}
