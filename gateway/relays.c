/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Relays in time: asked when they are due, heard, and what follows from that. */
#include "gateway/relays.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "clock.h"
#include "gateway/relays_internal.h"
#include "log.h"

#define TIMER_MIN_MS 10
#define TIMER_MAX_MS 1000

/* What has changed is looked at by the timer, once for all that is there now. */
static void wake(struct gw_relays *r)
{
	evtimer_add(r->timer, &(struct timeval){0});
}

/* --- news ----------------------------------------------------------------------------------- */

static void log_state(const struct network *n, const struct relay *relay)
{
	int level = relay->rtt.state == GW_RELAY_DEAD ? LOG_WARNING : LOG_INFO;

	if (relay->rtt.state == GW_RELAY_ALIVE)
		tp_log(level, "%s: relay %s answers, in %.1f ms", n->device, relay->name,
		       relay->rtt.rtt_us / 1000.0);
	else
		tp_log(level, "%s: relay %s %s", n->device, relay->name,
		       relay->rtt.state == GW_RELAY_DEAD ? "does not answer" : "answers again");
}

/* Whether something is different that choices are made by. */
static bool is_news(const struct network *n, const struct relay *relay,
		    const struct gw_relay_rtt *before)
{
	if (relay->rtt.state != before->state) {
		log_state(n, relay);
		return true;
	}
	return relay->rtt.rtt_us != before->rtt_us;
}

static void on_answer(void *ctx, int ifindex, const struct tp_addr *from, uint16_t seq)
{
	struct gw_relays *r = ctx;
	uint64_t now = tp_now();
	bool news = false;

	for (size_t i = 0; i < r->n_networks; i++) {
		struct network *n = &r->networks[i];

		if ((int)if_nametoindex(n->device) != ifindex)
			continue;
		for (size_t j = 0; j < n->n_relays; j++) {
			struct relay *relay = &n->relays[j];
			struct gw_relay_rtt before = relay->rtt;

			if (!tp_addr_equal(&relay->service_address, from))
				continue;
			gw_relay_rtt_answer(&relay->rtt, seq, now);
			news = is_news(n, relay, &before) || news;
		}
	}
	if (news)
		wake(r);
}

/* --- asking --------------------------------------------------------------------------------- */

static void ask(struct gw_relays *r, struct network *n, int at, uint64_t now)
{
	struct relay *relay = &n->relays[at];
	struct gw_relay_rtt before = relay->rtt;
	int ifindex = (int)if_nametoindex(n->device);

	if (gw_relay_rtt_tick(&relay->rtt, now, relays_through(n, at)) && ifindex)
		gw_relay_probe_send(r->probe, ifindex, &relay->service_address, relay->rtt.seq);
	is_news(n, relay, &before);
}

/* Asks who is due; *next comes down to when somebody is again. */
static void ask_all(struct gw_relays *r, uint64_t now, uint64_t *next)
{
	for (size_t i = 0; i < r->n_networks; i++) {
		struct network *n = &r->networks[i];

		for (size_t j = 0; j < n->n_relays; j++) {
			struct relay *relay = &n->relays[j];

			if (tp_addr_is_zero(&relay->service_address))
				continue;
			if (now >= relay->rtt.next)
				ask(r, n, (int)j, now);
			*next = relay->rtt.next < *next ? relay->rtt.next : *next;
		}
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct gw_relays *r = arg;
	uint64_t now = tp_now(), next = now + TP_MS(TIMER_MAX_MS), at;
	struct timeval wait;

	(void)fd;
	(void)what;
	if (r->probe)
		ask_all(r, now, &next);
	at = relays_decide(r, now);
	next = at < next ? at : next;
	at = relays_say(r, now);
	next = at < next ? at : next;
	next = next < now + TP_MS(TIMER_MIN_MS) ? now + TP_MS(TIMER_MIN_MS) : next;
	wait.tv_sec = (time_t)((next - now) / TP_NS_PER_SEC);
	wait.tv_usec = (suseconds_t)((next - now) % TP_NS_PER_SEC / 1000);
	evtimer_add(r->timer, &wait);
}

/* --- life ----------------------------------------------------------------------------------- */

int gw_relays_new(struct gw_relays **out, struct event_base *base, const struct gw_state *state)
{
	struct gw_relays *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->base = base;
	r->state = state;
	r->timer = evtimer_new(base, on_timer, r);
	if (!r->timer) {
		gw_relays_free(r);
		return -ENOMEM;
	}
	gw_relay_probe_open(&r->probe, base, on_answer, r);
	*out = r;
	return 0;
}

void gw_relays_free(struct gw_relays *r)
{
	if (!r)
		return;
	gw_relay_probe_close(r->probe);
	if (r->timer)
		event_free(r->timer);
	for (size_t i = 0; i < r->n_networks; i++)
		free(r->networks[i].peers);
	free(r->networks);
	free(r);
}

void gw_relays_start(struct gw_relays *r, struct gw_overlays *overlays, struct tp_member *member)
{
	r->overlays = overlays;
	r->member = member;
	r->unsaid = true;
	wake(r);
}

void gw_relays_settle(struct gw_relays *r)
{
	wake(r);
}

void gw_relays_say_again(struct gw_relays *r)
{
	r->unsaid = true;
}
