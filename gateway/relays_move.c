/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Moving peers from a relay to another. */
#include <string.h>

#include "clock.h"
#include "gateway/relays_internal.h"
#include "log.h"

#define LOGGED_MAX 5   /* moves at a time */
#define SESSION_S  180 /* a keypair's life: REJECT_AFTER_TIME */

/* Two handshakes that cross each other end both, and WireGuard waits for five seconds then. So one
 * end of a pair moves at once, and the other gives it this time before it does so itself: news of
 * a relay that only one of them misses travel through control. */
#define FOLLOW_MS 1500

/* --- who moves ------------------------------------------------------------------------------ */

static void log_move(const struct network *n, const struct relayed *p, int from)
{
	tp_info("%s: %s through relay %s instead of %s: %s", n->device,
		p->name[0] ? p->name : "a peer", n->relays[p->choice.relay].name,
		from < 0 ? "none that is there" : n->relays[from].name, gw_choice_why_name(p->why));
}

static void choose_all(struct gw_relays *r, struct network *n, uint64_t now)
{
	struct gw_choice_relay known[GW_RELAYS_MAX];
	size_t moved = 0;

	relays_known(n, known);
	for (size_t i = 0; i < n->n_peers; i++) {
		struct relayed *p = &n->peers[i];
		int from = p->choice.relay, to;

		if (p->direct)
			continue;
		to = gw_relay_choose(known, n->n_relays, &p->choice, &p->why);
		if (to < 0 || to == from)
			continue;
		p->choice.relay = to;
		p->due = now + (p->leads ? 0 : TP_MS(FOLLOW_MS));
		p->moved = now;
		r->moves++;
		if (moved++ < LOGGED_MAX)
			log_move(n, p, from);
	}
	if (moved > LOGGED_MAX)
		tp_info("%s: and %zu others", n->device, moved - LOGGED_MAX);
}

/* Marks those whose time has come; *next comes down to when that is so for others. */
static bool mark_due(struct network *n, uint64_t now, uint64_t *next)
{
	bool any = false;

	for (size_t i = 0; i < n->n_peers; i++) {
		struct relayed *p = &n->peers[i];

		p->moving = p->due && p->due <= now;
		p->kick = false;
		if (p->moving) {
			p->due = 0;
			p->endpoint = n->relays[p->choice.relay].endpoints[0];
			any = true;
		} else if (p->due && p->due < *next) {
			*next = p->due;
		}
	}
	return any;
}

/* --- what their devices say ----------------------------------------------------------------- */

struct looking {
	struct network *n;
	uint64_t now; /* of CLOCK_REALTIME */
	bool renewed, kicked;
};

/* Where the other side was faster the session is at the new relay already. */
static void look(void *ctx, const struct tp_wireguard_stats *seen)
{
	struct looking *l = ctx;
	struct relayed *p = relays_peer(l->n, seen->public_key);

	if (!p || !p->moving)
		return;
	if (relays_at(l->n, &seen->endpoint) == p->choice.relay) {
		p->endpoint = seen->endpoint;
		p->moving = false;
		return;
	}
	p->kick = seen->last_handshake && l->now < seen->last_handshake + TP_SEC(SESSION_S);
	l->renewed = true;
	l->kicked = l->kicked || p->kick;
}

/* --- moving --------------------------------------------------------------------------------- */

static void step(struct gw_relays *r, const struct network *n, enum move_step s)
{
	r->step = s;
	gw_overlays_refresh(r->overlays, n->device);
	r->step = STEP_NONE;
}

/* Out, in again at the other relay, and for those who had a session a keepalive that makes
 * WireGuard begin a handshake, and is then taken away. In a step of its own: wireguard-go has all
 * peers that come behind one with a new keepalive, in the same request, send one too. */
static void move(struct gw_relays *r, struct network *n)
{
	struct looking l = {.n = n, .now = tp_clock(CLOCK_REALTIME)};

	gw_overlays_peers(r->overlays, n->device, look, &l);
	if (l.renewed)
		step(r, n, STEP_OUT);
	step(r, n, STEP_NONE);
	if (!l.kicked)
		return;
	step(r, n, STEP_KICK);
	step(r, n, STEP_NONE);
}

uint64_t relays_decide(struct gw_relays *r, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; r->overlays && i < r->n_networks; i++) {
		struct network *n = &r->networks[i];

		choose_all(r, n, now);
		if (mark_due(n, now, &next))
			move(r, n);
	}
	return next;
}
