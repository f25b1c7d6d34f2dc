/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_traffic.h"

#include <arpa/inet.h>
#include <string.h>

#include "random.h"

#define PICK(list) (list)[below(sizeof(list) / sizeof((list)[0]))]

/* A packet to be, with room for what it points to. */
struct draft {
	struct lab_packet p;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	struct lab_frame quoted;
};

static const char *const nodes[] = {ALICE, ALICE, ALICE, BOB, BOB, BOB, "100.64.1.77", GATEWAY};
static const char *const remotes[] = {SERVER,  SERVER, OTHER, "192.168.10.9", ROUTED, EXTERNAL,
				      GATEWAY, ALICE,  BOB,   "10.9.9.9"};
static const char *const nodes6[] = {ALICE6, ALICE6, BOB6, "fd00::77"};
static const char *const remotes6[] = {ROUTED6,	      ROUTED6,	 BOB6,	   ALICE6,
				       "2001:db9::1", "fe80::9", "ff02::1"};
static const char *const oddities[] = {"224.0.0.251", "255.255.255.255", "169.254.3.4"};
static const uint16_t services[] = {53, 80, 22, 514};

static uint8_t random_proto(void)
{
	static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_UDP,  IPPROTO_UDP, IPPROTO_TCP,
					 IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_ICMP};

	return one_in(40) ? 47 : PICK(protos);
}

static uint8_t random_flags(void)
{
	static const uint8_t flags[] = {TCP_S, TCP_S, TCP_S,	     TCP_S | TCP_A, TCP_A,
					TCP_A, TCP_A, TCP_F | TCP_A, TCP_F | TCP_A, TCP_R};

	return one_in(20) ? (uint8_t)below(32) : PICK(flags);
}

/* Few, so that flows meet again; sometimes one that is, or may be, a mapping's. */
static uint16_t random_port(const struct model *m)
{
	if (m->n_mappings && one_in(4))
		return m->mappings[below(m->n_mappings)].port;
	return one_in(10) ? (uint16_t)(LAB_BASE - 3 + below(LAB_RANGE + 6))
			  : (uint16_t)(5000 + below(one_in(3) ? 200 : 12));
}

static const char *text_of(const uint8_t addr[16], char text[INET6_ADDRSTRLEN])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool v4 = !memcmp(addr, mapped, 12);

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? addr + 12 : addr, text, INET6_ADDRSTRLEN);
	return text;
}

/* Type and code, where others have a port. */
static void make_icmp(struct lab_packet *p, bool query)
{
	bool v6 = strchr(p->src, ':');
	static const uint16_t kinds[] = {0x0500, 0x0900, 0x0d00, 0x0e00};

	p->proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	if (v6)
		p->sport = query ? 0x8000 : 0x8100;
	else
		p->sport = query ? 0x0800 : 0;
	if (one_in(20))
		p->sport = v6 ? 0x8700 : PICK(kinds);
}

static void ends(struct draft *d, const uint8_t src[16], const uint8_t dst[16])
{
	d->p.src = text_of(src, d->src);
	d->p.dst = text_of(dst, d->dst);
}

static void from_anybody(const struct model *m, struct draft *d, bool v6)
{
	d->p = (struct lab_packet){.proto = random_proto(), .sport = random_port(m)};
	d->p.src = v6 ? PICK(nodes6) : PICK(nodes);
	d->p.dst = v6 ? PICK(remotes6) : one_in(40) ? PICK(oddities) : PICK(remotes);
	d->p.dport = one_in(4) ? random_port(m) : PICK(services);
	d->p.flags = random_flags();
	if (d->p.proto == IPPROTO_ICMP) {
		d->p.dport = d->p.sport;
		make_icmp(&d->p, !one_in(6));
	}
}

static void turn(struct lab_packet *p)
{
	const char *src = p->src;
	uint16_t port = p->sport;

	p->src = p->dst;
	p->dst = src;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		return;
	p->sport = p->dport;
	p->dport = port;
}

