/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What has just happened, for those who watch: each audit record as it is committed, and what
 * leaves none (a node comes, goes, has applied a revision). Kept in memory, the latest CTL_EVENTS
 * of them, and numbered from 1 since the process began.
 */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#define CTL_EVENTS 8192

struct ctl_events;

/* The texts belong to whoever has it. */
struct ctl_event {
	uint64_t number;
	int64_t time;	     /* unix ms */
	const char *tenant;  /* "": none */
	const char *actor;   /* "user:olga", "device:gw1" */
	const char *action;  /* "peer.add" */
	const char *object;  /* an id */
	const char *details; /* JSON, an object */
};

/* NULL: out of memory. */
struct ctl_events *ctl_events_new(void);
void ctl_events_free(struct ctl_events *e);

/* Keeps a copy under the next number; what memory does not suffice for is as forgotten. */
void ctl_events_add(struct ctl_events *e, const struct ctl_event *event);

/* The newest number; 0 before the first. */
uint64_t ctl_events_last(const struct ctl_events *e);
/* The oldest that is still there; above the newest when none is. */
uint64_t ctl_events_first(const struct ctl_events *e);
/* NULL when it is forgotten, or not there yet. */
const struct ctl_event *ctl_events_get(const struct ctl_events *e, uint64_t number);

/* Is told of each new one; NULL ends it. One listener. */
void ctl_events_listen(struct ctl_events *e, void (*fn)(void *arg), void *arg);

#endif
