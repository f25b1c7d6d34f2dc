// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/world.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/address.h"
#include "control/json_memory.h"
#include "control/policy.h"

/* --- reading --- */

static void *grown(void *list, size_t n, size_t size)
{
	if (n & (n - 1))
		return list;
	return realloc(list, (n ? 2 * n : 1) * size);
}

static bool add_member(void *arg, const struct ctl_peer *p)
{
	struct ctl_world *w = arg;
	struct ctl_member *list;

	if (!p->ip)
		return true; /* invited: has no key yet */
	list = grown(w->members, w->n_members, sizeof(*list));
	w->incomplete = !list;
	if (!list)
		return false;
	w->members = list;
	list[w->n_members++] = (struct ctl_member){
		.peer = *p,
		.tags = json_loads(p->tags, 0, NULL),
		.subnets = json_loads(p->egress_subnets, 0, NULL),
		.groups = json_array(),
	};
	return true;
}

static bool add_relay(void *arg, const struct ctl_relay *r)
{
	struct ctl_world *w = arg;
	struct ctl_relay *list;

	if (!r->has_key || !strcmp(r->endpoints, "[]"))
		return true; /* has not joined yet */
	list = grown(w->relays, w->n_relays, sizeof(*list));
	w->incomplete = !list;
	if (!list)
		return false;
	w->relays = list;
	list[w->n_relays++] = *r;
	return true;
}

static int by_device(const void *a, const void *b)
{
	const struct ctl_member *const *x = a, *const *y = b;

	return strcmp((*x)->peer.device, (*y)->peer.device);
}

static struct ctl_member *find(const struct ctl_world *w, const char *device)
{
	size_t low = 0, high = w->by_device ? w->n_members : 0;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(w->by_device[middle]->peer.device, device);

