/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What comes through the relay's own tunnels: pings, other data, replays. */
#include "sim_cast.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "relay/tunnel.h"

static void send_inner(const struct sim_peer *p, struct sim_end *e, const void *inner, size_t len)
{
	uint8_t packet[512];

	sim_deliver(&sim, p, packet, sim_seal(e, inner, len, packet));
}

static void keepalive(const struct sim_peer *p, struct sim_end *e)
{
	send_inner(p, e, NULL, 0);
}

struct echo_v4 {
	struct iphdr ip;
	struct icmphdr icmp;
	uint8_t data[20];
};

struct echo_v6 {
	struct ip6_hdr ip;
	struct icmp6_hdr icmp;
	uint8_t data[24];
};

/* RFC 1071 in its plainest form: what is right sums to 0xffff. */
static uint32_t sum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t s = 0;

	for (size_t i = 0; i < len; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static struct echo_v4 echo_request(void)
{
	return (struct echo_v4){
		.ip = {.version = 4,
		       .ihl = 5,
		       .ttl = 3,
		       .protocol = IPPROTO_ICMP,
		       .tot_len = htons(sizeof(struct echo_v4)),
		       .saddr = htonl(0x64400101),
		       .daddr = htonl(0x647fff01)},
		.icmp = {.type = ICMP_ECHO, .un.echo = {.id = 1, .sequence = 2}},
		.data = "ping",
	};
}

static void assert_echoed(const struct echo_v4 *request, const uint8_t *inner)
{
	struct echo_v4 reply;

	memcpy(&reply, inner, sizeof(reply));
	assert_int_equal(reply.ip.saddr, request->ip.daddr);
	assert_int_equal(reply.ip.daddr, request->ip.saddr);
	assert_int_equal(reply.ip.ttl, 64);
	assert_int_equal(reply.icmp.type, ICMP_ECHOREPLY);
	assert_int_equal(reply.icmp.un.gateway, request->icmp.un.gateway);
	assert_memory_equal(reply.data, request->data, sizeof(reply.data));
	assert_int_equal(fold(sum(&reply.ip, sizeof(reply.ip))), 0xffff);
	assert_int_equal(fold(sum(&reply.icmp, sizeof(reply) - sizeof(reply.ip))), 0xffff);
}

static void test_service_ping(void **state)
{
	struct echo_v4 request = echo_request();
	uint8_t inner[128];

	(void)state;
	sim_register(&sim, &alice, &ea);
	send_inner(&alice, &ea, &request, sizeof(request));
	assert_int_equal(sim_open(&ea, sim_take(&sim, WG_DATA, &alice), inner), 48);
	assert_echoed(&request, inner);
	sim_assert_quiet(&sim);
}

static void test_service_ping_v6(void **state)
{
	struct echo_v6 request = {
		.ip = {.ip6_plen = htons(32), .ip6_nxt = IPPROTO_ICMPV6, .ip6_hlim = 3},
		.icmp = {.icmp6_type = ICMP6_ECHO_REQUEST},
		.data = "ping",
	};
	struct echo_v6 reply;
	uint8_t inner[128];

	(void)state;
	config.c.service_address = sim_addr("fd00::1");
	request.ip.ip6_flow = htonl(0x60000000);
	request.ip.ip6_src.s6_addr[15] = 9;
	memcpy(&request.ip.ip6_dst, config.c.service_address.b, 16);
	sim_register(&sim, &alice, &ea);
	send_inner(&alice, &ea, &request, sizeof(request));
	assert_int_equal(sim_open(&ea, sim_take(&sim, WG_DATA, &alice), inner), 80);
	memcpy(&reply, inner, sizeof(reply));
	assert_memory_equal(&reply.ip.ip6_src, &request.ip.ip6_dst, 16);
	assert_memory_equal(&reply.ip.ip6_dst, &request.ip.ip6_src, 16);
	assert_int_equal(reply.icmp.icmp6_type, ICMP6_ECHO_REPLY);
	assert_memory_equal(reply.data, request.data, sizeof(reply.data));
	assert_int_equal(
		fold(sum(&reply.ip.ip6_src, 32) + 32 + IPPROTO_ICMPV6 + sum(&reply.icmp, 32)),
		0xffff);
}

/* Only the node itself may be made to receive something. */
static void test_ping_from_new_address(void **state)
{
	struct echo_v4 request = echo_request();
	struct sim_peer spoofed = alice;
	uint8_t inner[128];

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim_peer_move(&spoofed, "203.0.113.77:777");
	send_inner(&spoofed, &ea, &request, sizeof(request));
	sim_take(&sim, WG_INITIATION, &spoofed);
	assert_int_equal(sim_open(&ea, sim_take(&sim, WG_DATA, &alice), inner), 48);
	sim_assert_quiet(&sim);
}

static void test_other_pings(void **state)
{
	struct echo_v4 good = echo_request(), bad;
	const struct tp_addr *service = &config.c.service_address;

	(void)state;
	assert_int_equal(tunnel_echo((uint8_t *)&good, sizeof(good), service), sizeof(good));
	bad = echo_request();
	bad.ip.daddr ^= htonl(1);
	assert_int_equal(tunnel_echo((uint8_t *)&bad, sizeof(bad), service), 0);
	bad = echo_request();
	bad.icmp.type = ICMP_ECHOREPLY;
	assert_int_equal(tunnel_echo((uint8_t *)&bad, sizeof(bad), service), 0);
	bad = echo_request();
	bad.ip.frag_off = htons(0x2000);
	assert_int_equal(tunnel_echo((uint8_t *)&bad, sizeof(bad), service), 0);
	bad = echo_request();
	bad.ip.tot_len = htons(sizeof(bad) + 1);
	assert_int_equal(tunnel_echo((uint8_t *)&bad, sizeof(bad), service), 0);
	bad.ip.tot_len = htons(27);
	assert_int_equal(tunnel_echo((uint8_t *)&bad, sizeof(bad), service), 0);
	bad = echo_request();
	for (size_t len = 0; len < 28; len++)
		assert_int_equal(tunnel_echo((uint8_t *)&bad, len, service), 0);
}

/* A peer that hears nothing for its data would shake hands again. */
static void test_other_data(void **state)
{
	static const uint8_t inner[32] = {0x45};
	uint8_t nothing[WG_DATA_MIN];

	(void)state;
	sim_register(&sim, &alice, &ea);
	for (unsigned int i = 0; i < 3; i++)
		send_inner(&alice, &ea, inner, sizeof(inner));
	assert_int_equal(sim_open(&ea, sim_take(&sim, WG_DATA, &alice), nothing), 0);
	sim_assert_quiet(&sim);
	sim.now += TP_SEC(5);
	send_inner(&alice, &ea, inner, sizeof(inner));
	assert_int_equal(sim_open(&ea, sim_take(&sim, WG_DATA, &alice), nothing), 0);
	keepalive(&alice, &ea);
	sim_assert_quiet(&sim); /* else the two would keep each other awake */
}

static void test_replayed_and_forged_data(void **state)
{
	uint8_t packet[WG_DATA_MIN];
	struct sim_peer elsewhere = alice;

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim_seal(&ea, NULL, 0, packet);
	sim_deliver(&sim, &alice, packet, sizeof(packet));
	sim_peer_move(&elsewhere, "203.0.113.77:777");
	sim_deliver(&sim, &elsewhere, packet, sizeof(packet));
	sim_assert_refused(&sim, TP_DROP_session_replay);
	sim_seal(&ea, NULL, 0, packet);
	packet[sizeof(packet) - 1] ^= 1;
	sim_deliver(&sim, &elsewhere, packet, sizeof(packet));
	sim_assert_refused(&sim, TP_DROP_session_invalid);
	sim_deliver(&sim, &elsewhere, packet, sizeof(packet) - 1);
	sim_assert_refused(&sim, TP_DROP_malformed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_service_ping),
		CASE(test_service_ping_v6),
		CASE(test_ping_from_new_address),
		CASE(test_other_pings),
		CASE(test_other_data),
		CASE(test_replayed_and_forged_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
