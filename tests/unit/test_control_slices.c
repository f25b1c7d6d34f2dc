/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When many nodes are told at once, as after a start, everybody else is served in between. */
#include "control_agents.h"

#include "control/nodes_private.h"
#include "crypto.h"

#define CROWD 12

static struct agent crowd[CROWD], late;
static struct event *probe; /* once in each turn of the loop */
static bool hold, held;	    /* the round, after its first slice */
static uint64_t had, seen;  /* snapshots */
static uint64_t at_once;    /* the most between two turns */

static void on_probe(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now;
	struct ctl_nodes_stats s;

	(void)fd;
	(void)what;
	(void)arg;
	ctl_nodes_stats(lab.nodes, &s);
	if (s.snapshots - seen > at_once)
		at_once = s.snapshots - seen;
	seen = s.snapshots;
	if (hold && seen > had && ctl_turn_next(lab.nodes)) {
		event_del(lab.nodes->distribute);
		held = true;
		hold = false;
	}
	evtimer_add(probe, &now);
}

static void start_probe(void)
{
	struct ctl_nodes_stats s;

	ctl_nodes_stats(lab.nodes, &s);
	had = seen = s.snapshots;
	at_once = 0;
	hold = true;
	held = false;
	probe = evtimer_new(lab.base, on_probe, NULL);
	on_probe(-1, 0, NULL);
}

static bool all_have(int snapshots, size_t peers)
{
	for (int i = 0; i < CROWD; i++)
		if (crowd[i].snapshots != snapshots || peers_of(&crowd[i]) != peers)
			return false;
	return true;
}

static void gather(const char *secret)
{
	static char names[CROWD][16];

	for (int i = 0; i < CROWD; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d", i);
		agent_init(&crowd[i], names[i], TP_NCP_NODE, secret);
	}
	AWAIT(all_have(1, CROWD - 1));
}

/* All are to get a snapshot, one in a slice. */
static void begin_round(void)
{
	struct node *n;

	AWAIT(!lab.nodes->scheduled);
	lab.nodes->slice = 0;
	TAILQ_FOREACH (n, &lab.nodes->list, entry)
		n->whole = true;
	start_probe();
	DO((ctl_changed(lab.s, CTL_CHANGE_NETWORK, lab.office.id, lab.office.id), 0));
	AWAIT(held);
}

static void end_round(void)
{
	static const struct timeval now;

	event_add(lab.nodes->distribute, &now);
}

static void report_handshake(struct agent *by, const struct agent *with)
{
	struct tp_ncp_handshake one = {.time = 1700000000123};
	struct tp_ncp_message m = {.type = TP_NCP_HANDSHAKES, .handshakes = {&one, 1}};

	strcpy(one.network_id, lab.office.id);
	memcpy(one.public_key, with->public_key, 32);
	tp_ncp_client_send_message(by->client, &m);
}

static bool is_reported(const struct agent *a)
{
	struct ctl_peer p;

	assert_int_equal(ctl_peer_get(lab.s, NULL, lab.office.id, device_of(a), &p, &lab.err), 0);
	return p.last_handshake;
}

static void test_others_in_between(void **state)
{
	char secret[CTL_SECRET_LEN];

	(void)state;
	agents_key(CTL_NODE, NULL, secret);
	gather(secret);
	begin_round();
	assert_int_equal(seen - had, 1);
	report_handshake(&crowd[0], &crowd[1]);
	agent_init(&late, "late", TP_NCP_NODE, secret);
	AWAIT(is_reported(&crowd[1]));
	AWAIT(late.joins == 1);
	assert_int_equal(seen - had, 1); /* meanwhile the round was not over */
	assert_non_null(ctl_turn_next(lab.nodes));
	end_round();
	AWAIT(all_have(2, CROWD) && peers_of(&late) == CROWD);
	assert_int_equal(at_once, 1);
	event_free(probe);
	for (int i = 0; i < CROWD; i++)
		agent_end(&crowd[i]);
	agent_end(&late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_others_in_between, agents_begin, agents_end),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
