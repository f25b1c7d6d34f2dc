/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay_model.h"

#include <arpa/inet.h>
#include <string.h>

#define UDP 17

/* What the headers say, in host order, addresses v4-mapped. */
struct view {
	const uint8_t *frame;
	uint32_t len, l2, l3;
	bool v6;
	uint8_t src[16], dst[16];
	uint32_t sport, dport, ip_len, udp_len;
	const uint8_t *payload;
	uint32_t payload_len;
};

static uint32_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static uint32_t get_le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Ones' complement sum of `len` bytes on top of `sum`. */
static uint32_t sum_on(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 2) {
		sum += p[i] << 8 | (i + 1 < len ? p[i + 1] : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* Takes `len` bytes out of a sum. */
static uint32_t sum_off(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 2) {
		sum += 0xffff - get16(p + i);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void map(uint8_t addr[16], const uint8_t *v4)
{
	memset(addr, 0, 10);
	memset(addr + 10, 0xff, 2);
	memcpy(addr + 12, v4, 4);
}

static bool is_mapped(const uint8_t addr[16])
{
	uint8_t same[16];

	map(same, addr + 12);
	return !memcmp(same, addr, 16);
}

static int stop(struct model_result *r, enum verdict verdict, int reason)
{
	r->verdict = verdict;
	r->reason = reason;
	return 1;
}

static int read_ethernet(struct view *v, struct model_result *r)
{
	uint32_t type;

	v->l2 = 14;
	for (int tags = 0;; tags++, v->l2 += 4) {
		if (v->len < v->l2)
			return stop(r, PASS, TP_PASS_not_ours);
		type = get16(v->frame + v->l2 - 2);
		if ((type != 0x8100 && type != 0x88a8) || tags == 2)
			break;
	}
	if (type != 0x0800 && type != 0x86dd)
		return stop(r, PASS, TP_PASS_not_ours);
	v->v6 = type == 0x86dd;
	v->l3 = v->v6 ? 40 : 20;
	return v->len < v->l2 + v->l3 ? stop(r, PASS, TP_PASS_not_ours) : 0;
}

static bool is_local(const struct model *m, const struct view *v)
{
	for (int i = 0; i < m->n_locals; i++) {
		if (!memcmp(m->locals[i], v->dst, 16))
			return true;
	}
	return false;
}

static int stop_odd(const struct model *m, const struct view *v, struct model_result *r)
{
	return stop(r, PASS, is_local(m, v) ? TP_PASS_odd : TP_PASS_not_ours);
}

static int read_ipv4(const struct model *m, struct view *v, struct model_result *r)
{
	const uint8_t *ip = v->frame + v->l2;

	if (ip[0] / 16 != 4 || ip[9] != UDP)
		return stop(r, PASS, TP_PASS_not_ours);
	map(v->src, ip + 12);
	map(v->dst, ip + 16);
	v->ip_len = get16(ip + 2);
	return ip[0] % 16 != 5 || get16(ip + 6) % 0x4000 ? stop_odd(m, v, r) : 0;
}

static int read_ipv6(const struct model *m, struct view *v, struct model_result *r)
{
	static const uint8_t extensions[] = {0, 43, 44, 51, 60, 135, 139, 140};
	const uint8_t *ip = v->frame + v->l2;

	if (ip[0] / 16 != 6)
		return stop(r, PASS, TP_PASS_not_ours);
	memcpy(v->src, ip + 8, 16);
	memcpy(v->dst, ip + 24, 16);
	v->ip_len = 40 + get16(ip + 4);
	if (memchr(extensions, ip[6], sizeof(extensions)))
		return stop_odd(m, v, r);
	return ip[6] != UDP ? stop(r, PASS, TP_PASS_not_ours) : 0;
}

static int read_udp(const struct model *m, struct view *v, struct model_result *r)
{
	const uint8_t *udp = v->frame + v->l2 + v->l3;

	if (v->len < v->l2 + v->l3 + 8)
		return stop(r, PASS, TP_PASS_not_ours);
	v->sport = get16(udp);
	v->dport = get16(udp + 2);
	v->udp_len = get16(udp + 4);
	v->payload = udp + 8;
	v->payload_len = v->udp_len - 8;
	if (v->dport != ntohs(m->knobs.listen_port) &&
	    (!m->knobs.stun_port || v->dport != ntohs(m->knobs.stun_port)))
		return stop(r, PASS, TP_PASS_not_ours);
	if (v->v6 && is_mapped(v->src))
		return stop(r, DROP, TP_DROP_mapped_source);
	return 0;
}

static bool lengths_right(const struct view *v)
{
	const uint8_t *udp = v->frame + v->l2 + v->l3;

	if (v->udp_len < 8 || v->l3 + v->udp_len != v->ip_len)
		return false;
	if (v->l2 + v->ip_len > v->len)
		return false;
	return !v->v6 || get16(udp + 6) != 0;
}

static bool is_data(const struct model *m, const struct view *v)
{
	return v->dport == ntohs(m->knobs.listen_port) && v->payload_len >= 32 &&
	       get_le32(v->payload) == 4;
}

static int find_flow(const struct model *m, const struct view *v)
{
	for (int i = 0; i < m->n_flows; i++) {
		const struct model_flow *f = &m->flows[i];

		const struct relay_flow_key *key = &f->value.key;

		if (!f->other_key && !memcmp(key->addr, v->src, 16) &&
		    ntohs(key->port) == v->sport && !memcmp(&key->index, v->payload + 4, 4))
			return memcmp(f->value.local, v->dst, 16) ? -1 : i;
	}
	return -1;
}

static int min(int a, int b)
{
	return a < b ? a : b;
}

/* The sums of the packet, changed by what the rewrite changes in the fields that they cover. */
static uint32_t new_udp_sum(const struct view *v, const struct relay_flow *f)
{
	const uint8_t *udp = v->frame + v->l2 + v->l3;
	uint32_t sum = 0xffff - get16(udp + 6);

	sum = sum_off(sum, v->src, 16);
	sum = sum_off(sum, v->dst, 16);
	sum = sum_off(sum, udp, 4);
	sum = sum_on(sum, f->src, 16);
	sum = sum_on(sum, f->dst, 16);
	sum = sum_on(sum, udp + 2, 2); /* the relay's port, that it came to */
	sum = sum_on(sum, (const uint8_t *)&f->dst_port, 2);
	return sum == 0xffff ? 0xffff : 0xffff - sum;
}

static uint32_t write_l2(uint8_t *p, const struct relay_nexthop *nh, bool v6)
{
	uint32_t len = 14;

	memcpy(p, nh->dst_mac, 6);
	memcpy(p + 6, nh->src_mac, 6);
	for (int i = 0; i < nh->vlans; i++, len += 4) {
		memcpy(p + len - 2, &nh->vlan[i].tpid, 2);
		memcpy(p + len, &nh->vlan[i].tci, 2);
	}
	put16(p + len - 2, v6 ? 0x86dd : 0x0800);
	return len;
}

/* IPv4 from IPv4 keeps its header and changes the sum; else the header is new. */
static void write_ipv4(uint8_t *p, const struct view *v, const struct relay_flow *f)
{
	const uint8_t *ip = v->frame + v->l2;
	uint32_t sum;

	if (v->v6) {
		memset(p, 0, 20);
		p[0] = 0x45;
		p[1] = get16(ip) >> 4;
		put16(p + 2, 20 + v->udp_len);
		p[6] = 0x40;
		p[8] = ip[7] - 1;
		p[9] = UDP;
		memcpy(p + 12, f->src + 12, 4);
		memcpy(p + 16, f->dst + 12, 4);
		put16(p + 10, 0xffff - sum_on(0, p, 20));
		return;
	}
	memcpy(p, ip, 20);
	p[8]--;
	memcpy(p + 12, f->src + 12, 4);
	memcpy(p + 16, f->dst + 12, 4);
	sum = sum_off(sum_off(0xffff - get16(ip + 10), ip + 8, 2), ip + 12, 8);
	put16(p + 10, 0xffff - sum_on(sum_on(sum, p + 8, 2), p + 12, 8));
}

static void write_ipv6(uint8_t *p, const struct view *v, const struct relay_flow *f)
{
	const uint8_t *ip = v->frame + v->l2;

	if (v->v6) {
		memcpy(p, ip, 40);
		p[7]--;
	} else {
		memset(p, 0, 40);
		p[0] = 0x60 | ip[1] >> 4;
		p[1] = ip[1] << 4;
		put16(p + 4, v->udp_len);
		p[6] = UDP;
		p[7] = ip[8] - 1;
	}
	memcpy(p + 8, f->src, 16);
	memcpy(p + 24, f->dst, 16);
}

static void rewrite(const struct view *v, const struct relay_flow *f,
		    const struct relay_nexthop *nh, struct frame *out)
{
	bool to_v6 = !is_mapped(f->dst);
	uint8_t *ip = out->data + write_l2(out->data, nh, to_v6);
	uint8_t *udp = ip + (to_v6 ? 40 : 20);

	if (to_v6)
		write_ipv6(ip, v, f);
	else
		write_ipv4(ip, v, f);
	memcpy(udp, v->payload - 8, v->udp_len);
	put16(udp, v->dport);
	memcpy(udp + 2, &f->dst_port, 2);
	if (get16(v->payload - 2))
		put16(udp + 6, new_udp_sum(v, f));
	out->len = udp + v->udp_len - out->data;
}

static void write_too_big(const struct view *v, uint32_t mtu, struct frame *out)
{
	uint8_t *ip = out->data + v->l2, *icmp = ip + v->l3;
	uint32_t sum = 0;

	memcpy(out->data, v->frame + 6, 6);
	memcpy(out->data + 6, v->frame, 6);
	memcpy(out->data + 12, v->frame + 12, v->l2 - 12);
	memset(ip, 0, v->l3 + 8);
	memcpy(icmp + 8, v->frame + v->l2, 128);
	put16(icmp + 6, mtu);
	if (v->v6) {
		ip[0] = 0x60;
		ip[5] = 136;
		ip[6] = 58;
		ip[7] = 64;
		memcpy(ip + 8, v->dst, 16);
		memcpy(ip + 24, v->src, 16);
		icmp[0] = 2;
		sum = sum_on(136 + 58, ip + 8, 32);
	} else {
		memcpy(ip, (uint8_t[]){0x45, 0, 0, 156, 0, 0, 0x40, 0, 64, 1}, 10);
		memcpy(ip + 12, v->dst + 12, 4);
		memcpy(ip + 16, v->src + 12, 4);
		put16(ip + 10, 0xffff - sum_on(0, ip, 20));
		icmp[0] = 3;
		icmp[1] = 4;
	}
	put16(icmp + 2, 0xffff - sum_on(sum, icmp, 136));
	out->len = v->l2 + v->l3 + 136;
}

static int too_big(const struct view *v, int mtu, struct model_result *r)
{
	bool may_fragment = !v->v6 && !(v->frame[v->l2 + 6] & 0x40);

	if (v->ip_len < 128 || may_fragment || (v->v6 && mtu < 1280))
		return stop(r, PASS, TP_PASS_slow);
	write_too_big(v, mtu, &r->frame);
	return stop(r, TX, TP_ANSWER_too_big);
}

static int forward(const struct model *m, int flow, const struct view *v, struct model_result *r)
{
	const struct relay_flow *f = &m->flows[flow].value;
	const struct relay_nexthop *nh;
	bool to_v6 = !is_mapped(f->dst);
	int grow = (to_v6 ? 40 : 20) - (int)v->l3, mtu;

	if (f->expires_at != UINT64_MAX)
		return stop(r, DROP, TP_DROP_flow_expired);
	if (v->frame[v->l2 + (v->v6 ? 7 : 8)] <= 1)
		return stop(r, DROP, TP_DROP_ttl);
	if (f->nexthop >= MODEL_NEXTHOPS || !m->nexthops[f->nexthop].ifindex)
		return stop(r, PASS, TP_PASS_slow);
	nh = &m->nexthops[f->nexthop];
	mtu = min(f->mtu, nh->mtu) - grow;
	if ((int)v->ip_len > mtu)
		return too_big(v, mtu, r);
	if (to_v6 && !get16(v->payload - 2))
		return stop(r, PASS, TP_PASS_slow);
	rewrite(v, f, nh, &r->frame);
	if (nh->ifindex != LOOPBACK && nh->port != m->port)
		return stop(r, DROP, TP_DROP_no_port);
	r->flow = flow;
	r->payload_len = v->payload_len;
	return stop(r, nh->ifindex == LOOPBACK ? TX : REDIRECT, NO_REASON);
}

static int judge_data(const struct model *m, const struct view *v, struct model_result *r)
{
	uint32_t index = get_le32(v->payload + 4);

	for (int i = 0; i < m->n_sessions; i++) {
		if (get_le32((const uint8_t *)&m->sessions[i]) == index)
			return stop(r, PASS, TP_PASS_session);
	}
	for (int i = 0; i < m->n_known; i++) {
		if ((get_le32((const uint8_t *)&m->known[i]) ^ index) % (1u << TP_INDEX_BITS) == 0)
			return stop(r, PASS, TP_PASS_probe);
	}
	return stop(r, DROP, TP_DROP_no_flow);
}

/* Attributes are left to STUN's own tests: a request without any, or no answer. */
static int judge_stun(const struct model *m, const struct view *v, struct model_result *r)
{
	static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
	const uint8_t *p = v->payload;

	if (!m->knobs.stun_rate || v->payload_len < 20 || p[0] > 1 || memcmp(p + 4, cookie, 4) ||
	    get16(p + 2) != v->payload_len - 20)
		return stop(r, DROP, TP_DROP_not_wireguard);
	if (get16(p) != 1 || v->payload_len % 4)
		return stop(r, DROP, TP_DROP_stun_malformed);
	r->frame.len = 0;
	return stop(r, TX, TP_ANSWER_stun);
}

static int judge_unmatched(const struct model *m, const struct view *v, struct model_result *r)
{
	static const uint32_t handshake_len[] = {0, 148, 92, 64};
	uint32_t type;

	if (!is_local(m, v))
		return stop(r, PASS, TP_PASS_not_ours);
	if (!lengths_right(v))
		return stop(r, DROP, TP_DROP_malformed);
	if (v->dport != ntohs(m->knobs.listen_port))
		return judge_stun(m, v, r);
	if (is_data(m, v))
		return judge_data(m, v, r);
	type = v->payload_len < 4 ? 0 : get_le32(v->payload);
	if (type < 1 || type > 4)
		return judge_stun(m, v, r);
	if (type == 4 || handshake_len[type] != v->payload_len)
		return stop(r, DROP, TP_DROP_malformed);
	return stop(r, PASS, TP_PASS_handshake);
}

void model_run(const struct model *m, const struct frame *in, struct model_result *out)
{
	struct view v = {.frame = in->data, .len = in->len};
	int flow;

	out->flow = -1;
	out->frame.len = in->len;
	memcpy(out->frame.data, in->data, in->len);
	if (read_ethernet(&v, out))
		return;
	if (v.v6 ? read_ipv6(m, &v, out) : read_ipv4(m, &v, out))
		return;
	if (read_udp(m, &v, out))
		return;
	flow = lengths_right(&v) && is_data(m, &v) ? find_flow(m, &v) : -1;
	if (flow >= 0)
		forward(m, flow, &v, out);
	else
		judge_unmatched(m, &v, out);
}
