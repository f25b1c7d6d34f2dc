/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_table.h"

#include <string.h>
#include <sys/mman.h>

#include "bpf/lib/gateway/shortcut_place.h"

#define SIZE (TP_GW_SHORTCUTS * sizeof(struct gw_shortcut))

static void *share(struct lab *lab, const char *map, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, lab_map(lab, map), 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

struct gw_shortcut_table table_open(struct lab *lab)
{
	return (struct gw_shortcut_table){share(lab, "gw_shortcuts", SIZE),
					  share(lab, "gw_extent", sizeof(struct gw_extent))};
}

void table_close(struct gw_shortcut_table *t)
{
	munmap(t->places, SIZE);
	munmap(t->extent, sizeof(*t->extent));
}

void table_clear(const struct gw_shortcut_table *t)
{
	memset(t->places, 0, SIZE);
	t->extent->word = 0;
}

/* --- the part in use ------------------------------------------------------------------------- */

static int run(void *lab)
{
	lab_sweep(lab);
	return 0;
}

void table_use(struct lab *lab, uint32_t places)
{
	struct gw_extent_sweep sweep = {.run = run, .arg = lab};

	sweep.list = share(lab, "gw_sweep_list", sizeof(*sweep.list));
	memset(sweep.list, 0, sizeof(*sweep.list));
	assert_int_equal(gw_extent_use(lab_shortcuts(lab), &sweep, places), 0);
	assert_int_equal(gw_extent_used(lab_shortcuts(lab)), places);
	munmap(sweep.list, sizeof(*sweep.list));
}

void table_announce(struct lab *lab, uint32_t places)
{
	const struct gw_shortcut_table *t = lab_shortcuts(lab);
	uint64_t before = gw_extent_used(t) - 1;

	__atomic_store_n(&t->extent->word, (places - 1) | before << 32, __ATOMIC_SEQ_CST);
}

/* --- what is in it --------------------------------------------------------------------------- */

unsigned int table_good(struct lab *lab)
{
	const struct gw_shortcut *s = lab_shortcuts(lab)->places;
	unsigned int n = 0;

	for (uint32_t i = 0; i < TP_GW_SHORTCUTS; i++)
		n += s[i].until > LAB_FROZEN;
	return n;
}

unsigned int table_lost(struct lab *lab)
{
	const struct gw_shortcut_table *t = lab_shortcuts(lab);
	uint32_t mask = gw_extent_used(t) - 1;
	unsigned int n = 0;

	for (uint32_t i = 0; i < TP_GW_SHORTCUTS; i++) {
		const struct gw_shortcut *s = &t->places[i];

		n += s->ends && !gw_shortcut_lies(gw_shortcut_mix(s->addrs, s->ends), mask, i);
	}
	return n;
}
