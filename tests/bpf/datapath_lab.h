/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A network and a mount namespace of one's own, with a BPF file system and a veth, for tests of the
 * relay's data path. */
#ifndef TESTS_DATAPATH_LAB_H
#define TESTS_DATAPATH_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/datapath.h"

#define FLOWS 2000u
#define ABI   (TP_RELAY_ABI == 3 ? "v3" : "v4")

extern char top[], pins[64]; /* the BPF file system, and the directory in it */

/* Makes the surroundings, runs the tests in them; skips aloud without root. What main() returns. */
int datapath_tests(int (*run)(void));
/* Each test has a new veth tpa - tpb, and leaves no pins. */
int each_setup(void **state);
int each_teardown(void **state);
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, each_setup, each_teardown)

void must(const char *command);
/* The path of something below the instance's directory, below that of the ABI; in one of a few
 * buffers. */
const char *at(const char *rest);
const char *in_v(const char *name);
bool exists(const char *path);

struct relay_config base_config(void);
struct relay_datapath *must_open(const struct relay_config *c);
/* Ids, 0 for none. */
uint32_t program_on(const char *ifname, bool native);
uint32_t link_id(const char *path);
uint32_t size_of_map(const char *path);

/* --- flows as the tests make them: numbered from 0 --- */

struct relay_flow make_flow(uint32_t i);
void put_flows(struct relay_datapath *dp, uint32_t n);
/* Each must be as it was made. */
uint32_t count_flows(struct relay_datapath *dp);
/* Where XDP counts the i-th flow, NULL when it is not there; and what the daemon reads of that. */
volatile struct relay_slot *slot_of(struct relay_datapath *dp, uint32_t i);
uint64_t packets_of(struct relay_datapath *dp, uint32_t i);

#endif
