/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "harness.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/relay/flow.h"
#include "bpf/relay.skel.h"
#include "bpf_tick.h"
#include "relay/datapath_memory.h"

#define TEST_ENTRIES 4096
#define COUNTERS     32

struct harness {
	struct relay_bpf *skel;
	struct relay_flow_table flows;
	struct relay_flow_key counted[COUNTERS]; /* by `counter` of flow_spec */
	int cpus;
	struct relay_count reasons[TP_REASON_MAX]; /* at the last harness_reason() */
};

struct relay_knobs harness_knobs(void)
{
	struct tp_bpf_tick tick;

	assert_int_equal(tp_bpf_tick(&tick), 0);
	return (struct relay_knobs){
		.listen_port = htons(RELAY_PORT),
		.stun_port = htons(STUN_PORT),
		.stun_rate = 1000,
		.session_rate = 1000,
		.probe_rate = 1000,
		.handshake_rate = 1000,
		.odd_site_rate = 1000,
		.odd_rate = 1000,
		.seed = 0x5eed,
		.tick_ns = tick.ns,
		.tick_origin = tick.origin,
	};
}

static void shrink(struct relay_bpf *skel)
{
	assert_int_equal(relay_flow_maps_size(RELAY_FLOW_MAPS(skel),
					      relay_flow_buckets(TEST_ENTRIES),
					      relay_flow_slots(TEST_ENTRIES)),
			 0);
	skel->rodata->knobs.flow_seed =
		(struct relay_flow_seed){{0x5eed, 0xfeed, 0xdeed, 0xbeed, 0xceed, 0xaeed}};
	bpf_map__set_max_entries(skel->maps.own_sessions, TEST_ENTRIES);
	bpf_map__set_max_entries(skel->maps.relay_nodes, TEST_ENTRIES);
	bpf_map__set_max_entries(skel->maps.node_buckets, TEST_ENTRIES);
}

static void open_flows(struct harness *h)
{
	struct relay_flow_memory m;

	assert_int_equal(relay_flow_memory_map(RELAY_FLOW_MAPS(h->skel),
					       &h->skel->rodata->knobs.flow_seed, &m),
			 0);
	assert_int_equal(relay_flow_table_init(&h->flows, &m), 0);
}

struct relay_flow_table *harness_flows(struct harness *h)
{
	return &h->flows;
}

struct harness *harness_open(const struct relay_knobs *knobs)
{
	struct harness *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->cpus = libbpf_num_possible_cpus();
	h->skel = relay_bpf__open();
	assert_non_null(h->skel);
	h->skel->rodata->knobs = *knobs;
	shrink(h->skel);
	assert_int_equal(relay_bpf__load(h->skel), 0);
	open_flows(h);
	return h;
}

void harness_close(struct harness *h)
{
	relay_flow_table_fini(&h->flows);
	relay_flow_memory_unmap(&h->flows.mem);
	relay_bpf__destroy(h->skel);
	free(h);
}

void addr_make(uint8_t addr[16], const char *text)
{
	memset(addr, 0, 16);
	if (strchr(text, ':')) {
		assert_int_equal(inet_pton(AF_INET6, text, addr), 1);
	} else {
		addr[10] = addr[11] = 0xff;
		assert_int_equal(inet_pton(AF_INET, text, addr + 12), 1);
	}
}

static void put(struct bpf_map *map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), key, value, 0), 0);
}

void harness_local(struct harness *h, const char *addr)
{
	struct relay_addr key;
	uint8_t one = 1;

	addr_make(key.addr, addr);
	put(h->skel->maps.locals, &key, &one);
}

struct relay_flow flow_make(const struct flow_spec *spec)
{
	struct relay_flow flow = {
		.key = {.index = spec->index, .port = htons(spec->sport)},
		.expires_at = spec->expired ? 1 : UINT64_MAX,
		.dst_port = htons(spec->dport),
		.mtu = spec->mtu ? spec->mtu : 0xffff,
		.nexthop = spec->nexthop,
		.src_node = spec->src_node,
	};

	addr_make(flow.key.addr, spec->src);
	addr_make(flow.local, spec->local);
	addr_make(flow.src, spec->from);
	addr_make(flow.dst, spec->to);
	return flow;
}

void harness_flow(struct harness *h, const struct flow_spec *spec)
{
	struct relay_flow flow = flow_make(spec);

	assert_true(spec->counter < COUNTERS);
	assert_int_equal(relay_flow_table_put(&h->flows, &flow, 0), 0);
	h->counted[spec->counter] = flow.key;
	if (spec->other_key)
		relay_flow_table_find(&h->flows, &flow.key)->index++;
}

struct relay_nexthop harness_nexthop_via(struct harness *h, uint32_t id, int ifindex, uint32_t port,
					 uint16_t mtu, int vlans)
{
	struct relay_nexthop nh = {
		.ifindex = ifindex,
		.port = port,
		.dst_mac = {2, 0, 0, 0, 1, id},
		.src_mac = {2, 0, 0, 0, 2, id},
		.mtu = mtu,
		.vlans = vlans,
		.vlan = {{htons(vlans == 2 ? 0x88a8 : 0x8100), htons(100)},
			 {htons(0x8100), htons(200)}},
	};

	put(h->skel->maps.nexthops, &id, &nh);
	put(h->skel->maps.nexthop_ids, &id, &id);
	return nh;
}

