/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/datapath_devices.h"
#include "gateway/metrics_page.h"

#include <stdlib.h>

#include "clock.h"
#include "crypto.h"
#include "gateway/report.h"

static void write_reasons(struct tp_metrics *m, const struct gw_count *counts, const char *name,
			  const char *help, enum gw_reason_kind kind)
{
	tp_metrics_family(m, TP_COUNTER, name, help);
	for (int i = 0; i < GW_REASON_MAX; i++)
		if (gw_reason_texts[i].kind == kind)
			tp_metrics_u64(m, TP_LABELS({"reason", gw_reason_texts[i].name}),
				       counts[i].packets);
}

static void write_forwarded(struct tp_metrics *m, const struct gw_count *counts)
{
	tp_metrics_family(m, TP_COUNTER, "turnpike_gateway_forwarded_packets_total",
			  "Packets forwarded, by way.");
	for (int i = 0; i < GW_REASON_MAX; i++)
		if (gw_reason_texts[i].kind == GW_KIND_FORWARD)
			tp_metrics_u64(m, TP_LABELS({"way", gw_reason_texts[i].name}),
				       counts[i].packets);
	tp_metrics_family(m, TP_COUNTER, "turnpike_gateway_forwarded_bytes_total",
			  "Bytes of IP forwarded, by way.");
	for (int i = 0; i < GW_REASON_MAX; i++)
		if (gw_reason_texts[i].kind == GW_KIND_FORWARD)
			tp_metrics_u64(m, TP_LABELS({"way", gw_reason_texts[i].name}),
				       counts[i].bytes);
}

static void write_counts(struct tp_metrics *m, const struct gw_daemon *d)
{
	struct gw_count counts[GW_REASON_MAX];

	gw_datapath_reasons(d->dp, counts);
	write_forwarded(m, counts);
	write_reasons(m, counts, "turnpike_gateway_dropped_packets_total",
		      "Packets that ended at the gateway, by reason.", GW_KIND_DROP);
	write_reasons(m, counts, "turnpike_gateway_passed_packets_total",
		      "Packets left to the kernel, by reason.", GW_KIND_PASS);
	write_reasons(m, counts, "turnpike_gateway_answered_packets_total",
		      "Packets that an answer was sent to, by kind.", GW_KIND_ANSWER);
}

/* --- masquerading --------------------------------------------------------------------------- */

struct slot_label {
	uint32_t slot;
	const char *uplink;
	char address[TP_ADDR_STRLEN];
	struct gw_nat_use use;
};

static size_t slots_in_use(const struct gw_daemon *d, struct slot_label *out)
{
	const struct gw_nat_memory *memory = gw_datapath_nat(d->dp);
	uint32_t now = gw_ticks(tp_now());
	size_t n = 0;

	for (uint32_t slot = 0; slot < memory->slots; slot++) {
		const struct gw_uplink *u = gw_links_uplink(d->links, slot / TP_GW_ADDRS);
		struct in_addr v4 = {.s_addr = u->addr[slot % TP_GW_ADDRS]};
		struct tp_addr a = tp_addr_from_v4(v4);

		if (!v4.s_addr)
			continue;
		out[n].slot = slot;
		out[n].uplink = gw_report_uplink(d, slot / TP_GW_ADDRS);
		out[n].use = gw_nat_use_of(memory, slot, now);
		tp_addr_format(&a, out[n++].address);
	}
	return n;
}

static void write_mappings(struct tp_metrics *m, const struct slot_label *slots, size_t n)
{
	static const char *const names[GW_NAT_PROTOS] = {"udp", "tcp", "icmp"};

	tp_metrics_family(m, TP_GAUGE, "turnpike_gateway_mappings",
			  "Ports in use, by address and protocol.");
	for (size_t i = 0; i < n; i++)
		for (int p = 0; p < GW_NAT_PROTOS; p++)
			tp_metrics_u64(m,
				       TP_LABELS({"uplink", slots[i].uplink},
						 {"address", slots[i].address},
						 {"protocol", names[p]}),
				       slots[i].use.mappings[p]);
}

