// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway/fragment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <string.h>

#include "bpf/abi/types.h"
#include "bpf/lib/checksum.h"

#define UNIT 8 /* bytes: what offsets of fragments count */

static uint16_t header_sum(const struct iphdr *ip)
{
	uint64_t sum = 0;

	for (int i = 0; i < GW_IPV4_LEN; i += 4)
		sum += tp_sum32((const uint8_t *)ip + i);
	return ~tp_sum_fold(sum);
}

/* A copy of the header; false when there is none. */
static bool header_of(const uint8_t *packet, size_t len, struct iphdr *ip)
{
	if (len < GW_IPV4_LEN)
		return false;
	memcpy(ip, packet, GW_IPV4_LEN);
	return ip->version == 4 && ip->ihl == GW_IPV4_LEN / 4 && ntohs(ip->tot_len) == len;
}

int gw_fragment_readdress(uint8_t *packet, size_t len, uint32_t src, uint32_t dst)
{
	struct iphdr ip;

	if (!header_of(packet, len, &ip) || ip.ttl <= 1)
		return -EINVAL;
	ip.ttl--;
	if (src)
		ip.saddr = src;
	if (dst)
		ip.daddr = dst;
	ip.check = 0;
	ip.check = header_sum(&ip);
	memcpy(packet, &ip, GW_IPV4_LEN);
	return 0;
}

/* One part: `n` bytes of payload that stand at `at`; the offset of the whole is in `ip`. */
static int emit_part(const struct iphdr *ip, const uint8_t *payload, size_t at, size_t n, bool more,
		     int (*emit)(void *arg, const uint8_t *part, size_t len), void *arg)
{
	uint8_t part[UINT16_MAX];
	uint16_t was = ntohs(ip->frag_off);
	struct iphdr head = *ip;

	head.tot_len = htons(GW_IPV4_LEN + n);
	head.frag_off = htons((was & ~IP_MF) + at / UNIT) | htons(more ? IP_MF : was & IP_MF);
	head.check = 0;
	head.check = header_sum(&head);
	memcpy(part, &head, GW_IPV4_LEN);
	memcpy(part + GW_IPV4_LEN, payload + at, n);
	return emit(arg, part, GW_IPV4_LEN + n);
}

int gw_fragment_cut(const uint8_t *packet, size_t len, size_t mtu,
		    int (*emit)(void *arg, const uint8_t *part, size_t len), void *arg)
{
	size_t payload = len - GW_IPV4_LEN, room, n;
	struct iphdr ip;
	int err = 0;

	if (!header_of(packet, len, &ip))
		return -EINVAL;
	if (len <= mtu)
		return emit(arg, packet, len);
	if (mtu < GW_IPV4_LEN + UNIT || ntohs(ip.frag_off) & IP_DF)
		return -EMSGSIZE;
	room = (mtu - GW_IPV4_LEN) / UNIT * UNIT;
	for (size_t at = 0; at < payload && !err; at += n) {
		n = payload - at < room ? payload - at : room;
		err = emit_part(&ip, packet + GW_IPV4_LEN, at, n, at + n < payload, emit, arg);
	}
	return err;
}
