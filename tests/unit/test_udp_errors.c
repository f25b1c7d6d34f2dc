// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What ICMP errors do to the UDP sockets: no harm, and too-big ones are reported. */
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#include "tests/unit/udp_tools.h"

/* Leaves u with a pending error: nobody listens where it sends to. */
static void provoke(struct tp_udp *u, int family, const struct tp_endpoint *nobody)
{
	struct tp_udp_datagram d = to(u, family, "anyone?", 7);

	d.peer = *nobody;
	assert_int_equal(tp_udp_send(u, &d), 0);
	assert_true(wait_for(u, 0) & POLLERR);
}

static void check_pending_error(int family)
{
	struct tp_udp *u = open_one(family), *peer = open_one(family), *gone = open_one(family);
	struct tp_endpoint nobody = to(gone, family, NULL, 0).peer;
	struct tp_udp_datagram there = to(peer, family, "12", 2), back = to(u, family, "34", 2);
	struct tp_udp_batch *batch = new_batch();
	struct tp_udp_error e;
	unsigned int failed = 0;

	tp_udp_close(gone);
	provoke(u, family, &nobody);
	assert_int_equal(tp_udp_send(u, &there), 0);

	provoke(u, family, &nobody);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tp_udp_queue(u, &there), 0);
	assert_int_equal(tp_udp_flush(u, count_failed, &failed), 3);
	assert_int_equal(failed, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(receive(peer, batch).len, 2);

	provoke(u, family, &nobody);
	assert_int_equal(tp_udp_send(peer, &back), 0);
	while (!(wait_for(u, POLLIN) & POLLIN))
		;
	assert_int_equal(tp_udp_recv(u, batch), 1);
	assert_int_equal(receive(u, batch).len, 2);

	/* And it doesn't keep the loop busy. */
	assert_false(tp_udp_error_recv(u, &e));
	assert_true(idle(u));
	tp_udp_batch_free(batch);
	tp_udp_close(u);
	tp_udp_close(peer);
}