static void write_nat(struct tp_metrics *m, const struct gw_daemon *d)
{
	const struct gw_nat_memory *memory = gw_datapath_nat(d->dp);
	const struct gw_blocks_stats *s = gw_blocks_stats(d->blocks);
	struct slot_label slots[TP_GW_UPLINKS * TP_GW_ADDRS];
	size_t n = slots_in_use(d, slots);

	write_mappings(m, slots, n);
	tp_metrics_family(m, TP_GAUGE, "turnpike_gateway_port_blocks",
			  "Blocks of ports that nodes have, by address.");
	for (size_t i = 0; i < n; i++)
		tp_metrics_u64(
			m, TP_LABELS({"uplink", slots[i].uplink}, {"address", slots[i].address}),
			slots[i].use.blocks);
	tp_metrics_one(m, TP_GAUGE, "turnpike_gateway_port_blocks_limit",
		       memory->ports / memory->block, "Blocks of ports that each address has.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_gateway_port_blocks_allocated_total", s->allocated,
		       "Blocks of ports that nodes were given.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_gateway_port_blocks_released_total", s->released,
		       "Blocks of ports that were given back.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_gateway_port_log_errors_total", s->log_errors,
		       "Records of port blocks that could not be written.");
}

/* --- the policy and the peers --------------------------------------------------------------- */

static void write_hits(struct tp_metrics *m, const struct gw_daemon *d)
{
	size_t n = d->config->acl.n_rules + 1;
	struct policy_hit *hits = calloc(n, sizeof(*hits));

	if (!hits || gw_datapath_policy_hits(d->published, hits, n)) {
		free(hits);
		return;
	}
	tp_metrics_family(m, TP_COUNTER, "turnpike_gateway_rule_flows_total",
			  "Flows that a rule decided; of one in shadow mode, would have.");
	for (size_t i = 0; i < n; i++)
		tp_metrics_u64(m, TP_LABELS({"rule", gw_report_rule(d, (uint32_t)i)}),
			       hits[i].flows);
	tp_metrics_one(m, TP_COUNTER, "turnpike_gateway_default_refused_total", hits[0].refused,
		       "Flows that no rule allowed.");
	free(hits);
}

static void write_policy(struct tp_metrics *m, const struct gw_daemon *d)
{
	struct gw_policy_size size = gw_policy_size(d->policy);

	write_hits(m, d);
	tp_metrics_one(m, TP_GAUGE, "turnpike_gateway_policy_generation",
		       gw_datapath_policy_generation(d->published),
		       "Number of the policy in force.");
	tp_metrics_family(m, TP_GAUGE, "turnpike_gateway_policy_compile_seconds",
			  "Time that it took to compile and publish the policy.");
	tp_metrics_real(m, NULL, d->compile_ms / 1000);
	tp_metrics_one(m, TP_GAUGE, "turnpike_gateway_policy_memory_bytes", size.memory,
		       "Memory of the policy's tables.");
}

#define PEER_FAMILIES 3

struct peers_page {
	struct tp_metrics *m;
	const char *overlay;
	int family;
};

static void write_peer(void *ctx, const struct tp_wireguard_stats *peer)
{
	const struct peers_page *p = ctx;
	char key[TP_KEY_STRLEN];
	const struct tp_metric_label *labels = TP_LABELS(
		{"network_id", p->overlay}, {"peer_pubkey", tp_key_format(peer->public_key, key)});

	if (p->family == 0)
		tp_metrics_u64(p->m, labels, peer->rx_bytes);
	else if (p->family == 1)
		tp_metrics_u64(p->m, labels, peer->tx_bytes);
	else
		tp_metrics_real(p->m, labels, (double)peer->last_handshake / TP_NS_PER_SEC);
}

