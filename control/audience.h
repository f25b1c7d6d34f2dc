/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whom a network's changes concern: the connected nodes whose view names it, as a member or as a
 * relay that serves it. So that a change costs those that it touches, however many others there
 * are.
 */
#ifndef CONTROL_AUDIENCE_H
#define CONTROL_AUDIENCE_H

struct json_t;
struct node;
struct ctl_audience;
struct ctl_seat;

/* NULL without memory. It is to be empty when it is freed. */
struct ctl_audience *ctl_audience_new(void);
void ctl_audience_free(struct ctl_audience *a);

/* Has the node in exactly the networks of this view. `*seats` is the node's, NULL at first. 0, or
 * -ENOMEM: then it is in none. */
int ctl_audience_take(struct ctl_audience *a, struct ctl_seat **seats, struct node *n,
		      const struct json_t *view);
void ctl_audience_leave(struct ctl_audience *a, struct ctl_seat **seats);

/* A node may come twice. `fn` must leave everybody's seats as they are. */
void ctl_audience_each(const struct ctl_audience *a, const char *network,
		       void (*fn)(struct node *n));

#endif
