/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_ends.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>

#define EARLY 20 /* ticks */
#define CLAIM ((1u << TP_GW_CLAIM_BITS) - 1)

static const struct lab_rule all[] = {{"alice", "192.168.10.0/24", NULL, NULL},
				      {"bob", "192.168.10.0/24", NULL, NULL},
				      {NULL, NULL, NULL, NULL}};

static struct {
	struct gw_sweep *sweep;
	uint64_t *words, *blocks;
} mem;

void *ends_share(struct lab *lab, const char *map, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, lab_map(lab, map), 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

int ends_set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();
	struct lab *lab;

	lab_freeze(&knobs);
	knobs.tick_origin = (uint64_t)EARLY << TP_GW_TICK_SHIFT;
	knobs.nat_range = knobs.nat_block = END_PORTS;
	knobs.nat_blocks_per_node = 1;
	knobs.timeout.udp = 1;
	*state = lab = lab_open(&knobs);
	mem.sweep = ends_share(lab, "gw_sweep_list", sizeof(*mem.sweep));
	mem.words = ends_share(lab, "nat_words", sizeof(*mem.words));
	mem.blocks = ends_share(lab, "nat_blocks", sizeof(*mem.blocks));
	return 0;
}

int ends_before(void **state)
{
	lab_reset(*state);
	lab_policy(*state, all);
	return 0;
}

/* --- packets --------------------------------------------------------------------------------- */

struct lab_frame end_frame(struct lab_packet p)
{
	struct lab_frame f;

	lab_build(&f, &p);
	return f;
}

struct lab_frame end_out(const struct end *e)
{
	return end_frame(lab_udp(e->node, e->port, SERVER, e->server_port));
}

struct lab_frame end_in(uint16_t port)
{
	return end_frame(lab_udp(SERVER, 53, EXTERNAL, port));
}

struct gw_flow_key end_key(const struct end *e)
{
	return lab_key(e->node, e->port, SERVER, e->server_port, IPPROTO_UDP);
}

uint16_t end_speak(struct lab *lab, const struct end *e)
{
	struct lab_frame in = end_out(e), out;
	int verdict = lab_run(lab, FROM_NODE, &in, &out);

	return end_forwarded(verdict, &out) ? lab_sport(&out) : 0;
}

bool end_forwarded(int verdict, const struct lab_frame *out)
{
	return verdict == REDIRECT && lab_ip(out)[9] != IPPROTO_ICMP;
}

bool end_is_at(const struct lab_frame *out, const struct end *e)
{
	return lab_is_to(out, e->node) && lab_dport(out) == e->port;
}

const char *end_whole(const struct lab_frame *out, const struct end *a, const struct end *b)
{
	if (!end_is_at(out, a) && !end_is_at(out, b))
		return "half to the one and half to the other";
	return lab_checksums_ok(out) ? NULL : "a wrong sum";
}

/* --- what the daemon does -------------------------------------------------------------------- */

static uint32_t index_of(uint16_t port)
{
	return GW_NAT_UDP * END_PORTS + port - LAB_BASE;
}

static uint32_t claim_of(uint16_t port)
{
	return mem.words[index_of(port)] >> 32 & CLAIM;
}

void end_port(uint16_t port)
{
	uint64_t next = (claim_of(port) + 1) & CLAIM;

	__atomic_store_n(&mem.words[index_of(port)], next << 32, __ATOMIC_SEQ_CST);
}

struct gw_filter_key end_filter(uint16_t port)
{
	return (struct gw_filter_key){index_of(port), claim_of(port), inet_addr(SERVER)};
}

struct gw_sweep *ends_list(void)
{
	mem.sweep->n_flows = mem.sweep->n_forwards = mem.sweep->n_filters = mem.sweep->n_blocks = 0;
	mem.sweep->places = 0;
	return mem.sweep;
}

void end_flow(struct lab *lab, const struct end *e, uint16_t port)
{
	struct gw_sweep *list = ends_list();

	list->filter[list->n_filters++] = end_filter(port);
	lab_sweep(lab);
	list = ends_list();
	list->flow[list->n_flows++] = end_key(e);
	lab_sweep(lab);
}

void end_mapping(struct lab *lab, const struct end *e, uint16_t port)
{
	struct gw_sweep *list = ends_list();
	struct gw_sweep_block *block = &list->block[list->n_blocks++];

	end_port(port);
	list->forward[list->n_forwards++] = (struct gw_forward_key){
		.node = inet_addr(e->node), .node_port = htons(e->port), .nat_proto = GW_NAT_UDP};
	*block = (struct gw_sweep_block){0};
	lab_addr(block->node.addr, e->node);
	lab_sweep(lab);
	__atomic_store_n(&mem.blocks[0], 0, __ATOMIC_SEQ_CST);
}
