// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/stock_relays.h"

#include <string.h>

#include "control/paths.h"

/* What speaks for a relay; the less, the better, the first that differs decides. */
struct rank {
	const struct ctl_relay *relay;
	bool unpinned, gone;
	uint32_t rtt_us; /* UINT32_MAX: not known */
	size_t before;	 /* its place in the file before */
};

static bool is_better(const struct rank *a, const struct rank *b)
{
	if (a->unpinned != b->unpinned)
		return b->unpinned;
	if (a->gone != b->gone)
		return b->gone;
	if (a->rtt_us != b->rtt_us)
		return a->rtt_us < b->rtt_us;
	return a->before < b->before;
}

/* Into the list where it belongs; who comes last falls out when there is no room. Of equals the
 * first comes first. */
static void insert(struct rank list[CTL_STOCK_RELAYS], size_t *n, const struct rank *new)
{
	size_t at = *n;

	while (at && is_better(new, &list[at - 1]))
		at--;
	if (at == CTL_STOCK_RELAYS)
		return;
	*n += *n < CTL_STOCK_RELAYS;
	memmove(&list[at + 1], &list[at], (*n - 1 - at) * sizeof(*list));
	list[at] = *new;
}

static size_t place_before(const char *had, const char *id)
{
	const char *at = strstr(had, id);

	return at ? (size_t)(at - had) : CTL_STOCK_HAD_LEN;
}

static bool round_trip(const struct ctl_world *w, const struct ctl_member *m,
		       const struct ctl_relay *relay, uint32_t *us)
{
	return w->paths &&
	       ctl_paths_get(w->paths, m->peer.device, m->peer.public_key, relay->public_key, us);
}

/* `now` 0: without what varies. */
static void rank_all(struct ctl_stock_relays *r, const struct ctl_world *w,
		     const struct ctl_member *self, int64_t now, const char *had)
{
	struct rank best[CTL_STOCK_RELAYS];
	size_t n = 0;

	for (size_t i = 0; i < w->n_relays; i++) {
		const struct ctl_relay *relay = &w->relays[i];
		struct rank rank = {.relay = relay, .before = place_before(had, relay->id)};

		rank.unpinned = strcmp(relay->id, self->peer.relay) != 0;
		if (relay->draining && rank.unpinned)
			continue;
		rank.gone = now && w->paths && ctl_paths_gone(w->paths, relay->device, now);
		if (!now || !round_trip(w, self, relay, &rank.rtt_us))
			rank.rtt_us = UINT32_MAX;
		insert(best, &n, &rank);
	}
	*r = (struct ctl_stock_relays){.n = n, .pinned = n && !best[0].unpinned};
	for (size_t i = 0; i < n; i++) {
		r->list[i] = best[i].relay;
		r->gone[i] = best[i].gone;
	}
}

void ctl_stock_relays_choose(struct ctl_stock_relays *r, const struct ctl_world *w,
			     const struct ctl_member *self, int64_t now,
			     char had[CTL_STOCK_HAD_LEN])
{
	rank_all(r, w, self, now, had);
	*had = '\0';
	for (size_t i = 0; i < r->n; i++) {
		if (i)
			strcat(had, " ");
		strcat(had, r->list[i]->id);
	}
}

void ctl_stock_relays_keep(struct ctl_stock_relays *r, const struct ctl_world *w,
			   const struct ctl_member *self, const char *had)
{
	rank_all(r, w, self, 0, had);
}

const struct ctl_relay *ctl_stock_relay_to(const struct ctl_stock_relays *r,
					   const struct ctl_world *w, const struct ctl_member *self,
					   const struct ctl_member *to)
{
	const struct ctl_relay *best = r->n ? r->list[0] : NULL;
	uint64_t way, least = UINT64_MAX;
	uint32_t mine, theirs;

	for (size_t i = 0; i < r->n && !r->pinned; i++) {
		if (!strcmp(r->list[i]->id, to->peer.relay))
			return r->list[i];
		if (r->gone[i] || !round_trip(w, self, r->list[i], &mine) ||
		    !round_trip(w, to, r->list[i], &theirs))
			continue;
		way = (uint64_t)mine + theirs;
		if (way < least) {
			least = way;
			best = r->list[i];
		}
	}
	return best;
}
