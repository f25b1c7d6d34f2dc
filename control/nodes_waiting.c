// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Connections that have not said hello. Strangers can make any number of them, and must not keep
 * nodes out: when there are too many, the oldest goes. But when thousands of nodes come at once,
 * the oldest may be one that has spoken long ago and was not read yet. So whoever's words wait in
 * its socket is spared, and no more are accepted until those that are ready have been read.
 *
 * Who has sent a handshake message that opens waits apart, so that those who say nothing at all,
 * which is cheap, displace only each other. Such a message costs control the time of its
 * Diffie-Hellman operations; at that pace GREETED_MAX of them take longer than a round trip.
 */
#include "control/nodes_private.h"

#include <sys/ioctl.h>

#include "acceptor.h"

#define SILENT_MAX  1024
#define GREETED_MAX 4096

static bool has_unread(const struct node *n)
{
	int bytes = 0;

	return !ioctl(n->fd, FIONREAD, &bytes) && bytes > 0;
}

static void displace(struct node *n)
{
	n->nodes->stats.displaced++;
	tp_ncp_session_free(n->session);
	ctl_node_free(n);
}

static void bound(struct ctl_nodes *nodes, struct ctl_waiting *w, unsigned int max)
{
	struct node *oldest = TAILQ_FIRST(&w->list);

	if (w->n <= max)
		return;
	if (has_unread(oldest))
		tp_acceptor_yield(nodes->acceptor);
	else
		displace(oldest);
}

static void insert(struct node *n, struct ctl_waiting *w)
{
	n->waiting = w;
	TAILQ_INSERT_TAIL(&w->list, n, entry);
	w->n++;
}

void ctl_waiting_init(struct ctl_nodes *nodes)
{
	TAILQ_INIT(&nodes->silent.list);
	TAILQ_INIT(&nodes->greeted.list);
}

void ctl_waiting_add(struct node *n)
{
	insert(n, &n->nodes->silent);
	bound(n->nodes, &n->nodes->silent, SILENT_MAX);
}

void ctl_waiting_greeted(struct node *n)
{
	ctl_waiting_remove(n);
	insert(n, &n->nodes->greeted);
	bound(n->nodes, &n->nodes->greeted, GREETED_MAX);
}

void ctl_waiting_remove(struct node *n)
{
	TAILQ_REMOVE(&n->waiting->list, n, entry);
	n->waiting->n--;
	n->waiting = NULL;
}