void harness_nexthop(struct harness *h, uint32_t id, int ifindex, uint16_t mtu, int vlans)
{
	harness_nexthop_via(h, id, ifindex, 3, mtu, vlans);
}

void harness_port(struct harness *h, uint32_t slot, int ifindex)
{
	struct bpf_devmap_val value = {.ifindex = ifindex};

	put(h->skel->maps.tx_ports, &slot, &value);
}

void harness_session(struct harness *h, uint32_t index)
{
	uint32_t node = 7;

	put(h->skel->maps.own_sessions, &index, &node);
}

void harness_site(struct harness *h, const char *prefix)
{
	struct relay_addr key;
	uint8_t one = 1;

	addr_make(key.addr, prefix);
	put(h->skel->maps.sites, &key, &one);
}

void harness_index_known(struct harness *h, uint32_t index)
{
	uint32_t word = tp_index_word(index);
	uint64_t bit = tp_index_bit(index);

	put(h->skel->maps.index_filter, &word, &bit);
}

enum verdict harness_run_meta(struct harness *h, const struct frame *in, struct frame *out,
			      uint32_t meta)
{
	uint8_t data[FRAME_MAX + 256] = {0}, result[FRAME_MAX + 256];
	struct xdp_md ctx = {.data = meta, .data_end = meta + in->len};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = meta + in->len,
		    .data_out = result, .data_size_out = sizeof(result), .repeat = 1);
	int err;

	if (meta) {
		opts.ctx_in = &ctx;
		opts.ctx_size_in = sizeof(ctx);
		opts.ctx_out = &ctx;
		opts.ctx_size_out = sizeof(ctx);
	}
	memcpy(data + meta, in->data, in->len);
	err = bpf_prog_test_run_opts(bpf_program__fd(h->skel->progs.relay_xdp), &opts);
	if (err == -EINVAL && meta)
		return NOT_RUN;
	assert_int_equal(err, 0);
	if (meta && out)
		out->len = 0; /* where the frame starts in result depends on the kernel */
	else if (out)
		memcpy(out->data, result, out->len = opts.data_size_out);
	return opts.retval;
}

enum verdict harness_run(struct harness *h, const struct frame *in, struct frame *out)
{
	return harness_run_meta(h, in, out, 0);
}

static void read_reasons(struct harness *h, struct relay_count sum[TP_REASON_MAX])
{
	struct relay_count cpu[TP_REASON_MAX][h->cpus];
	uint32_t keys[TP_REASON_MAX], next, n = TP_REASON_MAX;

	assert_int_equal(bpf_map_lookup_batch(bpf_map__fd(h->skel->maps.reasons), NULL, &next, keys,
					      cpu, &n, NULL),
			 0);
	assert_int_equal(n, TP_REASON_MAX);
	memset(sum, 0, TP_REASON_MAX * sizeof(*sum));
	for (int r = 0; r < TP_REASON_MAX; r++) {
		for (int i = 0; i < h->cpus; i++) {
			sum[r].packets += cpu[r][i].packets;
			sum[r].bytes += cpu[r][i].bytes;
		}
	}
}

int harness_reason(struct harness *h, uint64_t *bytes)
{
	struct relay_count now[TP_REASON_MAX];
	int found = NO_REASON;

	read_reasons(h, now);
	for (int r = 0; r < TP_REASON_MAX; r++) {
		if (now[r].packets == h->reasons[r].packets)
			continue;
		if (found != NO_REASON || now[r].packets != h->reasons[r].packets + 1)
			fail_msg("more than one reason: %s and %s", reason_name(found),
				 reason_name(r));
		found = r;
		if (bytes)
			*bytes = now[r].bytes - h->reasons[r].bytes;
	}
	memcpy(h->reasons, now, sizeof(now));
	return found;
}

const char *reason_name(int reason)
{
	static const char *const names[] = {
#define NAME(kind, name, text) #kind " " #name,
		TP_REASONS(NAME)
#undef NAME
	};

	return reason < 0 ? "(none)" : names[reason];
}

struct relay_count harness_count(struct harness *h, uint32_t counter)
{
	return relay_flow_table_count(&h->flows, &h->counted[counter]);
}

void expect(struct harness *h, const struct frame *in, struct frame *out, enum verdict verdict,
	    int reason)
{
	static const char *const verdicts[] = {"ABORTED", "DROP", "PASS", "TX", "REDIRECT"};
	enum verdict got = harness_run(h, in, out);
	int why = harness_reason(h, NULL);

	if (got != verdict || why != reason)
		fail_msg("got %s, %s; wanted %s, %s", verdicts[got], reason_name(why),
			 verdicts[verdict], reason_name(reason));
}
