/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "relay/pending.h"

#define BUCKETS 32768

LIST_HEAD(pending_list, pending);

struct pendings {
	uint64_t next_id;
	uint32_t n;
	TAILQ_HEAD(, pending) by_age;
	struct pending_list by_initiator[BUCKETS];
	struct pending_list by_responder[PENDING_RESPONSES][BUCKETS];
};

/* Where a message with this index is expected to come from. */
static uint32_t bucket(const struct tp_endpoint *at, uint32_t index)
{
	struct {
		struct tp_endpoint at;
		uint16_t pad;
		uint32_t index;
	} key = {*at, 0, index};

	return (uint32_t)tp_siphash(&key, sizeof(key)) % BUCKETS;
}

struct pending *pending_find(const struct relay *r, const struct tp_endpoint *at,
			     uint32_t initiator_index, const struct pending *after)
{
	struct pending *p =
		after ? LIST_NEXT(after, by_initiator)
		      : LIST_FIRST(&r->pendings->by_initiator[bucket(at, initiator_index)]);

	while (p &&
	       (p->initiator_index != initiator_index || !tp_endpoint_equal(&p->target_at, at)))
		p = LIST_NEXT(p, by_initiator);
	return p;
}

bool pending_known(const struct relay *r, const struct node *target, const struct tp_endpoint *from,
		   uint32_t initiator_index, const uint8_t mac1[WG_MAC_LEN])
{
	const struct pending *p = NULL;

	while ((p = pending_find(r, &target->endpoint, initiator_index, p)))
		if (!memcmp(p->mac1, mac1, WG_MAC_LEN) && tp_endpoint_equal(&p->from, from))
			return true;
	return false;
}

struct pending *pending_add(struct relay *r, const struct node *target,
			    const struct tp_endpoint *from, uint32_t initiator_index, uint64_t now)
{
	struct pendings *t = r->pendings;
	struct pending *p = NULL;
	unsigned int same = 0;

	while ((p = pending_find(r, &target->endpoint, initiator_index, p)))
		if (++same == PENDING_SAME)
			return NULL;
	if (t->n >= PENDING_MAX)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->id = t->next_id++;
	p->born = now;
	p->target = target->id;
	p->target_at = target->endpoint;
	p->from = *from;
	p->initiator_index = initiator_index;
	TAILQ_INSERT_TAIL(&t->by_age, p, in_age);
	LIST_INSERT_HEAD(&t->by_initiator[bucket(&p->target_at, initiator_index)], p, by_initiator);
	t->n++;
	return p;
}

void pending_add_response(struct relay *r, struct pending *p, uint32_t responder_index,
			  const uint8_t mac1[WG_MAC_LEN])
{
	unsigned int i = p->responses++;

	p->responder_index[i] = responder_index;
	memcpy(p->response_mac1[i], mac1, WG_MAC_LEN);
	LIST_INSERT_HEAD(&r->pendings->by_responder[i][bucket(&p->from, responder_index)], p,
			 by_responder[i]);
}

struct pending *pending_find_response(const struct relay *r, const struct tp_endpoint *at,
				      uint32_t responder_index, unsigned int *which)
{
	uint32_t b = bucket(at, responder_index);
	struct pending *p;

	for (unsigned int i = 0; i < PENDING_RESPONSES; i++) {
		LIST_FOREACH (p, &r->pendings->by_responder[i][b], by_responder[i]) {
			*which = i;
			if (p->responder_index[i] == responder_index &&
			    tp_endpoint_equal(&p->from, at))
				return p;
		}
	}
	return NULL;
}

static void drop(struct pendings *t, struct pending *p)
{
	for (unsigned int i = 0; i < p->responses; i++)
		LIST_REMOVE(p, by_responder[i]);
	LIST_REMOVE(p, by_initiator);
	TAILQ_REMOVE(&t->by_age, p, in_age);
	t->n--;
	free(p);
}

void pendings_tick(struct relay *r, uint64_t now)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&r->pendings->by_age)) && now >= p->born + TP_SEC(PENDING_LIFE_SEC))
		drop(r->pendings, p);
}

static bool orphan(const struct relay *r, const struct pending *p)
{
	return !node_by_id(r, p->target) || (p->sender && !node_by_id(r, p->sender));
}

void pendings_drop_orphans(struct relay *r)
{
	struct pending *p, *next;

	for (p = TAILQ_FIRST(&r->pendings->by_age); p; p = next) {
		next = TAILQ_NEXT(p, in_age);
		if (orphan(r, p))
			drop(r->pendings, p);
	}
}

uint32_t pendings_total(const struct relay *r)
{
	return r->pendings->n;
}

int pendings_new(struct relay *r)
{
	struct pendings *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	r->pendings = t;
	TAILQ_INIT(&t->by_age);
	/* Sessions adopted after a restart carry 0; ids of a former life must not match either. */
	tp_random(&t->next_id, sizeof(t->next_id));
	t->next_id |= 1ull << 63;
	return 0;
}

void pendings_free(struct relay *r)
{
	struct pending *p;

	if (!r->pendings)
		return;
	while ((p = TAILQ_FIRST(&r->pendings->by_age)))
		drop(r->pendings, p);
	free(r->pendings);
	r->pendings = NULL;
}