/* A packet of the flow as it is seen at the node (inside), or beyond the gateway. */
static void of_flow(const struct model_flow *flow, struct draft *d, bool out, bool inside)
{
	const struct model_end *node = &flow->key.node, *remote = &flow->key.remote;
	bool icmp = flow->key.proto == IPPROTO_ICMP || flow->key.proto == IPPROTO_ICMPV6;
	bool mapped = flow->kind == GW_FLOW_NAT && !inside;

	d->p = (struct lab_packet){.proto = flow->key.proto, .flags = random_flags()};
	ends(d, node->addr, remote->addr);
	if (mapped)
		d->p.src = EXTERNAL;
	d->p.sport = mapped ? flow->mapping->port : node->port;
	d->p.dport = icmp ? d->p.sport : remote->port;
	if (icmp)
		make_icmp(&d->p, out != flow->from_remote);
	if (!out)
		turn(&d->p);
}

/* Of those with the host fewer than there are; often the same for a while, so that there
 * are shortcuts. */
static const struct model_flow *some_flow(const struct model *m)
{
	static uint32_t favourite;
	uint32_t i = one_in(3) ? favourite : below(MODEL_FLOWS);

	if (one_in(50))
		favourite = below(MODEL_FLOWS);

	for (uint32_t n = 0; n < MODEL_FLOWS; n++, i++) {
		const struct model_flow *flow = &m->flows[i % MODEL_FLOWS];

		if (flow->used && (flow->kind != GW_FLOW_LOCAL || one_in(20)))
			return flow;
	}
	return NULL;
}

/* A little beside the flow: another end, or port. */
static void miss(const struct model *m, struct lab_packet *p)
{
	bool v6 = strchr(p->src, ':');

	switch (below(4)) {
	case 0: p->sport = p->proto == IPPROTO_ICMP ? p->sport : random_port(m); break;
	case 1: p->dport = random_port(m); break;
	case 2: p->src = v6 ? PICK(remotes6) : PICK(remotes); break;
	default: p->dst = v6 ? PICK(nodes6) : PICK(nodes);
	}
}

static void decorate(struct lab_packet *p)
{
	p->ttl = one_in(25) ? 1 : (uint8_t)(2 + below(250));
	p->df = one_in(2);
	p->no_checksum = one_in(20);
	p->options = one_in(40);
	p->mss = one_in(2) ? (uint16_t)(1300 + below(200)) : 0;
	p->nops = (uint8_t)below(4);
	if (!p->quote)
		p->payload = one_in(12)	  ? 1340 + below(160)
			     : one_in(40) ? 1990 + below(80)
					  : below(40);
}

static void fragment(struct lab_frame *f)
{
	uint16_t offset = one_in(2) ? 0 : (uint16_t)(8 * (1 + below(3)));

	if (lab_ip(f)[0] == 0x45)
		lab_fragment(f, offset, offset == 0 || one_in(2));
}

/* Test runs take no packet that ends within its IP header. */
static void spoil(struct lab_frame *f)
{
	uint32_t reach = f->len < 90 ? f->len : 90, least = lab_ip(f)[0] >> 4 == 6 ? 54 : 34;

	if (one_in(8))
		f->len = least + below(f->len - least + 1);
	reach = reach < f->len ? reach : f->len;
	for (uint32_t n = 1 + below(2); n; n--)
		f->data[12 + below(reach - 12)] ^= (uint8_t)(1 << below(8));
}

static void finish(struct draft *d, struct lab_frame *f)
{
	decorate(&d->p);
	lab_build(f, &d->p);
	if (one_in(12))
		fragment(f);
	if (one_in(10))
		f->len += below(20);
	if (one_in(8))
		spoil(f);
}

/* About a packet of the flow that went out (to the node: in), by who got it or a router. */
static enum lab_side error_about(const struct model *m, const struct model_flow *flow,
				 struct draft *d, struct lab_frame *f)
{
	static const uint16_t kinds[] = {0x0300, 0x0303, 0x0304, 0x0b00, 0x0c00};
	static struct draft about;
	bool to_node = one_in(2), v6;

