/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "clock.h"
#include "relay/flows.h"
#include "relay/probe.h"
#include "relay/tunnel.h"

#define INNER_MAX 2048

/* RFC 1071 over len bytes, on top of `sum`. */
static uint16_t checksum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *b = data;

	for (; len > 1; len -= 2, b += 2)
		sum += (uint32_t)b[0] << 8 | b[1];
	if (len)
		sum += (uint32_t)b[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t echo_v4(uint8_t *inner, size_t len, struct in_addr service)
{
	struct iphdr ip;
	struct icmphdr icmp;
	size_t head = sizeof(ip), total;

	if (len < head + sizeof(icmp))
		return 0;
	memcpy(&ip, inner, sizeof(ip));
	memcpy(&icmp, inner + head, sizeof(icmp));
	total = ntohs(ip.tot_len);
	if (ip.ihl != 5 || total > len || total < head + sizeof(icmp) ||
	    (ip.frag_off & htons(0x3fff)) || ip.protocol != IPPROTO_ICMP ||
	    ip.daddr != service.s_addr || icmp.type != ICMP_ECHO)
		return 0;
	ip.daddr = ip.saddr;
	ip.saddr = service.s_addr;
	ip.ttl = 64;
	ip.check = 0;
	ip.check = checksum(&ip, sizeof(ip), 0);
	icmp.type = ICMP_ECHOREPLY;
	icmp.checksum = 0;
	memcpy(inner, &ip, sizeof(ip));
	memcpy(inner + head, &icmp, sizeof(icmp));
	icmp.checksum = checksum(inner + head, total - head, 0);
	memcpy(inner + head, &icmp, sizeof(icmp));
	return total;
}

static uint32_t pseudo_sum_v6(const struct ip6_hdr *ip, size_t len)
{
	const uint8_t *a = (const uint8_t *)&ip->ip6_src;
	uint32_t sum = (uint32_t)len + IPPROTO_ICMPV6;

	for (unsigned int i = 0; i < 32; i += 2)
		sum += (uint32_t)a[i] << 8 | a[i + 1];
	return sum;
}

static size_t echo_v6(uint8_t *inner, size_t len, const struct tp_addr *service)
{
	struct ip6_hdr ip;
	struct icmp6_hdr icmp;
	size_t head = sizeof(ip), body;

	if (len < head + sizeof(icmp))
		return 0;
	memcpy(&ip, inner, sizeof(ip));
	memcpy(&icmp, inner + head, sizeof(icmp));
	body = ntohs(ip.ip6_plen);
	if (body + head > len || body < sizeof(icmp) || ip.ip6_nxt != IPPROTO_ICMPV6 ||
	    memcmp(&ip.ip6_dst, service->b, sizeof(service->b)) ||
	    icmp.icmp6_type != ICMP6_ECHO_REQUEST)
		return 0;
	ip.ip6_dst = ip.ip6_src;
	memcpy(&ip.ip6_src, service->b, sizeof(service->b));
	ip.ip6_hlim = 64;
	icmp.icmp6_type = ICMP6_ECHO_REPLY;
	icmp.icmp6_cksum = 0;
	memcpy(inner, &ip, sizeof(ip));
	memcpy(inner + head, &icmp, sizeof(icmp));
	icmp.icmp6_cksum = checksum(inner + head, body, pseudo_sum_v6(&ip, body));
	memcpy(inner + head, &icmp, sizeof(icmp));
	return head + body;
}

size_t tunnel_echo(uint8_t *inner, size_t len, const struct tp_addr *service)
{
	if (tp_addr_is_zero(service) || !len)
		return 0;
	if (inner[0] >> 4 == 4 && tp_addr_is_v4(service))
		return echo_v4(inner, len, tp_addr_to_v4(service));
	if (inner[0] >> 4 == 6 && !tp_addr_is_v4(service))
		return echo_v6(inner, len, service);
	return 0;
}

static enum tp_reason open_failure(int err)
{
	return err == -EALREADY ? TP_DROP_session_replay : TP_DROP_session_invalid;
}

/* Where is the node? The packet is authentic, but its source address is not. */
static void look_at_source(struct relay *r, struct own_session *s, const struct packet *p)
{
	struct node *n = s->node;

	if (s == n->next) {
		register_confirm(r, s, p);
		return;
	}
	if (n->site && tp_endpoint_equal(p->from, &n->endpoint) &&
	    tp_addr_equal(p->local, &n->local))
		n->last_seen = p->now;
	else
		probe_session(r, n, p);
}

/* The reply goes to where the node is known to be, never to an unproven source. */
static void answer(struct relay *r, struct own_session *s, uint8_t *inner, size_t len, uint64_t now)
{
	struct node *n = s->node;
	size_t reply;

	if (!n->site)
		return;
	reply = tunnel_echo(inner, len, &r->config->service_address);
	if (reply) {
		register_send(r, s, &n->local, &n->endpoint, inner, reply);
		return;
	}
	/* A peer that hears nothing for its data takes the session for broken. */
	if (now < n->last_keepalive + TP_SEC(WG_KEEPALIVE_TIMEOUT) / 2)
		return;
	n->last_keepalive = now;
	register_send(r, s, &n->local, &n->endpoint, NULL, 0);
}

void tunnel_receive(struct relay *r, const struct packet *p, struct own_session *s)
{
	uint8_t inner[INNER_MAX];
	int len;

	if (s->state == OWN_STALE) {
		/* Ours before a restart. The node can't be told so, but it can be called. */
		probe_stale(r, s->node, p);
		relay_count(r, TP_DROP_session_unknown, p->len);
		return;
	}
	if (s->state != OWN_KEYPAIR || p->now >= s->born + TP_SEC(WG_REJECT_AFTER_TIME)) {
		relay_count(r, TP_DROP_session_unknown, p->len);
		return;
	}
	if (p->len > sizeof(inner)) {
		relay_count(r, TP_DROP_malformed, p->len);
		return;
	}
	len = tp_keypair_open(s->kp, p->data, p->len, inner);
	if (len < 0) {
		relay_count(r, open_failure(len), p->len);
		return;
	}
	look_at_source(r, s, p);
	if (len)
		answer(r, s, inner, (size_t)len, p->now);
}
