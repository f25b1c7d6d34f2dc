/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words of mappings and of blocks (bpf/abi/gateway.h), as the daemon judges and changes them beside
 * the running programs: always by exchanging the word that was read.
 */
#ifndef GATEWAY_NAT_MEMORY_H
#define GATEWAY_NAT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi/gateway.h"

struct gw_nat_memory {
	uint64_t *words;
	const struct gw_reverse *reverse;
	uint64_t *blocks;
	uint32_t slots;		      /* of addresses */
	uint16_t first, ports, block; /* as nat_base, nat_range and nat_block of struct gw_knobs */
	uint32_t quarantine;	      /* seconds */
};

/* Ticks of CLOCK_MONOTONIC, as everything that is kept in the maps. */
uint32_t gw_ticks(uint64_t ns);
uint32_t gw_seconds_to_ticks(uint32_t seconds);
double gw_ticks_to_seconds(uint32_t ticks);

static inline uint32_t gw_word_until(uint64_t word)
{
	return (uint32_t)word;
}

static inline uint32_t gw_word_claim(uint64_t word)
{
	return (uint32_t)(word >> 32) & ((1u << TP_GW_CLAIM_BITS) - 1);
}

static inline bool gw_word_alive(uint64_t word, uint32_t now)
{
	return now < gw_word_until(word);
}

/* May another mapping have the port? */
bool gw_word_rested(const struct gw_nat_memory *m, uint64_t word, uint32_t now);

static inline uint32_t gw_nat_words(const struct gw_nat_memory *m)
{
	return m->slots * GW_NAT_PROTOS * m->ports;
}

static inline uint32_t gw_nat_blocks(const struct gw_nat_memory *m)
{
	return m->slots * (m->ports / m->block);
}

/* What an index of the words, and one of the blocks, stands for. Ports in host order. */
uint32_t gw_word_slot(const struct gw_nat_memory *m, uint32_t index);
enum gw_nat_proto gw_word_proto(const struct gw_nat_memory *m, uint32_t index);
uint16_t gw_word_port(const struct gw_nat_memory *m, uint32_t index);
uint32_t gw_block_slot(const struct gw_nat_memory *m, uint32_t block);
uint16_t gw_block_port(const struct gw_nat_memory *m, uint32_t block); /* its first */

/* Is no port of the block, of any protocol, in use or resting? */
bool gw_block_idle(const struct gw_nat_memory *m, uint32_t block, uint32_t now);
/* Gives the block back, if its word still is `word`. */
bool gw_block_free(const struct gw_nat_memory *m, uint32_t block, uint64_t word);
/* Sets GW_BLOCK_LOGGED in a word that was read without. */
bool gw_block_mark(const struct gw_nat_memory *m, uint32_t block, uint64_t word);
struct gw_node_key gw_block_owner(const struct gw_nat_memory *m, uint32_t block, uint64_t word);

/* Ends all mappings of an address slot, or of a block: no packet keeps one alive any more. */
void gw_nat_end_slot(const struct gw_nat_memory *m, uint32_t slot);
void gw_nat_end_block(const struct gw_nat_memory *m, uint32_t block);

/* Is this entry dead? A mapping is so with its word, or when that was taken by another. */
bool gw_flow_dead(const struct gw_flow *flow, uint32_t now);
bool gw_forward_dead(const struct gw_nat_memory *m, const struct gw_forward *f, uint32_t now);
bool gw_filter_dead(const struct gw_nat_memory *m, const struct gw_filter_key *key,
		    const struct gw_filter *f, uint32_t now);

struct gw_nat_use {
	uint32_t mappings[GW_NAT_PROTOS]; /* alive */
	uint32_t resting;
	uint32_t blocks; /* taken */
};

/* Of one slot. */
struct gw_nat_use gw_nat_use_of(const struct gw_nat_memory *m, uint32_t slot, uint32_t now);

#endif
