/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When devices were last connected, written some at a time: thousands may go at once. */
#ifndef CONTROL_NODES_SEEN_H
#define CONTROL_NODES_SEEN_H

struct ctl_seen;
struct ctl_store;
struct event_base;

/* NULL without memory. */
struct ctl_seen *ctl_seen_new(struct event_base *base, struct ctl_store *store);
/* Writes what is left. NULL is fine. */
void ctl_seen_free(struct ctl_seen *s);

/* The device's connection has ended. Where there is no memory its time of connecting stays. */
void ctl_seen_left(struct ctl_seen *s, const char *device);

#endif
