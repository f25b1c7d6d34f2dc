/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel 6.1 gives all functions on the way from a program to where it calls deepest 512 bytes of
 * stack, and rounds each function's up to 32. Later ones round to 16: they take programs that 6.1
 * refuses. So it is summed here as 6.1 would.
 */
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdlib.h>

#include "gateway_lab.h"

#include "bpf/gateway.skel.h"

#define FUNCTIONS 256
#define ROUNDED	  32
#define STACK	  512
#define FRAMES	  8
#define ENTRIES	  8192

/* A program with the functions that libbpf put behind it, one after the other. */
struct code {
	const struct bpf_insn *insns;
	uint32_t n_insns;
	uint32_t start[FUNCTIONS + 1];
	uint32_t deepest[FUNCTIONS]; /* of this function and all below; 0: not known yet */
	uint32_t frames[FUNCTIONS];
	uint32_t n;
};

/* The instruction that `i` calls or names as a callback, or -1. */
static long callee(const struct bpf_insn *insns, uint32_t i)
{
	const struct bpf_insn *insn = &insns[i];
	bool call = insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
	bool callback =
		insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;

	return call || callback ? (long)i + 1 + insn->imm : -1;
}

static bool is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static uint32_t function_at(const struct code *c, uint32_t insn)
{
	for (uint32_t f = 0; f < c->n; f++)
		if (c->start[f] == insn)
			return f;
	fail_msg("a call to the midst of a function");
	return 0;
}

static void find_functions(struct code *c)
{
	bool *starts = calloc(c->n_insns + 1, sizeof(*starts));

	assert_non_null(starts);
	starts[0] = true;
	for (uint32_t i = 0; i < c->n_insns; i += is_wide(&c->insns[i]) ? 2 : 1)
		if (callee(c->insns, i) >= 0)
			starts[callee(c->insns, i)] = true;
	for (uint32_t i = 0; i < c->n_insns; i++) {
		if (!starts[i])
			continue;
		assert_true(c->n < FUNCTIONS);
		c->start[c->n++] = i;
	}
	c->start[c->n] = c->n_insns;
	free(starts);
}

/* How far below the frame pointer this instruction reaches: by an access, or with the address that
 * it makes of a copy. */
static int reach(const struct bpf_insn *insn, const bool is_copy[MAX_BPF_REG])
{
	int class = BPF_CLASS(insn->code);

	if (class == BPF_LDX && insn->src_reg == BPF_REG_10)
		return -insn->off;
	if ((class == BPF_STX || class == BPF_ST) && insn->dst_reg == BPF_REG_10)
		return -insn->off;
	if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && is_copy[insn->dst_reg])
		return -insn->imm;
	return 0;
}

static uint32_t stack_of(const struct bpf_insn *insn, const struct bpf_insn *end)
{
	bool is_copy[MAX_BPF_REG] = {false};
	int deepest = 0;

	for (; insn < end; insn += is_wide(insn) ? 2 : 1) {
		int class = BPF_CLASS(insn->code), below = reach(insn, is_copy);

		if (below > deepest)
			deepest = below;
		if (class == BPF_LD || class == BPF_LDX || class == BPF_ALU || class == BPF_ALU64)
			is_copy[insn->dst_reg] = insn->code == (BPF_ALU64 | BPF_MOV | BPF_X) &&
						 insn->src_reg == BPF_REG_10;
	}
	return (uint32_t)deepest;
}

static uint32_t rounded(uint32_t stack)
{
	return ((stack ? stack : 1) + ROUNDED - 1) / ROUNDED * ROUNDED;
}

/* Programs do not recurse: the verifier has seen to that. */
static void measure(struct code *c, uint32_t f)
{
	uint32_t below = 0, frames = 0;

	for (uint32_t i = c->start[f]; i < c->start[f + 1]; i += is_wide(&c->insns[i]) ? 2 : 1) {
		long to = callee(c->insns, i);
		uint32_t g;

		if (to < 0)
			continue;
		g = function_at(c, (uint32_t)to);
		if (!c->deepest[g])
			measure(c, g);
		if (c->deepest[g] > below)
			below = c->deepest[g];
		if (c->frames[g] > frames)
			frames = c->frames[g];
	}
	c->deepest[f] =
		rounded(stack_of(&c->insns[c->start[f]], &c->insns[c->start[f + 1]])) + below;
	c->frames[f] = 1 + frames;
}

static void check_program(const struct bpf_program *prog)
{
	struct code c = {.insns = bpf_program__insns(prog),
			 .n_insns = (uint32_t)bpf_program__insn_cnt(prog)};

	find_functions(&c);
	measure(&c, 0);
	print_message("%s: %u functions, %u bytes of stack, %u calls deep\n",
		      bpf_program__name(prog), c.n, c.deepest[0], c.frames[0]);
	assert_in_range(c.deepest[0], 1, STACK);
	assert_in_range(c.frames[0], 1, FRAMES);
}

/* Loaded, since libbpf puts functions behind programs only then. */
static void test_stack(void **state)
{
	struct gateway_bpf *skel = gateway_bpf__open();
	struct bpf_program *prog;
	struct bpf_map *map;

	(void)state;
	assert_non_null(skel);
	skel->rodata->knobs = lab_knobs();
	skel->rodata->self = (struct gw_self){.role = GW_OVERLAY, .l2_len = ETH_HLEN};
	bpf_object__for_each_map (map, skel->obj)
		if (bpf_map__max_entries(map) > ENTRIES)
			assert_int_equal(bpf_map__set_max_entries(map, ENTRIES), 0);
	assert_int_equal(gateway_bpf__load(skel), 0);
	bpf_object__for_each_program(prog, skel->obj) check_program(prog);
	gateway_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stack)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