	of_flow(flow, &about, to_node, !to_node);
	if (one_in(10))
		miss(m, &about.p);
	finish(&about, &d->quoted);
	v6 = strchr(about.p.src, ':');
	d->p = lab_error_about(about.p.dst, about.p.src, &d->quoted);
	d->p.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	d->p.sport = v6 ? (uint16_t)(1 + below(4)) << 8 : PICK(kinds);
	if (to_node && one_in(3))
		d->p.src = v6 ? "2001:db8::99" : "192.168.10.99";
	if (one_in(3) && d->p.payload > 28)
		d->p.payload = 28 + below(d->p.payload - 28);
	finish(d, f);
	return to_node ? FROM_UPLINK : FROM_NODE;
}

static enum lab_side of_some_flow(const struct model *m, const struct model_flow *flow,
				  struct draft *d, struct lab_frame *f)
{
	bool out = one_in(2);
	enum lab_side side = out ? FROM_NODE : FROM_UPLINK;

	if (one_in(6))
		return error_about(m, flow, d, f);
	of_flow(flow, d, out, out);
	if (!out && flow->kind == GW_FLOW_LOCAL && !one_in(10))
		side = FROM_HOST;
	if (!out && (flow->kind == GW_FLOW_OVERLAY || flow->kind == GW_FLOW_HAIRPIN) && !one_in(10))
		side = FROM_NODE;
	if (one_in(6))
		miss(m, &d->p);
	finish(d, f);
	return side;
}

/* To what may be a node's mapping: by a node, or a host of the LAN. */
static enum lab_side to_mapping(const struct model *m, struct draft *d)
{
	static const char *const strangers[] = {SERVER, OTHER, "192.168.10.9"};
	const struct model_mapping *peer = &m->mappings[below(m->n_mappings)];
	enum lab_side side = one_in(2) ? FROM_NODE : FROM_UPLINK;

	d->p.proto = peer->proto == IPPROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP;
	d->p.src = side == FROM_UPLINK ? PICK(strangers) : one_in(2) ? ALICE : BOB;
	d->p.dst = EXTERNAL;
	d->p.dport = peer->port;
	return side;
}

/* One node opens flow after flow, to one host. */
static bool scan(struct draft *d)
{
	static const char *const targets[] = {SERVER, ROUTED};
	static struct lab_packet p;
	static uint32_t left;

	if (!left && one_in(250)) {
		left = 60;
		p = lab_opener(one_in(2) ? IPPROTO_UDP : IPPROTO_TCP, ALICE, 5000, PICK(targets),
			       80);
	}
	if (!left)
		return false;
	left--;
	p.sport++;
	d->p = p;
	return true;
}

enum lab_side traffic_next(const struct model *m, uint32_t *mark, struct lab_frame *f)
{
	const struct model_flow *flow = some_flow(m);
	enum lab_side side = FROM_NODE;
	static struct draft d;

	*mark = 0;
	if (flow && !one_in(3))
		return of_some_flow(m, flow, &d, f);
	from_anybody(m, &d, one_in(6));
	if (scan(&d)) {
		side = FROM_NODE;
	} else if (m->n_mappings && one_in(4)) {
		side = to_mapping(m, &d);
	} else if (one_in(3)) {
		turn(&d.p);
		side = FROM_UPLINK;
		if (one_in(3))
			d.p.dst = strchr(d.p.dst, ':') ? ALICE6 : EXTERNAL;
		if (strchr(d.p.dst, ':') && !strchr(d.p.src, ':'))
			d.p.src = ROUTED6;
		else if (!strchr(d.p.dst, ':') && strchr(d.p.src, ':'))
			d.p.src = SERVER;
		if (one_in(4))
			side = FROM_HOST;
		*mark = side == FROM_HOST && one_in(8) ? LAB_MARK : 0;
	}
	finish(&d, f);
	if (side != FROM_HOST && one_in(80))
		f->data[0] = 2; /* another host's */
	return side;
}
