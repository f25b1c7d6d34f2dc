/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/blocks.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "log.h"

#define PARTS 16 /* a tick looks for idle blocks in one of so many parts */

struct gw_blocks {
	const struct gw_nat_memory *m;
	const struct gw_state *state;
	char *path;
	FILE *log;
	bool *unlinked; /* by block: taken out of its node's list by an earlier tick */
	__be32 addr[TP_GW_UPLINKS * TP_GW_ADDRS];
	uint32_t part;
	struct gw_blocks_stats stats;
};

/* --- the log -------------------------------------------------------------------------------- */

int gw_blocks_reopen(struct gw_blocks *b)
{
	FILE *fresh = fopen(b->path, "ae");

	if (!fresh) {
		tp_err("%s: cannot be opened: %s", b->path, strerror(errno));
		return -errno;
	}
	if (b->log)
		fclose(b->log);
	b->log = fresh;
	return 0;
}

static void time_text(char *buf, size_t size)
{
	struct timespec t;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, size - len, ".%03ldZ", t.tv_nsec / 1000000);
}

static const char *device(const char *name)
{
	return name[0] ? name : "?";
}

static json_t *record(const struct gw_blocks *b, const char *event, uint32_t block, uint64_t word)
{
	struct gw_node_key owner = gw_block_owner(b->m, block, word);
	uint32_t slot = gw_block_slot(b->m, block);
	struct tp_addr external = tp_addr_from_v4((struct in_addr){.s_addr = b->addr[slot]}), node;
	char time[40], node_text[TP_ADDR_STRLEN], external_text[TP_ADDR_STRLEN];
	uint16_t first = gw_block_port(b->m, block);

	memcpy(node.b, owner.addr, sizeof(node.b));
	time_text(time, sizeof(time));
	return json_pack(
		"{s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i}", "time", time, "event", event, "overlay",
		owner.overlay < TP_GW_OVERLAYS ? device(b->state->overlays[owner.overlay]) : "?",
		"node", tp_addr_format(&node, node_text), "uplink",
		device(b->state->uplinks[owner.uplink]), "external",
		tp_addr_format(&external, external_text), "first_port", first, "last_port",
		first + b->m->block - 1);
}

static void write_record(struct gw_blocks *b, const char *event, uint32_t block, uint64_t word)
{
	json_t *r = record(b, event, block, word);
	bool failed = !r || json_dumpf(r, b->log, JSON_COMPACT | JSON_PRESERVE_ORDER) ||
		      fputc('\n', b->log) == EOF || fflush(b->log);

	json_decref(r);
	if (!failed)
		return;
	clearerr(b->log);
	b->stats.log_errors++;
	tp_log_limited(LOG_ERR, "%s: a record of a port block is lost: %s", b->path,
		       strerror(errno));
}

/* --- taking and giving back ----------------------------------------------------------------- */

static void log_taken(struct gw_blocks *b, uint32_t block, uint64_t word)
{
	if (!gw_block_mark(b->m, block, word)) /* nobody else writes to a taken one */
		return;
	b->stats.allocated++;
	b->unlinked[block] = false;
	write_record(b, "allocated", block, word);
}

static void give_back(struct gw_blocks *b, uint32_t block, uint64_t word)
{
	if (!gw_block_free(b->m, block, word))
		return;
	b->unlinked[block] = false;
	b->stats.released++;
	write_record(b, "released", block, word);
}

static void unlink_block(struct gw_blocks *b, struct gw_sweep *list, uint32_t block, uint64_t word)
{
	if (list->n_blocks == TP_GW_SWEEP)
		return;
	list->block[list->n_blocks++] = (struct gw_sweep_block){
		.node = gw_block_owner(b->m, block, word),
		.block = block,
	};
	b->unlinked[block] = true;
}

static void look_at(struct gw_blocks *b, struct gw_sweep *list, uint32_t block, uint32_t now)
{
	uint64_t word = __atomic_load_n(&b->m->blocks[block], __ATOMIC_ACQUIRE);

	if (!word)
		return;
	if (!(word & GW_BLOCK_LOGGED)) {
		log_taken(b, block, word);
		return;
	}
	if (!b->unlinked[block] && block % PARTS != b->part)
		return;
	if (!gw_block_idle(b->m, block, now))
		return;
	if (b->unlinked[block])
		give_back(b, block, word);
	else
		unlink_block(b, list, block, word);
}

void gw_blocks_tick(struct gw_blocks *b, struct gw_sweep *list, uint32_t now)
{
	uint32_t n = gw_nat_blocks(b->m);

	b->part = (b->part + 1) % PARTS;
	for (uint32_t block = 0; block < n; block++)
		look_at(b, list, block, now);
}

static void end_block(struct gw_blocks *b, uint32_t block, uint64_t word)
{
	gw_nat_end_block(b->m, block);
	if (!(word & GW_BLOCK_LOGGED))
		log_taken(b, block, word);
	give_back(b, block, word | GW_BLOCK_LOGGED);
}

void gw_blocks_end(struct gw_blocks *b, enum gw_role role, uint32_t id)
{
	for (uint32_t block = 0; block < gw_nat_blocks(b->m); block++) {
		uint64_t word = __atomic_load_n(&b->m->blocks[block], __ATOMIC_ACQUIRE);
		struct gw_node_key owner = gw_block_owner(b->m, block, word);

		if (word && (role == GW_OVERLAY ? owner.overlay : owner.uplink) == id)
			end_block(b, block, word);
	}
}

/* --- life ----------------------------------------------------------------------------------- */

int gw_blocks_new(struct gw_blocks **out, const struct gw_nat_memory *memory,
		  const struct gw_state *state, const char *path)
{
	struct gw_blocks *b = calloc(1, sizeof(*b));
	int err = -ENOMEM;

	*out = NULL;
	if (!b)
		return err;
	b->m = memory;
	b->state = state;
	b->path = strdup(path);
	b->unlinked = calloc(gw_nat_blocks(memory) + 1, sizeof(*b->unlinked));
	if (b->path && b->unlinked)
		err = gw_blocks_reopen(b);
	if (err)
		gw_blocks_free(b);
	else
		*out = b;
	return err;
}

void gw_blocks_free(struct gw_blocks *b)
{
	if (!b)
		return;
	if (b->log)
		fclose(b->log);
	free(b->path);
	free(b->unlinked);
	free(b);
}

void gw_blocks_address(struct gw_blocks *b, uint32_t slot, __be32 addr)
{
	if (addr && slot < TP_GW_UPLINKS * TP_GW_ADDRS)
		b->addr[slot] = addr;
}

const struct gw_blocks_stats *gw_blocks_stats(const struct gw_blocks *b)
{
	return &b->stats;
}
