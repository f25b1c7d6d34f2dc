// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whoever watches calls again and again, each time with where the answer before ended. A call waits
 * until there is something that it may see. */
#include "control/api_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "control/api_call.h"
#include "control/events.h"
#include "crypto.h"

#define WAIT_PRESET   25 /* seconds: what is between often ends a connection after 30 or 60 */
#define WAIT_MAX      50
#define EVENTS_MAX    1000 /* in one answer */
#define WATCHERS      256  /* of the connections that there may be */
#define WATCHERS_HOME 64   /* of one tenant's */
#define GATHER_MS     50   /* what happens at once is told at once */
#define SINCE_LEN     40

struct watcher {
	TAILQ_ENTRY(watcher) entry;
	struct api_call call;
	uint64_t since;
	struct event *deadline;
};

struct api_watch {
	struct ctl_api *api;
	struct ctl_events *events;
	struct event *gather;
	uint64_t instance; /* numbers of another process mean nothing */
	TAILQ_HEAD(, watcher) watchers;
};

/* --- who may see what ----------------------------------------------------------------------- */

/* As with the lists of these. */
static enum ctl_role role_for(const char *action)
{
	static const struct {
		const char *noun;
		enum ctl_role role;
	} nouns[] = {
		{"node.", CTL_VIEWER},	  {"device.", CTL_VIEWER}, {"peer.", CTL_VIEWER},
		{"network.", CTL_VIEWER}, {"group.", CTL_VIEWER},  {"policy.", CTL_VIEWER},
		{"relay.", CTL_VIEWER},	  {"stock.", CTL_VIEWER},  {"auth_key.", CTL_OPERATOR},
	};

	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		if (!strncmp(action, nouns[i].noun, strlen(nouns[i].noun)))
			return nouns[i].role;
	return CTL_TENANT_ADMIN;
}

static bool sees(const struct api_call *c, const struct ctl_event *e)
{
	return c->role >= role_for(e->action) && (!*c->tenant || !strcmp(c->tenant, e->tenant));
}

/* Who has done it is in the audit log, which not everyone may read. */
static const char *actor_for(const struct api_call *c, const struct ctl_event *e)
{
	bool person = !strncmp(e->actor, "user:", 5) || !strncmp(e->actor, "api-key:", 8);

	return person && c->role < CTL_TENANT_ADMIN ? "" : e->actor;
}

/* --- answers -------------------------------------------------------------------------------- */

static json_t *event_json(const struct api_call *c, const struct ctl_event *e)
{
	return json_pack("{s:o,s:o,s:s,s:s,s:s,s:s,s:s}", "number", api_int64(e->number), "time",
			 api_timestamp(e->time), "tenantId", e->tenant, "actor", actor_for(c, e),
			 "action", e->action, "object", e->object, "details", e->details);
}

/* Those after *since that it may see; *since becomes the last one looked at. */
static json_t *collect(const struct api_watch *w, const struct api_call *c, uint64_t *since)
{
	uint64_t last = ctl_events_last(w->events), at = *since + 1;
	json_t *list = json_array();

	if (at < ctl_events_first(w->events))
		at = ctl_events_first(w->events);
	for (; at <= last && json_array_size(list) < EVENTS_MAX; at++) {
		const struct ctl_event *e = ctl_events_get(w->events, at);

		if (e && sees(c, e))
			json_array_append_new(list, event_json(c, e));
		*since = at;
	}
	return list;
}

static json_t *answer_json(const struct api_watch *w, json_t *events, uint64_t next, bool missed)
{
	char text[SINCE_LEN];

	snprintf(text, sizeof(text), "%016llx-%llu", (unsigned long long)w->instance,
		 (unsigned long long)next);
	return json_pack("{s:o,s:s,s:b}", "events", events, "next", text, "missed", missed);
}

/* --- waiting -------------------------------------------------------------------------------- */

static void watcher_free(struct api_watch *w, struct watcher *one)
{
	TAILQ_REMOVE(&w->watchers, one, entry);
	if (one->deadline)
		event_free(one->deadline);
	free(one);
}

/* With what there is. It may have another role, or be out, since it began to wait. */
static void answer_watcher(struct api_watch *w, struct watcher *one)
{
	const struct connect_request *q = connect_exchange_request(one->call.x);
	json_t *events;

	if (api_authenticate(&one->call, q->authorization)) {
		connect_fail(one->call.x, &one->call.err);
	} else {
		events = collect(w, &one->call, &one->since);
		connect_reply(one->call.x, answer_json(w, events, one->since, false));
	}
	watcher_free(w, one);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct watcher *one = arg;

	(void)fd;
	(void)what;
	answer_watcher(one->call.api->watch, one);
}

/* What it may not see is behind it then. */
static bool has_news(const struct api_watch *w, struct watcher *one)
{
	for (; one->since < ctl_events_last(w->events); one->since++) {
		const struct ctl_event *e = ctl_events_get(w->events, one->since + 1);

		if (e && sees(&one->call, e))
			return true;
	}
	return false;
}

