// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Whose turn it is to be told. Whoever could not be told, for want of memory or of the database,
 * has another turn by itself: it must not depend on the next change what a node knows of this one.
 */
#include "control/nodes_private.h"

#include "clock.h"
#include "crypto.h"

#define AGAIN_MIN_MS 1000
#define AGAIN_MAX_MS 60000

void ctl_turns_schedule(struct ctl_nodes *nodes)
{
	uint64_t now = tp_now(), wait = nodes->rest_until > now ? nodes->rest_until - now : 0;
	const struct timeval tv = {(time_t)(wait / TP_NS_PER_SEC),
				   (suseconds_t)(wait % TP_NS_PER_SEC / 1000)};

	if (!nodes->scheduled)
		nodes->scheduled = !event_add(nodes->distribute, &tv);
}

void ctl_turn_due(struct node *n)
{
	if (n->due)
		return;
	n->due = n->state.pending = true;
	n->round = n->nodes->round;
	TAILQ_INSERT_TAIL(&n->nodes->due, n, turn);
}

struct node *ctl_turn_next(const struct ctl_nodes *nodes)
{
	struct node *n = TAILQ_FIRST(&nodes->due);

	return n && n->round != nodes->round ? n : NULL;
}

void ctl_turn_take(struct node *n)
{
	if (n->due)
		TAILQ_REMOVE(&n->nodes->due, n, turn);
	n->due = false;
}

void ctl_turn_done(struct node *n)
{
	n->state.pending = false;
	tp_backoff_reset(&n->backoff);
	if (n->again)
		event_del(n->again);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct node *n = arg;

	(void)fd;
	(void)what;
	ctl_turn_due(n);
	ctl_turns_schedule(n->nodes);
}

static int wait_a_while(struct node *n)
{
	struct timeval tv;
	uint32_t random, ms;

	if (!n->again)
		n->again = evtimer_new(n->nodes->base, on_again, n);
	if (!n->again)
		return -1;
	if (!n->backoff.min_ms)
		n->backoff = (struct tp_backoff){AGAIN_MIN_MS, AGAIN_MAX_MS, 0};
	tp_random(&random, sizeof(random));
	ms = tp_backoff_next(&n->backoff, random);
	tv = (struct timeval){ms / 1000, (suseconds_t)(ms % 1000) * 1000};
	return evtimer_add(n->again, &tv);
}

void ctl_turn_failed(struct node *n)
{
	n->nodes->stats.untold++;
	if (wait_a_while(n)) /* then it comes again by itself */
		ctl_node_say_error(n, "internal", "out of memory");
}

void ctl_turn_forget(struct node *n)
{
	ctl_turn_take(n);
	n->state.pending = false;
	if (n->again)
		event_free(n->again);
	n->again = NULL;
}
