/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A TCP connection to a host by name or address. Names are resolved without blocking, from
 * /etc/resolv.conf and /etc/hosts as they are at that time; of the addresses the first that
 * connects is taken, each begun a quarter of a second after the one before, or when that has
 * failed.
 */
#ifndef TP_DIAL_H
#define TP_DIAL_H

#include <stdint.h>

struct bufferevent;
struct event_base;
struct tp_dial;

/* `done` is called once, from the event loop, with a connected bufferevent that is the callee's, or
 * with NULL and the reason. The tp_dial is freed before. `timeout_ms` is for the lookup, and
 * then for the last address. 0 or -ENOMEM. */
int tp_dial_new(struct tp_dial **out, struct event_base *base, const char *host, uint16_t port,
		unsigned int timeout_ms,
		void (*done)(void *arg, struct bufferevent *bev, const char *why), void *arg);
/* Gives up; done() is not called. */
void tp_dial_free(struct tp_dial *d);

#endif