/* The names are those that networks of this kind have always had; so none ends in _total. */
static void write_peers(struct tp_metrics *m, const struct gw_daemon *d)
{
	static const struct {
		const char *name, *help;
	} families[PEER_FAMILIES] = {
		{"wg_peer_bytes_rx", "Bytes received from the peer."},
		{"wg_peer_bytes_tx", "Bytes sent to the peer."},
		{"wg_peer_last_handshake", "Unix time of the last handshake; 0: none."},
	};
	struct peers_page page = {.m = m};

	for (page.family = 0; page.family < PEER_FAMILIES; page.family++) {
		tp_metrics_family(m, TP_GAUGE, families[page.family].name,
				  families[page.family].help);
		for (size_t i = 0; i < d->config->n_overlays; i++) {
			page.overlay = d->config->overlays[i].name;
			gw_overlays_stats(d->overlays, i, NULL, write_peer, &page);
		}
	}
}

/* --- the rest ------------------------------------------------------------------------------- */

static void write_attached(struct tp_metrics *m, const struct gw_daemon *d)
{
	const struct gw_config *c = d->config;

	tp_metrics_family(m, TP_GAUGE, "turnpike_gateway_attached",
			  "Whether the programs are on the device.");
	for (size_t i = 0; i < c->n_overlays; i++)
		tp_metrics_u64(m,
			       TP_LABELS({"interface", c->overlays[i].name}, {"role", "overlay"}),
			       gw_datapath_attached(d->dp, c->overlays[i].name));
	for (size_t i = 0; i < c->egress.n_uplinks; i++)
		tp_metrics_u64(m,
			       TP_LABELS({"interface", c->egress.uplinks[i]}, {"role", "uplink"}),
			       gw_datapath_attached(d->dp, c->egress.uplinks[i]));
}

static void write_punts(struct tp_metrics *m, const struct gw_punt_stats *s)
{
	tp_metrics_family(m, TP_COUNTER, "turnpike_gateway_punted_packets_total",
			  "Fragments and packets to be cut that the programs left to the daemon.");
	tp_metrics_u64(m, TP_LABELS({"outcome", "cut"}), s->cut);
	tp_metrics_u64(m, TP_LABELS({"outcome", "followed"}), s->followed);
	tp_metrics_u64(m, TP_LABELS({"outcome", "no_room"}), s->full);
	tp_metrics_u64(m, TP_LABELS({"outcome", "no_first_fragment"}), s->lone);
	tp_metrics_u64(m, TP_LABELS({"outcome", "failed"}), s->failed);
}

static void write_state(struct tp_metrics *m, const struct gw_daemon *d)
{
	const struct gw_sweep_stats *s = gw_sweeper_stats(d->sweeper);

	tp_metrics_one(m, TP_GAUGE, "turnpike_gateway_flows", s->flows,
		       "Flows in the table, when it was last looked through.");
	tp_metrics_one(m, TP_GAUGE, "turnpike_gateway_flows_limit", d->config->egress.flows,
		       "Flows the table may hold.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_gateway_swept_entries_total", s->removed,
		       "Dead entries removed from the tables.");
	write_punts(m, gw_punts_stats(d->punts));
	write_attached(m, d);
	tp_metrics_one(m, TP_GAUGE, "turnpike_gateway_uptime_seconds",
		       (tp_now() - d->started) / TP_NS_PER_SEC, "Time since the daemon started.");
	tp_metrics_family(m, TP_GAUGE, "turnpike_build_info", "Version, as a label.");
	tp_metrics_u64(m, TP_LABELS({"version", TP_VERSION}), 1);
}

static void collect(void *arg, struct tp_metrics *m)
{
	const struct gw_daemon *d = arg;

	write_counts(m, d);
	write_nat(m, d);
	write_policy(m, d);
	write_peers(m, d);
	gw_relays_metrics(d->relays, m);
	write_state(m, d);
}

static const char *not_ready(void *arg)
{
	const struct gw_daemon *d = arg;
	const struct gw_config *c = d->config;

	if (!d->ready)
		return "starting";
	for (size_t i = 0; i < c->n_overlays; i++)
		if (!gw_datapath_attached(d->dp, c->overlays[i].name))
			return "an overlay is not there";
	for (size_t i = 0; i < c->egress.n_uplinks; i++)
		if (!gw_datapath_attached(d->dp, c->egress.uplinks[i]))
			return "an uplink is not there";
	return NULL;
}

const struct tp_metrics_ops gw_metrics_ops = {.collect = collect, .not_ready = not_ready};
