/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A gateway whose time stands still: for the programs to see time pass, all that they remember of
 * it is made older. */
#include <bpf/bpf.h>
#include <sys/mman.h>

#include "gateway_table.h"

#define WORDS (TP_GW_ADDRS * GW_NAT_PROTOS * LAB_RANGE)

/* The kernel's ticks count in bits of which the programs' 32 are none. */
void lab_freeze(struct gw_knobs *knobs)
{
	knobs->tick_ns = 1ull << 58;
	knobs->tick_origin = (uint64_t)LAB_FROZEN << TP_GW_TICK_SHIFT;
}

/* A time in ticks; 0 is none. */
static void age(uint32_t *time, uint32_t ticks)
{
	if (*time)
		*time = *time > ticks ? *time - ticks : 1;
}

#define KEYS	 8192
#define KEY_SIZE 64

/* An entry that is written goes to another place in its map, so the keys are gathered first. */
static void age_map(struct lab *lab, const char *map, size_t at, uint32_t ticks)
{
	static char keys[KEYS][KEY_SIZE];
	char value[512] __attribute__((aligned(8)));
	int fd = lab_map(lab, map), n = 0;

	while (n < KEYS && !bpf_map_get_next_key(fd, n ? keys[n - 1] : NULL, keys[n]))
		n++;
	for (int i = 0; i < n; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, keys[i], value), 0);
		age((uint32_t *)(value + at), ticks);
		assert_int_equal(bpf_map_update_elem(fd, keys[i], value, BPF_EXIST), 0);
	}
}

static void age_shortcuts(struct lab *lab, uint32_t ticks)
{
	struct gw_shortcut *s = lab_shortcuts(lab)->places;

	for (uint32_t i = 0; i < TP_GW_SHORTCUTS; i++)
		age(&s[i].until, ticks);
}

void lab_age(struct lab *lab, uint32_t ticks)
{
	size_t size = WORDS * sizeof(uint64_t);
	uint64_t *words =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, lab_map(lab, "nat_words"), 0);

	assert_ptr_not_equal(words, MAP_FAILED);
	for (uint32_t i = 0; i < WORDS; i++) {
		uint32_t until = (uint32_t)words[i];

		age(&until, ticks);
		words[i] = words[i] >> 32 << 32 | until;
	}
	munmap(words, size);
	age_shortcuts(lab, ticks);
	age_map(lab, "gw_flows", offsetof(struct gw_flow, until), ticks);
	age_map(lab, "nat_filters", offsetof(struct gw_filter, until), ticks);
	age_map(lab, "gw_fragments", offsetof(struct gw_fragment, until), ticks);
	age_map(lab, "gw_nodes", offsetof(struct gw_node, refused), ticks);
}
