/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections of a listening socket, as many as are wanted: others wait in the kernel's backlog.
 * When one cannot be accepted, mostly for want of descriptors, it pauses: the connection stays in
 * the backlog and the socket readable, so that trying on at once would be spinning.
 */
#ifndef TP_ACCEPTOR_H
#define TP_ACCEPTOR_H

#include <stdbool.h>

struct event_base;
struct sockaddr;
struct tp_acceptor;

/* `fn` gets each connection, non-blocking and close-on-exec, and owns it. Serves a listening,
 * non-blocking stream socket, which it owns once 0 is returned; else -ENOMEM. SIGPIPE is ignored
 * from then on: libevent writes with writev(), which knows no MSG_NOSIGNAL. */
int tp_acceptor_new(struct tp_acceptor **out, struct event_base *base, int listen_fd,
		    void (*fn)(void *arg, int fd, const struct sockaddr *from), void *arg);
void tp_acceptor_free(struct tp_acceptor *a);

/* No more until all connections that are ready now have had their turn. */
void tp_acceptor_yield(struct tp_acceptor *a);

/* Whether there is room for more; there is at first. NULL is fine. */
void tp_acceptor_want(struct tp_acceptor *a, bool more);

#endif
