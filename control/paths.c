// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/paths.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "round_trip.h"

#define MEASURED_MAX 262144 /* pairs; what is beyond is not taken */

struct said {
	char device[CTL_ID_LEN];
	struct tp_ncp_path paths[CTL_PATHS_MAX];
	size_t n;
	UT_hash_handle hh;
};

struct pair {
	uint8_t relay[WG_KEY_LEN], node[WG_KEY_LEN];
};

struct measured {
	struct pair pair;
	uint32_t rtt_us;
	UT_hash_handle hh;
};

struct connection {
	char device[CTL_ID_LEN];
	int64_t ended; /* 0: not yet */
	UT_hash_handle hh;
};

struct ctl_paths {
	struct said *said;
	struct measured *measured;
	struct connection *connections; /* of relays that had one */
	int64_t begun;
};

struct ctl_paths *ctl_paths_new(int64_t now)
{
	struct ctl_paths *p = calloc(1, sizeof(*p));

	if (p)
		p->begun = now;
	return p;
}

void ctl_paths_free(struct ctl_paths *p)
{
	struct connection *c, *next_c;
	struct measured *m, *next_m;
	struct said *s, *next_s;

	if (!p)
		return;
	HASH_ITER (hh, p->connections, c, next_c) {
		HASH_DELETE(hh, p->connections, c);
		free(c);
	}
	HASH_ITER (hh, p->said, s, next_s) {
		HASH_DELETE(hh, p->said, s);
		free(s);
	}
	HASH_ITER (hh, p->measured, m, next_m) {
		HASH_DELETE(hh, p->measured, m);
		free(m);
	}
	free(p);
}

static struct said *find_said(const struct ctl_paths *p, const char *device)
{
	struct said *s;

	HASH_FIND_STR(p->said, device, s);
	return s;
}

static const struct tp_ncp_path *path_to(const struct said *s, const uint8_t relay[WG_KEY_LEN])
{
	for (size_t i = 0; i < s->n; i++)
		if (!memcmp(s->paths[i].public_key, relay, WG_KEY_LEN))
			return &s->paths[i];
	return NULL;
}

static bool differs(const struct said *s, const struct tp_ncp_path *paths, size_t n)
{
	const struct tp_ncp_path *was;

	if (s->n != n)
		return true;
	for (size_t i = 0; i < n; i++) {
		was = path_to(s, paths[i].public_key);
		if (!was || tp_round_trip_notable(was->rtt_us, paths[i].rtt_us))
			return true;
	}
	return false;
}

static struct said *said_new(struct ctl_paths *p, const char *device)
{
	struct said *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	strcpy(s->device, device);
	HASH_ADD_STR(p->said, device, s);
	if (tp_hash_added(s))
		return s;
	free(s);
	return NULL;
}

bool ctl_paths_say(struct ctl_paths *p, const char *device, const struct tp_ncp_path *paths,
		   size_t n)
{
	struct said *s = find_said(p, device);
	bool first = !s;

	n = n < CTL_PATHS_MAX ? n : CTL_PATHS_MAX;
	if (first)
		s = said_new(p, device);
	if (!s || (!first && !differs(s, paths, n)))
		return false;
	if (n)
		memcpy(s->paths, paths, n * sizeof(*paths));
	s->n = n;
	return true;
}

static struct measured *find_measured(const struct ctl_paths *p, const struct pair *pair)
{
	struct measured *m;

	HASH_FIND(hh, p->measured, pair, sizeof(*pair), m);
	return m;
}

static void pair_init(struct pair *pair, const uint8_t relay[WG_KEY_LEN],
		      const uint8_t node[WG_KEY_LEN])
{
	memcpy(pair->relay, relay, WG_KEY_LEN);
	memcpy(pair->node, node, WG_KEY_LEN);
}

bool ctl_paths_measure(struct ctl_paths *p, const uint8_t relay[WG_KEY_LEN],
		       const uint8_t node[WG_KEY_LEN], uint32_t rtt_us)
{
	struct measured *m;
	struct pair pair;

	pair_init(&pair, relay, node);
	m = find_measured(p, &pair);
	if (m) {
		if (!tp_round_trip_notable(m->rtt_us, rtt_us))
			return false;
		m->rtt_us = rtt_us;
		return true;
	}
	m = HASH_COUNT(p->measured) < MEASURED_MAX ? calloc(1, sizeof(*m)) : NULL;
	if (!m)
		return false;
	m->pair = pair;
	m->rtt_us = rtt_us;
	HASH_ADD(hh, p->measured, pair, sizeof(m->pair), m);
	if (tp_hash_added(m))
		return true;
	free(m);
	return false;
}

void ctl_paths_forget_relay(struct ctl_paths *p, const uint8_t relay[WG_KEY_LEN])
{
	struct measured *m, *next;

	HASH_ITER (hh, p->measured, m, next) {
		if (memcmp(m->pair.relay, relay, WG_KEY_LEN) != 0)
			continue;
		HASH_DELETE(hh, p->measured, m);
		free(m);
	}
}

void ctl_paths_forget(struct ctl_paths *p, const char *device)
{
	struct said *s = find_said(p, device);

	if (!s)
		return;
	HASH_DELETE(hh, p->said, s);
	free(s);
}

bool ctl_paths_get(const struct ctl_paths *p, const char *device, const uint8_t node[WG_KEY_LEN],
		   const uint8_t relay[WG_KEY_LEN], uint32_t *rtt_us)
{
	const struct said *s = find_said(p, device);
	const struct tp_ncp_path *own = s ? path_to(s, relay) : NULL;
	const struct measured *m;
	struct pair pair;

	if (s) {
		*rtt_us = own ? own->rtt_us : 0;
		return own;
	}
	pair_init(&pair, relay, node);
	m = find_measured(p, &pair);
	*rtt_us = m ? m->rtt_us : 0;
	return m;
}

/* --- connections of relays --- */

static struct connection *find_connection(const struct ctl_paths *p, const char *device)
{
	struct connection *c;

	HASH_FIND_STR(p->connections, device, c);
	return c;
}

void ctl_paths_connected(struct ctl_paths *p, const char *device)
{
	struct connection *c = find_connection(p, device);

	if (c) {
		c->ended = 0;
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	strcpy(c->device, device);
	HASH_ADD_STR(p->connections, device, c);
	if (!tp_hash_added(c))
		free(c);
}

void ctl_paths_disconnected(struct ctl_paths *p, const char *device, int64_t now)
{
	struct connection *c = find_connection(p, device);

	if (c)
		c->ended = now;
}

bool ctl_paths_gone(const struct ctl_paths *p, const char *device, int64_t now)
{
	const struct connection *c = find_connection(p, device);

	if (!*device || (c && !c->ended))
		return false;
	return now - (c ? c->ended : p->begun) > CTL_PATHS_GONE_MS;
}
