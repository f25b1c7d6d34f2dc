/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "gateway/datapath_extent.h"
#include "log.h"

#define BATCH	4096 /* entries of a table that a tick looks at */
#define PAUSE_S 2    /* between two passes over a table */

struct gw_sweeper;

/* A table, and what of it goes on the list. */
struct table {
	const char *map;
	size_t key_size, value_size;
	void (*judge)(struct gw_sweeper *s, const void *key, const void *value, uint32_t now);
};

struct pass {
	struct gw_cursor cursor;
	uint64_t pause_until;
	uint32_t seen;
};

enum { FLOWS, FORWARDS, FILTERS, TABLES };

struct gw_sweeper {
	struct gw_datapath *dp;
	struct gw_blocks *blocks;
	struct gw_sweep *list;
	struct pass pass[TABLES];
	struct gw_sweep_stats stats;
	uint64_t fitted; /* passes over the flows after which the shortcuts had their room fitted */
	/* of one batch */
	char keys[BATCH * sizeof(struct gw_flow_key)];
	char values[BATCH * sizeof(struct gw_flow)];
};

/* --- batches -------------------------------------------------------------------------------- */

/* A list that is full is worked off before more is put on it. */
static void run_list(struct gw_sweeper *s)
{
	struct gw_sweep *l = s->list;
	int err;

	if (!l->n_flows && !l->n_forwards && !l->n_filters && !l->n_blocks)
		return;
	l->done = 0;
	err = gw_datapath_sweep(s->dp);
	if (err)
		tp_log_limited(LOG_ERR, "the sweeper's program cannot be run: %s", strerror(-err));
	s->stats.removed += l->done;
	l->n_flows = l->n_forwards = l->n_filters = l->n_blocks = 0;
}

static void judge_flow(struct gw_sweeper *s, const void *key, const void *value, uint32_t now)
{
	if (!gw_flow_dead(value, now))
		return;
	if (s->list->n_flows == TP_GW_SWEEP)
		run_list(s);
	memcpy(&s->list->flow[s->list->n_flows++], key, sizeof(struct gw_flow_key));
}

static void judge_forward(struct gw_sweeper *s, const void *key, const void *value, uint32_t now)
{
	if (!gw_forward_dead(gw_datapath_nat(s->dp), value, now))
		return;
	if (s->list->n_forwards == TP_GW_SWEEP)
		run_list(s);
	memcpy(&s->list->forward[s->list->n_forwards++], key, sizeof(struct gw_forward_key));
}

static void judge_filter(struct gw_sweeper *s, const void *key, const void *value, uint32_t now)
{
	if (!gw_filter_dead(gw_datapath_nat(s->dp), key, value, now))
		return;
	if (s->list->n_filters == TP_GW_SWEEP)
		run_list(s);
	memcpy(&s->list->filter[s->list->n_filters++], key, sizeof(struct gw_filter_key));
}

static const struct table tables[TABLES] = {
	[FLOWS] = {"gw_flows", sizeof(struct gw_flow_key), sizeof(struct gw_flow), judge_flow},
	[FORWARDS] = {"nat_forward", sizeof(struct gw_forward_key), sizeof(struct gw_forward),
		      judge_forward},
	[FILTERS] = {"nat_filters", sizeof(struct gw_filter_key), sizeof(struct gw_filter),
		     judge_filter},
};

static void end_pass(struct gw_sweeper *s, int t, uint64_t now)
{
	struct pass *p = &s->pass[t];

	if (t == FLOWS) {
		s->stats.flows = p->seen;
		s->stats.passes++;
	} else if (t == FORWARDS) {
		s->stats.mappings = p->seen;
	}
	*p = (struct pass){.pause_until = now + TP_SEC(PAUSE_S)};
}

static void sweep_part(struct gw_sweeper *s, int t, uint64_t now)
{
	struct pass *p = &s->pass[t];
	uint32_t n = BATCH;
	bool last;
	int err;

	if (now < p->pause_until)
		return;
	err = gw_datapath_batch(s->dp, tables[t].map, &p->cursor, s->keys, s->values, &n, &last);
	if (err)
		tp_log_limited(LOG_ERR, "BPF map %s cannot be read: %s", tables[t].map,
			       strerror(-err));
	for (uint32_t i = 0; i < n; i++)
		tables[t].judge(s, s->keys + i * tables[t].key_size,
				s->values + i * tables[t].value_size, gw_ticks(now));
	p->seen += n;
	if (last || err)
		end_pass(s, t, now);
}

void gw_sweeper_tick(struct gw_sweeper *s, uint64_t now)
{
	for (int t = 0; t < TABLES; t++)
		sweep_part(s, t, now);
	gw_blocks_tick(s->blocks, s->list, gw_ticks(now));
	run_list(s);
	if (s->fitted == s->stats.passes)
		return;
	s->fitted = s->stats.passes;
	gw_extent_fit(s->dp, s->stats.flows);
}

/* --- life ----------------------------------------------------------------------------------- */

int gw_sweeper_new(struct gw_sweeper **out, struct gw_datapath *dp, struct gw_blocks *blocks)
{
	struct gw_sweeper *s = calloc(1, sizeof(*s));

	*out = s;
	if (!s)
		return -ENOMEM;
	s->dp = dp;
	s->blocks = blocks;
	s->list = gw_datapath_sweep_list(dp);
	s->list->n_flows = s->list->n_forwards = s->list->n_filters = s->list->n_blocks = 0;
	s->list->places = 0;
	return 0;
}

void gw_sweeper_free(struct gw_sweeper *s)
{
	free(s);
}

const struct gw_sweep_stats *gw_sweeper_stats(const struct gw_sweeper *s)
{
	return &s->stats;
}