static void on_gathered(evutil_socket_t fd, short what, void *arg)
{
	struct api_watch *w = arg;
	struct watcher *one, *next;

	(void)fd;
	(void)what;
	for (one = TAILQ_FIRST(&w->watchers); one; one = next) {
		next = TAILQ_NEXT(one, entry);
		if (has_news(w, one))
			answer_watcher(w, one);
	}
}

static void on_event(void *arg)
{
	static const struct timeval soon = {.tv_usec = GATHER_MS * 1000};
	struct api_watch *w = arg;

	if (!TAILQ_EMPTY(&w->watchers) && !event_pending(w->gather, EV_TIMEOUT, NULL))
		evtimer_add(w->gather, &soon);
}

/* --- a call --------------------------------------------------------------------------------- */

static void drop_those_gone(struct api_watch *w)
{
	struct watcher *one, *next;

	for (one = TAILQ_FIRST(&w->watchers); one; one = next) {
		next = TAILQ_NEXT(one, entry);
		if (connect_exchange_gone(one->call.x))
			answer_watcher(w, one);
	}
}

static int make_room(struct api_call *c, struct api_watch *w)
{
	unsigned int all = 0, home = 0;
	const struct watcher *one;

	drop_those_gone(w);
	TAILQ_FOREACH (one, &w->watchers, entry) {
		all++;
		home += !strcmp(one->call.home, c->home);
	}
	return all < WATCHERS && home < WATCHERS_HOME
		       ? 0
		       : ctl_fail(&c->err, CTL_RESOURCE_EXHAUSTED, "too many watch already");
}

static int begin_to_wait(struct api_call *c, struct api_watch *w, uint64_t since, int64_t seconds)
{
	const struct timeval tv = {.tv_sec = seconds ? seconds : WAIT_PRESET};
	struct watcher *one;

	if (make_room(c, w))
		return -1;
	one = calloc(1, sizeof(*one));
	if (!one)
		return ctl_fail(&c->err, CTL_INTERNAL, "out of memory");
	one->call = *c;
	one->call.in = NULL;
	one->since = since;
	TAILQ_INSERT_TAIL(&w->watchers, one, entry);
	one->deadline = evtimer_new(c->api->setup.base, on_deadline, one);
	if (!one->deadline || evtimer_add(one->deadline, &tv)) {
		watcher_free(w, one);
		return ctl_fail(&c->err, CTL_INTERNAL, "out of memory");
	}
	return API_LATER;
}

/* What an answer said under `next`. *missed: some after it are forgotten. */
static int read_since(struct api_call *c, const struct api_watch *w, uint64_t *since, bool *missed)
{
	unsigned long long instance, number;
	const char *text;
	int end = 0;

	*since = ctl_events_last(w->events);
	*missed = false;
	if (api_text(c, "since", &text))
		return -1;
	if (!*text)
		return 0;
	if (sscanf(text, "%16llx-%20llu%n", &instance, &number, &end) != 2 || text[end])
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "since: is what no answer had");
	*missed = instance != w->instance || number + 1 < ctl_events_first(w->events);
	*since = instance != w->instance ? 0 : number < *since ? number : *since;
	return 0;
}

static int watch_events(struct api_call *c, json_t **out)
{
	struct api_watch *w = c->api->watch;
	int64_t seconds;
	uint64_t since;
	const char *text;
	json_t *events;
	bool missed;

	if (read_since(c, w, &since, &missed) || api_text(c, "since", &text) ||
	    api_number(c, "wait_seconds", 0, WAIT_MAX, &seconds))
		return -1;
	events = collect(w, c, &since);
	if (!*text || missed || json_array_size(events))
		return api_answer(c, answer_json(w, events, since, missed), out);
	json_decref(events);
	return begin_to_wait(c, w, since, seconds);
}

const struct api_rpc api_watch_rpcs[] = {
	{"WatchEvents", watch_events, CTL_VIEWER, API_TENANT | API_PLATFORM},
	{0},
};

/* --- life ----------------------------------------------------------------------------------- */

struct api_watch *api_watch_new(struct ctl_api *api)
{
	struct api_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->api = api;
	w->events = ctl_store_events(api->setup.store);
	tp_random(&w->instance, sizeof(w->instance));
	TAILQ_INIT(&w->watchers);
	w->gather = evtimer_new(api->setup.base, on_gathered, w);
	if (!w->gather) {
		free(w);
		return NULL;
	}
	ctl_events_listen(w->events, on_event, w);
	return w;
}

void api_watch_free(struct api_watch *w)
{
	struct watcher *one;

	if (!w)
		return;
	ctl_events_listen(w->events, NULL, NULL);
	while ((one = TAILQ_FIRST(&w->watchers)))
		answer_watcher(w, one);
	event_free(w->gather);
	free(w);
}
