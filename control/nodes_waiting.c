// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Connections that have not said hello. Strangers can make any number of them, and must not keep
 * nodes out; but a node on a busy machine may be connected for seconds before it gets the CPU to
 * say something, and looks just like one of them. So nobody goes before the handshake's time is
 * over as long as there is room. That is made of what strangers could exhaust: shares of the
 * descriptors that connected nodes have left, so that some are always free, and memory. When it is
 * full the oldest goes, whoever it is: not that of the address with the most connections, since one
 * address may be many nodes behind a NAT, and who has IPv6 has any number of them.
 *
 * When thousands of nodes come at once, the oldest may be one that has spoken long ago and was not
 * read yet. So whoever's words wait in its socket is spared, and no more are accepted until those
 * that are ready have been read.
 *
 * Who has sent a handshake message that opens waits apart, so that those who say nothing at all,
 * which is cheap, displace only each other. Such a message costs control the time of its
 * Diffie-Hellman operations; at that pace ROOM_MAX of them take seconds, longer than a round trip.
 */
#include "control/nodes_private.h"

#include <sys/ioctl.h>
#include <sys/resource.h>

#include "acceptor.h"

#define SILENT_SHARE  4 /* one in four */
#define GREETED_SHARE 2
#define ROOM_MAX      16384 /* for either */

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

/* At least for the one who has just come. */
static uint64_t room(const struct ctl_nodes *nodes, const struct ctl_waiting *w)
{
	unsigned int taken = nodes->stats.connected;
	uint64_t share = nodes->files > taken ? (nodes->files - taken) / w->share : 0;

	return share < 1 ? 1 : share < ROOM_MAX ? share : ROOM_MAX;
}

static void make_room(struct ctl_nodes *nodes, struct ctl_waiting *w)
{
	uint64_t max = room(nodes, w);
	struct node *oldest;

	while (w->n > max) {
		oldest = TAILQ_FIRST(&w->list);
		if (has_unread(oldest)) {
			tp_acceptor_yield(nodes->acceptor);
			return;
		}
		displace(oldest);
	}
}

static void insert(struct node *n, struct ctl_waiting *w)
{
	n->waiting = w;
	TAILQ_INSERT_TAIL(&w->list, n, entry);
	w->n++;
	make_room(n->nodes, w);
}

static void init(struct ctl_waiting *w, unsigned int share)
{
	TAILQ_INIT(&w->list);
	w->share = share;
}

void ctl_waiting_init(struct ctl_nodes *nodes)
{
	struct rlimit files;

	nodes->files = getrlimit(RLIMIT_NOFILE, &files) ? 0 : files.rlim_cur;
	init(&nodes->silent, SILENT_SHARE);
	init(&nodes->greeted, GREETED_SHARE);
}

void ctl_waiting_add(struct node *n)
{
	insert(n, &n->nodes->silent);
}

void ctl_waiting_greeted(struct node *n)
{
	ctl_waiting_remove(n);
	insert(n, &n->nodes->greeted);
}

void ctl_waiting_remove(struct node *n)
{
	TAILQ_REMOVE(&n->waiting->list, n, entry);
	n->waiting->n--;
	n->waiting = NULL;
}
