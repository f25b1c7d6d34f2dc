// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The daemon's side of masquerading, on plain memory: words, blocks and their log, places of
 * addresses, and what is dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <jansson.h>

#include "gateway/addresses.h"
#include "gateway/blocks.h"

#define SLOTS	   2
#define PORTS	   256
#define BLOCK	   64
#define FIRST	   10000
#define QUARANTINE 120
#define NOW	   1000000u
#define PARTS	   16

static uint64_t words[SLOTS * GW_NAT_PROTOS * PORTS], blocks[SLOTS * PORTS / BLOCK];
static struct gw_nat_memory m = {
	.words = words,
	.blocks = blocks,
	.slots = SLOTS,
	.first = FIRST,
	.ports = PORTS,
	.block = BLOCK,
	.quarantine = QUARANTINE,
};
static struct gw_sweep list;
static struct gw_state state = {.overlays = {"", "wg0"}, .uplinks = {"eth1"}};
static char log_path[] = "/tmp/tp-blocks-XXXXXX";

static uint32_t index_of(uint32_t slot, uint32_t proto, uint16_t port)
{
	return (slot * GW_NAT_PROTOS + proto) * PORTS + (port - FIRST);
}

static uint64_t word(uint32_t until, uint32_t claim, uint64_t flags)
{
	return until | (uint64_t)claim << 32 | flags << 56;
}

static uint64_t owner(const char *node, uint64_t overlay)
{
	return GW_BLOCK_TAKEN | overlay << 32 | inet_addr(node);
}

/* --- words ---------------------------------------------------------------------------------- */

static void an_index_names_a_port(void **s)
{
	(void)s;
	assert_int_equal(gw_word_slot(&m, index_of(1, GW_NAT_TCP, 10100)), 1);
	assert_int_equal(gw_word_proto(&m, index_of(1, GW_NAT_TCP, 10100)), GW_NAT_TCP);
	assert_int_equal(gw_word_port(&m, index_of(1, GW_NAT_ICMP, 10255)), 10255);
	assert_int_equal(gw_block_slot(&m, 5), 1);
	assert_int_equal(gw_block_port(&m, 5), FIRST + BLOCK);
}

static void a_freed_port_rests(void **s)
{
	uint32_t rest = gw_seconds_to_ticks(QUARANTINE);

	(void)s;
	assert_true(gw_word_rested(&m, 0, NOW));
	assert_false(gw_word_rested(&m, word(NOW + 1, 1, 0), NOW));
	assert_false(gw_word_rested(&m, word(NOW, 1, 0), NOW));
	assert_false(gw_word_rested(&m, word(NOW - rest + 1, 1, 0), NOW));
	assert_true(gw_word_rested(&m, word(NOW - rest, 1, 0), NOW));
	assert_true(gw_word_rested(&m, word(NOW, 1, GW_WORD_NO_REST), NOW));
	assert_false(gw_word_rested(&m, word(NOW + 1, 1, GW_WORD_NO_REST), NOW));
	assert_true(gw_word_rested(&m, word(0, 7, 0), 5)); /* ended by the daemon */
}

static void a_slot_ends(void **s)
{
	(void)s;
	words[index_of(0, GW_NAT_UDP, 10255)] = word(NOW + 10, 5, 0);
	words[index_of(1, GW_NAT_UDP, 10000)] = word(NOW + 10, 0xffffff, GW_WORD_NO_REST);
	words[index_of(1, GW_NAT_ICMP, 10255)] = word(NOW + 10, 8, 0);
	gw_nat_end_slot(&m, 1);
	assert_true(words[index_of(0, GW_NAT_UDP, 10255)] == word(NOW + 10, 5, 0));
	assert_true(words[index_of(1, GW_NAT_UDP, 10000)] == 0);
	assert_true(words[index_of(1, GW_NAT_ICMP, 10255)] == word(0, 9, 0));
	gw_nat_end_slot(&m, 1); /* once is enough */
	assert_true(words[index_of(1, GW_NAT_ICMP, 10255)] == word(0, 9, 0));
}

