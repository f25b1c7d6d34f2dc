// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/events.h"

#include <stdlib.h>
#include <string.h>

/* All texts of an event in one block, which `tenant` begins. */
struct ctl_events {
	uint64_t last;
	void (*listener)(void *arg);
	void *arg;
	struct ctl_event ring[CTL_EVENTS];
};

struct ctl_events *ctl_events_new(void)
{
	return calloc(1, sizeof(struct ctl_events));
}

void ctl_events_free(struct ctl_events *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < CTL_EVENTS; i++)
		free((char *)e->ring[i].tenant);
	free(e);
}

static struct ctl_event *slot(const struct ctl_events *e, uint64_t number)
{
	return (struct ctl_event *)&e->ring[number % CTL_EVENTS];
}

/* Copies to *at, which moves on. */
static const char *put(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memcpy(*at, text, size);

	*at += size;
	return copy;
}

static void copy(struct ctl_event *to, const struct ctl_event *from)
{
	char *at = malloc(strlen(from->tenant) + strlen(from->actor) + strlen(from->action) +
			  strlen(from->object) + strlen(from->details) + 5);

	*to = *from;
	to->tenant = NULL;
	if (!at)
		return;
	to->tenant = put(&at, from->tenant);
	to->actor = put(&at, from->actor);
	to->action = put(&at, from->action);
	to->object = put(&at, from->object);
	to->details = put(&at, from->details);
}

void ctl_events_add(struct ctl_events *e, const struct ctl_event *event)
{
	struct ctl_event *to = slot(e, e->last + 1);

	free((char *)to->tenant);
	copy(to, event);
	to->number = ++e->last;
	if (e->listener)
		e->listener(e->arg);
}

uint64_t ctl_events_last(const struct ctl_events *e)
{
	return e->last;
}

uint64_t ctl_events_first(const struct ctl_events *e)
{
	return e->last < CTL_EVENTS ? 1 : e->last - CTL_EVENTS + 1;
}

const struct ctl_event *ctl_events_get(const struct ctl_events *e, uint64_t number)
{
	const struct ctl_event *found = slot(e, number);

	return number && found->number == number && found->tenant ? found : NULL;
}

void ctl_events_listen(struct ctl_events *e, void (*fn)(void *arg), void *arg)
{
	e->listener = fn;
	e->arg = arg;
}
