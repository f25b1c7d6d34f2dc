/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* STUN Binding requests, answered in place (RFC 8489). */
#ifndef TP_BPF_RELAY_STUN_REPLY_H
#define TP_BPF_RELAY_STUN_REPLY_H

#include "header.h"
#include "limit.h"
#include "../stun.h"

/* Packet bytes as stun.h wants them: flat, and of one size. */
struct stun_scratch {
	struct tp_stun_buf message;
	__u8 answer[TP_STUN_BUF];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct stun_scratch);
	__uint(max_entries, 1);
} stun_scratch SEC(".maps");

/* The class and method that STUN allows, the cookie, and a length that fills the datagram. */
TP_INLINE bool is_stun(const struct xdp_md *ctx, const struct packet *p)
{
	const __u8 *message = (void *)(p->udp + 1);

	if (payload_len(p) < TP_STUN_HEADER ||
	    (void *)(message + TP_STUN_HEADER) > (void *)(long)ctx->data_end)
		return false;
	return message[0] <= 1 && tp_get32(message + 4) == bpf_htonl(TP_STUN_COOKIE) &&
	       bpf_ntohs(tp_get16(message + 2)) == payload_len(p) - TP_STUN_HEADER;
}

/* Reads and judges the message: CARRY_ON with *req filled when there is an answer to give. */
TP_INLINE int read_request(struct xdp_md *ctx, const struct packet *p, struct tp_stun_buf *buf,
			   struct tp_stun_request *req)
{
	__u32 len = payload_len(p) < TP_STUN_MAX ? payload_len(p) : TP_STUN_MAX;
	__u32 at = l2_len(p) + l3_len(p) + sizeof(struct udphdr);

	barrier_var(len); /* else the compiler tests another register than it passes */
	if (len < TP_STUN_HEADER || bpf_xdp_load_bytes(ctx, at, buf->b, len))
		return TP_DROP_stun_malformed;
	switch (tp_stun_parse(buf->b, payload_len(p), req)) {
	case TP_STUN_ANSWER: return CARRY_ON;
	case TP_STUN_UNKNOWN:
	case TP_STUN_COMPLEX:
		/* For the daemon, like a handshake. */
		return limit_strangers(STRANGERS_HANDSHAKE, knobs.handshake_rate)
			       ? TP_PASS_stun_error
			       : TP_DROP_stun_rate;
	default: return TP_DROP_stun_malformed;
	}
}

/* Turns the request's headers round, for an answer of `len` bytes. */
TP_INLINE int turn_round(struct xdp_md *ctx, const struct packet *p, __u32 len, __u64 sum)
{
	__u16 udp_len = sizeof(struct udphdr) + len;
	struct ip_fields f = {
		.src = p->local.addr,
		.dst = p->key.addr,
		.len = l3_len(p) + udp_len,
		.ttl = HEADER_TTL,
		.proto = IPPROTO_UDP,
	};
	void *eth = (void *)(long)ctx->data;
	void *ip = eth + l2_len(p);
	struct udphdr *udp = ip + l3_len(p);

	if (eth + L2_LEN_MAX > (void *)(long)ctx->data_end ||
	    ip + IPV6_LEN + sizeof(*udp) > (void *)(long)ctx->data_end)
		return TP_DROP_no_room;
	swap_macs(eth);
	if (p->v6)
		write_ipv6(ip, &f);
	else
		write_ipv4(ip, &f);
	udp->source = p->local_port;
	udp->dest = p->port;
	udp->len = bpf_htons(udp_len);
	sum += pseudo_sum(f.src, f.dst, f.proto, udp_len);
	sum += udp->source + udp->dest + udp->len;
	udp->check = tp_csum_udp(~tp_sum_fold(sum));
	return TP_ANSWER_stun;
}

/* Makes the frame `grow` bytes longer; what lies behind the Ethernet header is undefined after. At
 * the tail where the driver left room, else at the head (veth copies frames without spare tail). */
TP_INLINE int resize(struct xdp_md *ctx, int grow)
{
	__u8 l2[L2_LEN_MAX];

	if (!bpf_xdp_adjust_tail(ctx, grow))
		return 0;
	if (grow <= 0 || bpf_xdp_adjust_head(ctx, -grow) ||
	    bpf_xdp_load_bytes(ctx, grow, l2, sizeof(l2)))
		return -1;
	return bpf_xdp_store_bytes(ctx, 0, l2, sizeof(l2));
}

/* Puts the `len` bytes of `answer` in the place of the request. */
TP_INLINE int send_answer(struct xdp_md *ctx, const struct packet *p, __u8 *answer, __u32 len)
{
	__u32 at = l2_len(p) + l3_len(p) + sizeof(struct udphdr);
	__u64 sum;

	if (resize(ctx, (int)(at + len) - (int)bpf_xdp_get_buff_len(ctx)))
		return TP_DROP_no_room;
	len &= TP_STUN_BUF - 1;
	if (!len || bpf_xdp_store_bytes(ctx, at, answer, len))
		return TP_DROP_no_room;
	sum = bpf_csum_diff(NULL, 0, (void *)answer, len & ~3u, 0);
	return turn_round(ctx, p, len, sum);
}

static __noinline int answer_stun(struct xdp_md *ctx, struct packet *p)
{
	struct tp_stun_request req;
	struct stun_scratch *scratch;
	__u32 zero = 0, len;
	int why;

	if (!knobs.stun_rate || !is_stun(ctx, p))
		return leave(ctx, TP_DROP_not_wireguard);
	if (!limit_source(p, PURPOSE_STUN, knobs.stun_rate))
		return leave(ctx, TP_DROP_stun_rate);
	scratch = bpf_map_lookup_elem(&stun_scratch, &zero);
	if (!scratch)
		return XDP_ABORTED;
	why = read_request(ctx, p, &scratch->message, &req);
	if (why != CARRY_ON)
		return leave(ctx, why);
	len = tp_stun_answer(scratch->answer, &req, p->key.addr, p->port);
	return leave(ctx, send_answer(ctx, p, scratch->answer, len));
}

#endif