static void use_is_counted(void **s)
{
	struct gw_nat_use use;

	(void)s;
	words[index_of(1, GW_NAT_UDP, 10001)] = word(NOW + 10, 1, 0);
	words[index_of(1, GW_NAT_TCP, 10001)] = word(NOW + 10, 1, 0);
	words[index_of(1, GW_NAT_TCP, 10002)] = word(NOW - 10, 1, 0);
	words[index_of(1, GW_NAT_TCP, 10003)] = word(NOW - 10, 1, GW_WORD_NO_REST);
	blocks[4] = owner("100.64.1.1", 1);
	use = gw_nat_use_of(&m, 1, NOW);
	assert_int_equal(use.mappings[GW_NAT_UDP], 1);
	assert_int_equal(use.mappings[GW_NAT_TCP], 1);
	assert_int_equal(use.mappings[GW_NAT_ICMP], 0);
	assert_int_equal(use.resting, 1);
	assert_int_equal(use.blocks, 1);
}

/* --- blocks --------------------------------------------------------------------------------- */

static struct gw_blocks *open_blocks(void)
{
	struct gw_blocks *b;

	assert_int_equal(gw_blocks_new(&b, &m, &state, log_path), 0);
	gw_blocks_address(b, 0, inet_addr("192.0.2.1"));
	gw_blocks_address(b, 1, inet_addr("192.0.2.2"));
	return b;
}

/* As many ticks as it takes to look at every block. */
static void tick_all(struct gw_blocks *b, uint32_t now)
{
	for (int i = 0; i < PARTS; i++)
		gw_blocks_tick(b, &list, now);
}

static json_t *log_line(size_t n)
{
	FILE *f = fopen(log_path, "r");
	char line[512] = "";

	for (size_t i = 0; f && i <= n; i++)
		if (!fgets(line, sizeof(line), f))
			line[0] = '\0';
	fclose(f);
	return json_loads(line, 0, NULL);
}

static void line_is(size_t n, const char *event, const char *node, const char *external, int first)
{
	json_t *r = log_line(n);

	assert_non_null(r);
	assert_string_equal(json_string_value(json_object_get(r, "event")), event);
	assert_string_equal(json_string_value(json_object_get(r, "node")), node);
	assert_string_equal(json_string_value(json_object_get(r, "external")), external);
	assert_string_equal(json_string_value(json_object_get(r, "overlay")), "wg0");
	assert_string_equal(json_string_value(json_object_get(r, "uplink")), "eth1");
	assert_int_equal(json_integer_value(json_object_get(r, "first_port")), first);
	assert_int_equal(json_integer_value(json_object_get(r, "last_port")), first + BLOCK - 1);
	assert_int_equal(strlen(json_string_value(json_object_get(r, "time"))), 24);
	json_decref(r);
}

static void a_block_is_logged_once(void **s)
{
	struct gw_blocks *b = open_blocks();

	(void)s;
	words[index_of(1, GW_NAT_UDP, FIRST + BLOCK)] = word(NOW + 10, 1, 0);
	blocks[5] = owner("100.64.1.1", 1);
	gw_blocks_tick(b, &list, NOW);
	line_is(0, "allocated", "100.64.1.1", "192.0.2.2", FIRST + BLOCK);
	tick_all(b, NOW);
	assert_null(log_line(1));
	assert_true(blocks[5] == (owner("100.64.1.1", 1) | GW_BLOCK_LOGGED));
	assert_int_equal(list.n_blocks, 0);
	gw_blocks_free(b);
	b = open_blocks(); /* the next run knows it */
	tick_all(b, NOW);
	assert_null(log_line(1));
	gw_blocks_free(b);
}

