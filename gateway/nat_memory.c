/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/nat_memory.h"

#include <string.h>

#include "addr.h"
#include "clock.h"

#define OWNER_OVERLAY_SHIFT 32
#define CLAIM_SHIFT	    32
#define FLAGS_SHIFT	    56

uint32_t gw_ticks(uint64_t ns)
{
	return (uint32_t)(ns >> TP_GW_TICK_SHIFT);
}

uint32_t gw_seconds_to_ticks(uint32_t seconds)
{
	return (uint32_t)(TP_SEC(seconds) >> TP_GW_TICK_SHIFT);
}

double gw_ticks_to_seconds(uint32_t ticks)
{
	return (double)((uint64_t)ticks << TP_GW_TICK_SHIFT) / (double)TP_NS_PER_SEC;
}

/* --- words ---------------------------------------------------------------------------------- */

static uint64_t read_word(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static bool exchange(uint64_t *word, uint64_t old, uint64_t new)
{
	return __atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

bool gw_word_rested(const struct gw_nat_memory *m, uint64_t word, uint32_t now)
{
	uint32_t until = gw_word_until(word);

	if (gw_word_alive(word, now))
		return false;
	return !until || word >> FLAGS_SHIFT & GW_WORD_NO_REST ||
	       now - until >= gw_seconds_to_ticks(m->quarantine);
}

uint32_t gw_word_slot(const struct gw_nat_memory *m, uint32_t index)
{
	return index / m->ports / GW_NAT_PROTOS;
}

enum gw_nat_proto gw_word_proto(const struct gw_nat_memory *m, uint32_t index)
{
	return (enum gw_nat_proto)(index / m->ports % GW_NAT_PROTOS);
}

uint16_t gw_word_port(const struct gw_nat_memory *m, uint32_t index)
{
	return (uint16_t)(m->first + index % m->ports);
}

/* until 0 and the next claim: a keep-alive that has read the word before fails. */
static void end_mapping(uint64_t *word)
{
	uint64_t old;

	do {
		uint64_t claim;

		old = read_word(word);
		if (!gw_word_until(old))
			return;
		claim = (gw_word_claim(old) + 1) & ((1u << TP_GW_CLAIM_BITS) - 1);
		if (exchange(word, old, claim << CLAIM_SHIFT))
			return;
	} while (true);
}

void gw_nat_end_slot(const struct gw_nat_memory *m, uint32_t slot)
{
	uint64_t *word = m->words + (size_t)slot * GW_NAT_PROTOS * m->ports;

	for (uint32_t i = 0; i < (uint32_t)GW_NAT_PROTOS * m->ports; i++)
		end_mapping(&word[i]);
}

/* --- blocks --------------------------------------------------------------------------------- */

static uint32_t blocks_of_slot(const struct gw_nat_memory *m)
{
	return m->ports / m->block;
}

uint32_t gw_block_slot(const struct gw_nat_memory *m, uint32_t block)
{
	return block / blocks_of_slot(m);
}

uint16_t gw_block_port(const struct gw_nat_memory *m, uint32_t block)
{
	return (uint16_t)(m->first + block % blocks_of_slot(m) * m->block);
}

/* The words of a block's ports, of one protocol. */
static uint64_t *words_of(const struct gw_nat_memory *m, uint32_t block, uint32_t proto)
{
	size_t row = (size_t)gw_block_slot(m, block) * GW_NAT_PROTOS + proto;

	return m->words + row * m->ports + block % blocks_of_slot(m) * m->block;
}

void gw_nat_end_block(const struct gw_nat_memory *m, uint32_t block)
{
	for (uint32_t proto = 0; proto < GW_NAT_PROTOS; proto++) {
		uint64_t *word = words_of(m, block, proto);

		for (uint32_t i = 0; i < m->block; i++)
			end_mapping(&word[i]);
	}
}

bool gw_block_idle(const struct gw_nat_memory *m, uint32_t block, uint32_t now)
{
	for (uint32_t proto = 0; proto < GW_NAT_PROTOS; proto++) {
		const uint64_t *word = words_of(m, block, proto);

		for (uint32_t i = 0; i < m->block; i++)
			if (!gw_word_rested(m, read_word(&word[i]), now))
				return false;
	}
	return true;
}

bool gw_block_free(const struct gw_nat_memory *m, uint32_t block, uint64_t word)
{
	return exchange(&m->blocks[block], word, 0);
}

bool gw_block_mark(const struct gw_nat_memory *m, uint32_t block, uint64_t word)
{
	return exchange(&m->blocks[block], word, word | GW_BLOCK_LOGGED);
}

struct gw_node_key gw_block_owner(const struct gw_nat_memory *m, uint32_t block, uint64_t word)
{
	struct tp_addr addr = tp_addr_from_v4((struct in_addr){.s_addr = (uint32_t)word});
	struct gw_node_key key = {
		.overlay = (uint16_t)(word >> OWNER_OVERLAY_SHIFT),
		.uplink = (uint16_t)(gw_block_slot(m, block) / TP_GW_ADDRS),
	};

	memcpy(key.addr, addr.b, sizeof(key.addr));
	return key;
}

/* --- what is dead --------------------------------------------------------------------------- */

bool gw_flow_dead(const struct gw_flow *flow, uint32_t now)
{
	return flow->until && flow->until <= now;
}

static bool mapping_dead(const struct gw_nat_memory *m, uint32_t mapping, uint32_t claim,
			 uint32_t now)
{
	uint64_t word;

	if (mapping >= gw_nat_words(m))
		return true;
	word = __atomic_load_n(&m->words[mapping], __ATOMIC_ACQUIRE);
	return gw_word_claim(word) != claim || !gw_word_alive(word, now);
}

bool gw_forward_dead(const struct gw_nat_memory *m, const struct gw_forward *f, uint32_t now)
{
	return mapping_dead(m, f->mapping, f->claim, now);
}

bool gw_filter_dead(const struct gw_nat_memory *m, const struct gw_filter_key *key,
		    const struct gw_filter *f, uint32_t now)
{
	return (f->until && f->until <= now) || mapping_dead(m, key->mapping, key->claim, now);
}

/* --- use ------------------------------------------------------------------------------------ */

struct gw_nat_use gw_nat_use_of(const struct gw_nat_memory *m, uint32_t slot, uint32_t now)
{
	struct gw_nat_use use = {0};
	const uint64_t *blocks = m->blocks + (size_t)slot * blocks_of_slot(m);

	for (uint32_t proto = 0; proto < GW_NAT_PROTOS; proto++) {
		const uint64_t *word = m->words + ((size_t)slot * GW_NAT_PROTOS + proto) * m->ports;

		for (uint32_t i = 0; i < m->ports; i++) {
			uint64_t w = read_word(&word[i]);

			use.mappings[proto] += gw_word_alive(w, now);
			use.resting += w && !gw_word_rested(m, w, now) && !gw_word_alive(w, now);
		}
	}
	for (uint32_t i = 0; i < blocks_of_slot(m); i++)
		use.blocks += read_word(&blocks[i]) != 0;
	return use;
}
