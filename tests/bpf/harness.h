/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A loaded relay program that tests feed with frames, through BPF test runs. Nothing here shares
 * code with the program: frames are built, and checksums computed, byte by byte.
 */
#ifndef TP_TESTS_BPF_HARNESS_H
#define TP_TESTS_BPF_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bpf/abi/relay.h"
#include "relay/flow_table.h"

#define FRAME_MAX   9216
#define RELAY_PORT  51820
#define STUN_PORT   3478
#define LOOPBACK    1 /* the device that test runs arrive from */
#define NO_REASON   (-1)
#define WG_DATA_LEN 96

enum verdict { ABORTED, DROP, PASS, TX, REDIRECT, NOT_RUN };

struct frame {
	uint32_t len;
	uint8_t data[FRAME_MAX];
};

/* A UDP packet to be. Zero means: no tags, TTL 64, DF clear, ports as given. */
struct packet_spec {
	const char *src, *dst; /* both IPv4 or both IPv6 */
	uint16_t sport, dport;
	int vlans;
	uint8_t tos, ttl;
	bool df, no_checksum;
	const uint8_t *payload;
	uint32_t payload_len;
	uint32_t trailer; /* bytes behind the IP packet */
};

/* A flow to be, from `src`:`sport` speaking to `local`, sent on from `from` to `to`:`dport`. */
struct flow_spec {
	const char *src, *local, *from, *to;
	uint16_t sport, dport;
	uint32_t index;
	uint16_t mtu; /* 0: the next hop's */
	uint32_t nexthop, counter, src_node;
	bool expired;
	bool other_key; /* its entry leads to a slot with another key */
};

struct harness;

/* The limits that are on by default, and both ports. */
struct relay_knobs harness_knobs(void);
/* Loads a program of its own; cmocka fails the test when that can't be done. */
struct harness *harness_open(const struct relay_knobs *knobs);
void harness_close(struct harness *h);

void harness_local(struct harness *h, const char *addr);
void harness_flow(struct harness *h, const struct flow_spec *spec);
/* The slot that the daemon would make of it. */
struct relay_flow flow_make(const struct flow_spec *spec);
/* The table that the program reads. */
struct relay_flow_table *harness_flows(struct harness *h);
/* Next hop `id`, by slot `id`, with `vlans` tags of ids 100 and 200, on `ifindex`. */
void harness_nexthop(struct harness *h, uint32_t id, int ifindex, uint16_t mtu, int vlans);
/* The same with its slot of tx_ports; returns what was written. */
struct relay_nexthop harness_nexthop_via(struct harness *h, uint32_t id, int ifindex, uint32_t port,
					 uint16_t mtu, int vlans);
void harness_port(struct harness *h, uint32_t slot, int ifindex);
void harness_session(struct harness *h, uint32_t index);
/* A host prefix where a node is. */
void harness_site(struct harness *h, const char *prefix);
void harness_index_known(struct harness *h, uint32_t index);

/* Runs the program on `in`; the frame afterwards is in *out. `meta` bytes of metadata (multiple of
 * 4) before the frame take that much of its headroom; NOT_RUN when the kernel takes less. */
enum verdict harness_run_meta(struct harness *h, const struct frame *in, struct frame *out,
			      uint32_t meta);
enum verdict harness_run(struct harness *h, const struct frame *in, struct frame *out);

/* The reason counted since the last call, NO_REASON for none; more than one fails the test. Writes
 * the bytes counted to *bytes unless NULL. */
int harness_reason(struct harness *h, uint64_t *bytes);
const char *reason_name(int reason);
/* Of the flow that harness_flow() made last with this `counter`. */
struct relay_count harness_count(struct harness *h, uint32_t counter);

void frame_build(struct frame *f, const struct packet_spec *spec);
void addr_make(uint8_t addr[16], const char *text);
/* Recomputes the checksums of IPv4, and UDP or ICMP, of both families, from all bytes. A UDP
 * checksum of 0 over IPv4 is right. */
bool frame_checksums_ok(const struct frame *f);
/* Bytes before the IP header. */
uint32_t frame_l2_len(const struct frame *f);

/* Data message of `len` bytes to this receiver index; the rest is a fixed pattern. */
const uint8_t *wg_data(uint32_t index, uint32_t len);
/* The same with another type word. */
const uint8_t *wg_message(uint32_t type, uint32_t len);

/* Fails with both names when the outcome is another; out may be NULL. */
void expect(struct harness *h, const struct frame *in, struct frame *out, enum verdict verdict,
	    int reason);

#endif