static void an_idle_block_is_given_back_in_two_steps(void **s)
{
	struct gw_blocks *b = open_blocks();
	uint32_t rested = NOW + 10 + gw_seconds_to_ticks(QUARANTINE);

	(void)s;
	words[index_of(0, GW_NAT_TCP, FIRST + 3)] = word(NOW + 10, 1, 0);
	blocks[0] = owner("100.64.1.9", 1);
	tick_all(b, NOW);
	tick_all(b, rested - 1);
	assert_int_equal(list.n_blocks, 0);
	for (int i = 0; i < PARTS && !list.n_blocks; i++)
		gw_blocks_tick(b, &list, rested);
	assert_int_equal(list.n_blocks, 1);
	assert_int_equal(list.block[0].block, 0);
	assert_int_equal(list.block[0].node.overlay, 1);
	assert_int_equal(list.block[0].node.uplink, 0);
	assert_int_equal(list.block[0].node.addr[15], 9);
	assert_true(blocks[0] != 0); /* not in the tick that takes it from the node */
	gw_blocks_tick(b, &list, rested);
	assert_true(blocks[0] == 0);
	line_is(1, "released", "100.64.1.9", "192.0.2.1", FIRST);
	assert_int_equal(gw_blocks_stats(b)->allocated, 1);
	assert_int_equal(gw_blocks_stats(b)->released, 1);
	gw_blocks_free(b);
}

/* Overlay 1 goes: its blocks at once, whatever is alive there, and no other's. */
static void blocks_end_with_their_overlay(void **s)
{
	struct gw_blocks *b = open_blocks();

	(void)s;
	blocks[0] = owner("100.64.1.9", 1);
	blocks[1] = owner("100.64.1.9", 2);
	words[index_of(0, GW_NAT_UDP, FIRST)] = word(NOW + 10, 1, 0);
	words[index_of(0, GW_NAT_TCP, FIRST + BLOCK - 1)] = word(NOW + 10, 4, 0);
	words[index_of(0, GW_NAT_TCP, FIRST + BLOCK)] = word(NOW + 10, 1, 0);
	gw_blocks_end(b, GW_OVERLAY, 1);
	assert_true(blocks[0] == 0);
	assert_true(words[index_of(0, GW_NAT_UDP, FIRST)] == word(0, 2, 0));
	assert_true(words[index_of(0, GW_NAT_TCP, FIRST + BLOCK - 1)] == word(0, 5, 0));
	assert_true(blocks[1] == owner("100.64.1.9", 2));
	assert_true(words[index_of(0, GW_NAT_TCP, FIRST + BLOCK)] == word(NOW + 10, 1, 0));
	line_is(0, "allocated", "100.64.1.9", "192.0.2.1", FIRST); /* though no tick had seen it */
	line_is(1, "released", "100.64.1.9", "192.0.2.1", FIRST);
	assert_null(log_line(2));
	gw_blocks_end(b, GW_UPLINK, 0);
	assert_true(blocks[1] == 0);
	gw_blocks_free(b);
}

static void a_block_that_is_used_in_between_stays(void **s)
{
	struct gw_blocks *b = open_blocks();

	(void)s;
	blocks[0] = owner("100.64.1.9", 1);
	for (int i = 0; i <= PARTS && !list.n_blocks; i++)
		gw_blocks_tick(b, &list, NOW);
	words[index_of(0, GW_NAT_ICMP, FIRST + BLOCK - 1)] = word(NOW + 10, 1, 0);
	tick_all(b, NOW);
	assert_true(blocks[0] != 0);
	gw_blocks_free(b);
}

static void a_full_list_takes_no_more(void **s)
{
	struct gw_blocks *b = open_blocks();

	(void)s;
	blocks[0] = owner("100.64.1.9", 1);
	list.n_blocks = TP_GW_SWEEP;
	tick_all(b, NOW);
	tick_all(b, NOW);
	assert_true(blocks[0] != 0);
	list.n_blocks = 0;
	tick_all(b, NOW);
	tick_all(b, NOW);
	assert_true(blocks[0] == 0);
	gw_blocks_free(b);
}

/* --- places --------------------------------------------------------------------------------- */