		if (!order)
			return w->by_device[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct ctl_member *ctl_world_member(const struct ctl_world *w, const char *device)
{
	return find(w, device);
}

static int sort_by_device(struct ctl_world *w, struct ctl_error *err)
{
	w->by_device = calloc(w->n_members + 1, sizeof(struct ctl_member *));
	if (!w->by_device)
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	for (size_t i = 0; i < w->n_members; i++)
		w->by_device[i] = &w->members[i];
	qsort(w->by_device, w->n_members, sizeof(struct ctl_member *), by_device);
	return 0;
}

static int read_groups(struct ctl_world *w, struct ctl_store *s, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct ctl_member *m;
	struct sqlite3_stmt *q;
	int got;

	q = ctl_db_query(db,
			 "SELECT peer.device, device_group.name FROM peer JOIN group_member"
			 " ON group_member.device = peer.device JOIN device_group"
			 " ON device_group.id = group_member.device_group WHERE peer.network = ?"
			 " ORDER BY device_group.name",
			 "t", w->network.id);
	while ((got = ctl_db_step(db, q)) == 1) {
		m = find(w, ctl_db_text(q, 0));
		if (m)
			json_array_append_new(m->groups, json_string(ctl_db_text(q, 1)));
	}
	return ctl_fail_db(err, got, "group");
}

/* --- classes --- */

/* A member as rules see it; the lists are the subject's own. */
struct subject {
	struct ctl_subject who;
	const char **tags, **groups;
	struct ctl_prefix *subnets;
};

static const char **strings_of(const json_t *list, size_t *n)
{
	const char **out = calloc(json_array_size(list) + 1, sizeof(*out));

	for (*n = 0; out && *n < json_array_size(list); ++*n)
		out[*n] = json_string_value(json_array_get(list, *n));
	return out;
}

static struct ctl_prefix *prefixes_of(const json_t *list, size_t *n)
{
	struct ctl_prefix *out = calloc(json_array_size(list) + 1, sizeof(*out));
	struct ctl_error err;

	*n = 0;
	for (size_t i = 0; out && i < json_array_size(list); i++)
		if (!ctl_prefix_parse(json_string_value(json_array_get(list, i)), "subnet",
				      &out[*n].first, &out[*n].bits, &err))
			++*n;
	return out;
}

static void subject_fini(struct subject *u)
{
	free(u->tags);
	free(u->groups);
	free(u->subnets);
}

static int subject_init(struct subject *u, const struct ctl_member *m)
{
	memset(u, 0, sizeof(*u));
	u->who.name = m->peer.device_name;
	u->who.ip = m->peer.ip;
	u->tags = strings_of(m->tags, &u->who.n_tags);
	u->groups = strings_of(m->groups, &u->who.n_groups);
	u->subnets = prefixes_of(m->subnets, &u->who.n_subnets);
	u->who.tags = u->tags;
	u->who.groups = u->groups;
	u->who.subnets = u->subnets;
	return u->tags && u->groups && u->subnets ? 0 : -1;
}

/* The classes found so far, by what the rules say of their members. */
struct sorting {
	const struct ctl_rules *rules;
	size_t words; /* of a signature */
	uint64_t *signatures;
	uint32_t n;
};

static int class_of(struct sorting *g, const struct ctl_member *m, uint32_t *class)
{
	struct subject u;
	uint64_t *mine, *list;
	int rc = -1;

	list = realloc(g->signatures, (g->n + 1) * g->words * sizeof(*list));
	if (!list)
		return -1;
	g->signatures = list;
	mine = list + g->n * g->words;
	if (!subject_init(&u, m)) {
		ctl_rules_signature(g->rules, &u.who, mine);
		for (*class = 0; *class < g->n; ++*class)
			if (!memcmp(list + *class * g->words, mine, g->words * sizeof(*mine)))
				break;
		g->n += *class == g->n;
		rc = 0;
	}
	subject_fini(&u);
	return rc;
}

static int sort_members(struct ctl_world *w, const struct ctl_rules *rules)
{
	struct sorting g = {.rules = rules, .words = ctl_rules_signature_words(rules)};
	int rc = 0;

	for (size_t i = 0; !rc && i < w->n_members; i++)
		rc = class_of(&g, &w->members[i], &w->members[i].class);
	if (!rc)
		w->admits = calloc((size_t)g.n * g.n + 1, sizeof(*w->admits));
	w->n_classes = w->admits ? g.n : 0;
	for (uint32_t a = 0; a < w->n_classes; a++)
		for (uint32_t b = 0; b < w->n_classes; b++)
			w->admits[a * g.n + b] = ctl_rules_signatures_meet(
				rules, g.signatures + a * g.words, g.signatures + b * g.words);
	w->signatures = g.signatures;
	w->signature_words = g.words;
	return w->admits ? 0 : -1;
}

bool ctl_world_admits(const struct ctl_world *w, uint32_t a, uint32_t b)
{
	return w->admits[a * w->n_classes + b];
}

bool ctl_world_leads_to(const struct ctl_world *w, size_t rule, uint32_t class)
{
	return ctl_rules_signature_to(w->signatures + class * w->signature_words,
				      w->signature_words, rule);
}

const struct ctl_relay *ctl_world_relay(const struct ctl_world *w, const char *id)
{
	for (size_t i = 0; i < w->n_relays; i++)
		if (!strcmp(w->relays[i].id, id))
			return &w->relays[i];
	return NULL;
}

/* Of the relay or relay peer that m is assigned to; NULL: none. */
static const uint8_t *assigned_key(const struct ctl_world *w, const struct ctl_member *m)
{
	const struct ctl_relay *relay = m->peer.relay[0] ? ctl_world_relay(w, m->peer.relay) : NULL;
	const struct ctl_member *peer = ctl_world_relay_peer(w, m);

	return relay ? relay->public_key : peer ? peer->peer.public_key : NULL;
}

/* Whether a's assignment counts between these two: to the relay of the lower key, as agents have
 * it. */
static bool decides(const struct ctl_world *w, const struct ctl_member *a,
		    const struct ctl_member *b)
{
	const uint8_t *one = assigned_key(w, a), *other = assigned_key(w, b);

	return one && (!other || memcmp(one, other, CTL_KEY_LEN) < 0);
}

const struct ctl_member *ctl_world_way(const struct ctl_world *w, const struct ctl_member *self,
				       const struct ctl_member *m)
{
	const struct ctl_member *own = self ? ctl_world_relay_peer(w, self) : NULL;
	const struct ctl_member *theirs = ctl_world_relay_peer(w, m);
	const struct ctl_member *declared = m->peer.endpoint_declared ? m : NULL;

	if (theirs == self && self)
		return declared ? declared : own;
	if (own == m)
		return m;
	if (theirs && !(self && decides(w, self, m)))
		return theirs;
	return declared || (self && decides(w, m, self)) ? declared : own;
}

const struct ctl_member *ctl_world_relay_peer(const struct ctl_world *w, const struct ctl_member *m)
{
	const struct ctl_member *via = m->peer.relay[0] ? find(w, m->peer.relay) : NULL;

	return via && via != m && via->peer.is_relay && via->peer.endpoint_declared ? via : NULL;
}

static int complete(const struct ctl_world *w, unsigned long failures, struct ctl_error *err)
{
	return w->incomplete || ctl_json_failures() != failures
		       ? ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory")
		       : 0;
}

static int read_all(struct ctl_world *w, struct ctl_store *s, const char *network,
		    struct ctl_error *err)
{
	unsigned long failures = ctl_json_failures();

	if (ctl_network_get(s, NULL, network, &w->network, err) ||
	    ctl_peer_list(s, NULL, network, NULL, "", UINT32_MAX, add_member, w, err) ||
	    complete(w, failures, err) || ctl_relay_of_network(s, network, add_relay, w, err) ||
	    sort_by_device(w, err) || read_groups(w, s, err) ||
	    ctl_policy_rules(s, network, &w->rules, err))
		return -1;
	return complete(w, failures, err);
}

int ctl_world_load(struct ctl_world *w, struct ctl_store *s, const char *network,
		   struct ctl_error *err)
{
	struct ctl_rules *rules;
	int rc;

	memset(w, 0, sizeof(*w));
	if (read_all(w, s, network, err) || ctl_rules_parse(&rules, w->rules, err))
		return -1;
	rc = sort_members(w, rules);
	ctl_rules_free(rules);
	return rc ? ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory") : 0;
}

void ctl_world_free(struct ctl_world *w)
{
	for (size_t i = 0; i < w->n_members; i++) {
		json_decref(w->members[i].tags);
		json_decref(w->members[i].subnets);
		json_decref(w->members[i].groups);
	}
	free(w->members);
	free(w->by_device);
	free(w->relays);
	json_decref(w->rules);
	free(w->admits);
	free(w->signatures);
	memset(w, 0, sizeof(*w));
}