/* An error that finds no room in the queue still marks the socket. */
static void test_error_without_room(void **state)
{
	static const uint8_t large[1400];
	struct tp_udp *u = open_one(AF_INET6), *gone = open_one(AF_INET6);
	struct tp_udp_datagram d = to(gone, AF_INET6, large, sizeof(large));
	struct tp_udp_error e;
	int bytes = 0;

	(void)state;
	tp_udp_close(gone);
	assert_int_equal(setsockopt(tp_udp_fd(u), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	assert_int_equal(tp_udp_send(u, &d), 0);
	assert_true(wait_for(u, 0) & POLLERR);
	assert_false(tp_udp_error_recv(u, &e));
	assert_true(idle(u));
	tp_udp_close(u);
}

static void test_pending_error(void **state)
{
	(void)state;
	check_pending_error(AF_INET);
	check_pending_error(AF_INET6);
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* What a router would send about a datagram with this payload from u to port 7777 of second(). */
static void send_too_big_v4(const struct tp_udp *u, uint16_t mtu, const void *payload, size_t len)
{
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
		uint8_t payload[64];
	} __attribute__((packed)) m = {
		.icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED},
		.ip = {.version = 4, .ihl = 5, .ttl = 60, .protocol = IPPROTO_UDP},
	};
	struct sockaddr_in self = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	assert_true(fd >= 0);
	m.icmp.un.frag.mtu = htons(mtu);
	m.ip.saddr = htonl(INADDR_LOOPBACK);
	m.ip.daddr = htonl(INADDR_LOOPBACK + 1);
	m.ip.tot_len = htons(1420);
	m.udp = (struct udphdr){.source = tp_udp_port(u), .dest = htons(7777)};
	m.udp.len = htons(1400);
	memcpy(m.payload, payload, len);
	m.icmp.checksum = checksum(&m, sizeof(m));
	self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(sendto(fd, &m, sizeof(m) - sizeof(m.payload) + len, 0,
				(struct sockaddr *)&self, sizeof(self)),
			 sizeof(m) - sizeof(m.payload) + len);
	close(fd);
}

static void send_too_big_v6(const struct tp_udp *u, uint16_t mtu, const void *payload, size_t len)
{
	struct {
		struct icmp6_hdr icmp;
		struct ipv6hdr ip;
		struct udphdr udp;
		uint8_t payload[64];
	} __attribute__((packed)) m = {
		.icmp = {.icmp6_type = ICMP6_PACKET_TOO_BIG},
		.ip = {.version = 6, .nexthdr = IPPROTO_UDP, .hop_limit = 60},
	};
	struct sockaddr_in6 self = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

	assert_true(fd >= 0);
	m.icmp.icmp6_mtu = htonl(mtu);
	inet_pton(AF_INET6, "::1", &m.ip.saddr);
	inet_pton(AF_INET6, "fd00::2", &m.ip.daddr);
	m.ip.payload_len = htons(1400);
	m.udp = (struct udphdr){.source = tp_udp_port(u), .dest = htons(7777)};
	m.udp.len = htons(1400);
	memcpy(m.payload, payload, len);
	assert_int_equal(sendto(fd, &m, sizeof(m) - sizeof(m.payload) + len, 0,
				(struct sockaddr *)&self, sizeof(self)),
			 sizeof(m) - sizeof(m.payload) + len);
	close(fd);
}

static void check_too_big(int family)
{
	static const uint8_t quote[16] = {4, 0, 0, 0, 0x11, 0x22, 0x33, TAG, 9};
	struct tp_udp *u = open_one(family);
	struct tp_addr where = second(family);
	struct tp_udp_error e;

	if (family == AF_INET)
		send_too_big_v4(u, 1404, quote, sizeof(quote));
	else
		send_too_big_v6(u, 1404, quote, sizeof(quote));
	wait_for(u, POLLIN);
	assert_true(tp_udp_error_recv(u, &e));
	assert_true(tp_addr_equal(&e.to.addr, &where));
	assert_int_equal(e.to.port, htons(7777));
	assert_int_equal(e.mtu, 1404);
	assert_int_equal(e.len, sizeof(quote));
	assert_memory_equal(e.quote, quote, sizeof(quote));
	assert_false(tp_udp_error_recv(u, &e));
	assert_true(idle(u));
	tp_udp_close(u);
}

static void test_too_big(void **state)
{
	(void)state;
	want_isolation();
	check_too_big(AF_INET);
	check_too_big(AF_INET6);
}

static void test_too_big_flood(void **state)
{
	const unsigned int count = TP_UDP_ERRORS + 44;
	struct tp_udp *u = open_one(AF_INET);
	struct tp_udp_error e;
	unsigned int n = 0;

	(void)state;
	want_isolation();
	for (unsigned int i = 0; i < count; i++)
		send_too_big_v4(u, 1404, "quote", 5);
	while (tp_udp_error_recv(u, &e))
		n++;
	assert_int_equal(n, TP_UDP_ERRORS);
	while (n < count) {
		wait_for(u, POLLIN);
		while (tp_udp_error_recv(u, &e))
			n++;
	}
	assert_false(tp_udp_error_recv(u, &e));
	assert_true(idle(u));
	tp_udp_close(u);
}

/* The IP header of the next packet on the loopback device to this UDP port. */
static struct iphdr capture(int fd, uint16_t port)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct {
			struct iphdr ip;
			struct udphdr udp;
		} head;

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		if (recv(fd, &head, sizeof(head), 0) == sizeof(head) &&
		    head.ip.protocol == IPPROTO_UDP && head.udp.dest == port)
			return head.ip;
	}
}

/* Anyone can forge a frag-needed. It's for the caller to judge; the socket goes on as before. */
static void test_too_big_is_hearsay(void **state)
{
	static const uint8_t data[1400];
	struct sockaddr_ll lo = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1};
	struct tp_udp *u = open_one(AF_INET);
	struct tp_udp_datagram d = to(u, AF_INET, data, sizeof(data));
	struct iphdr ip;
	int fd;

	(void)state;
	want_isolation();
	d.peer = (struct tp_endpoint){second(AF_INET), htons(7777)};
	send_too_big_v4(u, 600, "", 0);
	wait_for(u, POLLIN);
	fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
	assert_int_equal(bind(fd, (struct sockaddr *)&lo, sizeof(lo)), 0);
	assert_int_equal(tp_udp_send(u, &d), 0);
	ip = capture(fd, htons(7777));
	assert_int_equal(ntohs(ip.tot_len), sizeof(ip) + sizeof(struct udphdr) + sizeof(data));
	assert_int_equal(ip.frag_off, 0); /* neither a fragment nor DF */
	close(fd);
	tp_udp_close(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pending_error),
		cmocka_unit_test(test_error_without_room),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_too_big_flood),
		cmocka_unit_test(test_too_big_is_hearsay),
	};

	isolate();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