static void addresses_keep_their_places(void **s)
{
	struct gw_uplink u = {0};
	__be32 a = inet_addr("192.0.2.1"), b = inet_addr("192.0.2.2"), c = inet_addr("192.0.2.3");

	(void)s;
	assert_int_equal(gw_addresses_update(&u, (__be32[]){a, b}, 2), 0);
	assert_true(u.addr[0] == a && u.addr[1] == b && u.n_addrs == 2);
	assert_int_equal(gw_addresses_update(&u, (__be32[]){b, a}, 2), 0);
	assert_true(u.addr[0] == a && u.addr[1] == b);
	/* another one does not get the place that has just become free */
	assert_int_equal(gw_addresses_update(&u, (__be32[]){b, c}, 2), 1);
	assert_true(u.addr[0] == 0 && u.addr[1] == b && u.addr[2] == c && u.n_addrs == 3);
	assert_int_equal(gw_addresses_update(&u, NULL, 0), 6);
	assert_int_equal(u.n_addrs, 0);
}

static void a_full_uplink_fills_what_has_just_become_free(void **s)
{
	__be32 all[TP_GW_ADDRS + 1];
	struct gw_uplink u = {0};

	(void)s;
	for (uint32_t i = 0; i <= TP_GW_ADDRS; i++)
		all[i] = htonl(0xc0000201 + i);
	assert_int_equal(gw_addresses_update(&u, all, TP_GW_ADDRS), 0);
	assert_int_equal(gw_addresses_update(&u, all + 1, TP_GW_ADDRS), 1);
	assert_true(u.addr[0] == all[TP_GW_ADDRS] && u.n_addrs == TP_GW_ADDRS);
}

/* --- what is dead --------------------------------------------------------------------------- */

static void dead_entries(void **s)
{
	struct gw_filter_key key = {.mapping = index_of(0, GW_NAT_UDP, 10000), .claim = 4};
	struct gw_forward f = {.mapping = key.mapping, .claim = 4};

	(void)s;
	words[key.mapping] = word(NOW + 10, 4, 0);
	assert_true(gw_flow_dead(&(struct gw_flow){.until = NOW}, NOW));
	assert_false(gw_flow_dead(&(struct gw_flow){.until = NOW + 1}, NOW));
	assert_false(gw_flow_dead(&(struct gw_flow){.until = 0}, NOW)); /* being removed */
	assert_false(gw_forward_dead(&m, &f, NOW));
	assert_true(gw_forward_dead(&m, &f, NOW + 10));
	assert_false(gw_filter_dead(&m, &key, &(struct gw_filter){.until = NOW + 1}, NOW));
	assert_true(gw_filter_dead(&m, &key, &(struct gw_filter){.until = NOW}, NOW));
	words[key.mapping] = word(NOW + 10, 5, 0); /* another's by now */
	assert_true(gw_forward_dead(&m, &f, NOW));
	assert_true(gw_filter_dead(&m, &key, &(struct gw_filter){.until = NOW + 1}, NOW));
	f.mapping = gw_nat_words(&m);
	assert_true(gw_forward_dead(&m, &f, NOW));
}

static int clear(void **s)
{
	(void)s;
	memset(words, 0, sizeof(words));
	memset(blocks, 0, sizeof(blocks));
	memset(&list, 0, sizeof(list));
	return truncate(log_path, 0);
}

static int make_log(void **s)
{
	int fd = mkstemp(log_path);

	(void)s;
	return fd < 0 ? -1 : close(fd);
}

static int remove_log(void **s)
{
	(void)s;
	return unlink(log_path);
}

#define TEST(f) cmocka_unit_test_setup(f, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_index_names_a_port),
		TEST(a_freed_port_rests),
		TEST(a_slot_ends),
		TEST(use_is_counted),
		TEST(a_block_is_logged_once),
		TEST(an_idle_block_is_given_back_in_two_steps),
		TEST(blocks_end_with_their_overlay),
		TEST(a_block_that_is_used_in_between_stays),
		TEST(a_full_list_takes_no_more),
		TEST(addresses_keep_their_places),
		TEST(a_full_uplink_fills_what_has_just_become_free),
		TEST(dead_entries),
	};

	return cmocka_run_group_tests(tests, make_log, remove_log);
}
