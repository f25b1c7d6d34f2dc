/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/datapath_extent.h"

#include <string.h>

#include "bpf/lib/gateway/shortcut_place.h"
#include "datapath_private.h"
#include "gateway/datapath_purge.h"
#include "log.h"

/* Flows that come in waves leave the table as the wave made it: what it gains to shrink at once is
 * less than what each change costs, a second look for every flow. A minute or more. */
#define SPARSE_PASSES 30

/* At five eighths full, two of a thousand entries find no place. */
uint32_t gw_extent_wanted(uint32_t flows)
{
	uint32_t places = TP_GW_SHORTCUTS_MIN;

	while (places < TP_GW_SHORTCUTS && flows > places / 16 * 5)
		places *= 2;
	return places;
}

static uint64_t read_word(const struct gw_shortcut_table *t)
{
	return __atomic_load_n(&t->extent->word, __ATOMIC_SEQ_CST);
}

uint32_t gw_extent_used(const struct gw_shortcut_table *t)
{
	return gw_extent_mask(read_word(t)) + 1;
}

static void publish(const struct gw_shortcut_table *t, uint32_t mask, uint32_t before)
{
	__atomic_store_n(&t->extent->word, mask | (uint64_t)before << 32, __ATOMIC_SEQ_CST);
}

/* When the places are gone through, no program runs that began under the former extent; those of
 * now look for what a flow's end must end in the places of both until that is done. */
int gw_extent_finish(const struct gw_shortcut_table *t, const struct gw_extent_sweep *sweep)
{
	uint32_t mask = gw_extent_mask(read_word(t)), before = gw_extent_before(read_word(t));
	struct gw_sweep *list = sweep->list;
	int err;

	if (mask == before)
		return 0;
	gw_datapath_settle();
	list->places = before + 1;
	do
		err = sweep->run(sweep->arg);
	while (!err && list->busy);
	list->places = 0;
	if (!err)
		publish(t, mask, mask);
	return err;
}

int gw_extent_use(const struct gw_shortcut_table *t, const struct gw_extent_sweep *sweep,
		  uint32_t places)
{
	int err = gw_extent_finish(t, sweep);

	if (err)
		return err;
	publish(t, places - 1, gw_extent_used(t) - 1);
	return gw_extent_finish(t, sweep);
}

/* --- the daemon's ---------------------------------------------------------------------------- */

static int run_sweep(void *arg)
{
	return gw_datapath_sweep(arg);
}

static int said(int err)
{
	if (err)
		tp_log_limited(LOG_ERR, "the table of shortcuts cannot be fitted to the flows: %s",
			       strerror(-err));
	return err;
}

int gw_extent_open(struct gw_datapath *dp)
{
	const struct gw_extent_sweep sweep = {dp->sweep, run_sweep, dp};

	return said(gw_extent_finish(&dp->shortcuts, &sweep));
}

void gw_extent_fit(struct gw_datapath *dp, uint32_t flows)
{
	const struct gw_extent_sweep sweep = {dp->sweep, run_sweep, dp};
	uint32_t wanted = gw_extent_wanted(flows), used = gw_extent_used(&dp->shortcuts);

	dp->sparse = wanted <= used / 4 ? dp->sparse + 1 : 0;
	if (wanted <= used && dp->sparse < SPARSE_PASSES)
		return;
	dp->sparse = 0;
	if (!said(gw_extent_use(&dp->shortcuts, &sweep, wanted)))
		tp_debug("%u places for the shortcuts of %u flows", wanted, flows);
}
