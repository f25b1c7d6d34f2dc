/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A lab's table of shortcuts, in memory. */
#ifndef TP_TESTS_BPF_GATEWAY_TABLE_H
#define TP_TESTS_BPF_GATEWAY_TABLE_H

#include "gateway/datapath_extent.h"
#include "gateway_lab.h"

struct gw_shortcut_table table_open(struct lab *lab);
void table_close(struct gw_shortcut_table *t);
/* No entries, and the least of it in use. */
void table_clear(const struct gw_shortcut_table *t);

/* So many places are in use from now on, as the daemon does it. */
void table_use(struct lab *lab, uint32_t places);
/* The first half of that: programs know, and what lies elsewhere is there still. */
void table_announce(struct lab *lab, uint32_t places);

/* Entries that are good, in a lab whose time stands still. */
unsigned int table_good(struct lab *lab);
/* Entries of somebody's, good or not, that lie where programs don't look. */
unsigned int table_lost(struct lab *lab);

#endif
