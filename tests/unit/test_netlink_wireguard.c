// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * WireGuard's netlink messages: large plans in several, dumps that go on from one to the next. The
 * messages that are sent have the form of those that are read, so each side checks the other; what
 * the kernel makes of them is seen in tests/vm/test_kernel_device.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>

#include "netlink_parse.h"
#include "netlink_wireguard.h"

#define FAMILY	31
#define IFINDEX 7

/* --- what is told, as lines --- */

struct notes {
	char buf[4096];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static int note(struct notes *notes, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	notes->len += (size_t)vsnprintf(notes->buf + notes->len, sizeof(notes->buf) - notes->len,
					fmt, args);
	va_end(args);
	assert_true(notes->len < sizeof(notes->buf));
	return 0;
}

static int note_device(void *ctx, const struct tp_wireguard_seen_device *device)
{
	return note(ctx, "device key %02x port %u mark %u\n", device->private_key[0],
		    device->listen_port, device->fwmark);
}

static int note_peer(void *ctx, const struct tp_wireguard_seen_peer *peer)
{
	const struct tp_wireguard_stats *s = &peer->stats;
	char endpoint[TP_ADDR_STRLEN] = "";

	if (s->endpoint.port)
		tp_endpoint_format(&s->endpoint, endpoint);
	return note(ctx, "peer %02x psk %02x @%s ~%u rx %u tx %u at %llu\n", s->public_key[31],
		    peer->preshared_key[0], endpoint, peer->keepalive, (unsigned int)s->rx_bytes,
		    (unsigned int)s->tx_bytes, (unsigned long long)s->last_handshake);
}

static int note_allowed(void *ctx, const uint8_t public_key[WG_KEY_LEN],
			const struct tp_wireguard_prefix *prefix)
{
	char addr[TP_ADDR_STRLEN];

	return note(ctx, "allowed %02x %s/%u\n", public_key[31],
		    tp_addr_format(&prefix->addr, addr), prefix->bits);
}

static struct tp_wireguard_sink notes_sink(struct notes *notes)
{
	memset(notes, 0, sizeof(*notes));
	return (struct tp_wireguard_sink){notes, note_device, note_peer, note_allowed};
}

/* --- what is sent --- */

struct sent {
	struct tp_netlink_wireguard_dump dump; /* reads along, if it has a sink */
	size_t messages, peers, prefixes, removals, updates, settings;
	size_t fail_at;
};

static size_t count_nested(const struct nlattr *parent)
{
	const struct nlattr *attr;
	size_t n = 0;

	if (parent)
		mnl_attr_for_each_nested(attr, parent)
		{
			n++;
		}
	return n;
}

static void look_at_peer(struct sent *sent, const struct nlattr *attr)
{
	struct tp_netlink_attrs attrs;
	uint32_t flags = 0;

	tp_netlink_attrs_nested(&attrs, attr);
	assert_non_null(attrs.at[WGPEER_A_PUBLIC_KEY]);
	tp_netlink_attr_u32(attrs.at[WGPEER_A_FLAGS], &flags);
	assert_false(flags & WGPEER_F_REPLACE_ALLOWEDIPS);
	sent->peers++;
	sent->removals += flags & WGPEER_F_REMOVE_ME ? 1 : 0;
	sent->updates += flags & WGPEER_F_UPDATE_ONLY ? 1 : 0;
	sent->settings += attrs.at[WGPEER_A_PRESHARED_KEY] ? 1 : 0;
	sent->prefixes += count_nested(attrs.at[WGPEER_A_ALLOWEDIPS]);
}

static int send_to(void *ctx, struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct tp_netlink_attrs attrs;
	const struct nlattr *peer;
	struct sent *sent = ctx;
	uint32_t ifindex = 0;

	assert_int_equal(nlh->nlmsg_type, FAMILY);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	assert_int_equal(genl->cmd, WG_CMD_SET_DEVICE);
	assert_true(nlh->nlmsg_len <= TP_NETLINK_WIREGUARD_MESSAGE);
	tp_netlink_attrs(&attrs, nlh, sizeof(*genl));
	assert_true(tp_netlink_attr_u32(attrs.at[WGDEVICE_A_IFINDEX], &ifindex));
	assert_int_equal(ifindex, IFINDEX);
	assert_null(attrs.at[WGDEVICE_A_FLAGS]); /* no REPLACE_PEERS */
	if (++sent->messages == sent->fail_at)
		return -EADDRINUSE;
	if (attrs.at[WGDEVICE_A_PEERS])
		mnl_attr_for_each_nested(peer, attrs.at[WGDEVICE_A_PEERS])
		{
			look_at_peer(sent, peer);
		}
	if (sent->dump.sink)
		tp_netlink_wireguard_read(&sent->dump, nlh);
	return 0;
}

static struct tp_wireguard_peer_change change_of(uint32_t key)
{
	struct tp_wireguard_peer_change change = {.keepalive = -1};

	change.public_key[31] = (uint8_t)key;
	memcpy(change.public_key, &key, sizeof(key));
	return change;
}

static struct tp_wireguard_prefix *some_prefixes(uint32_t n)
{
	struct tp_wireguard_prefix *prefixes = calloc(n, sizeof(*prefixes));

	assert_non_null(prefixes);
	for (uint32_t i = 0; i < n; i++) {
		memset(prefixes[i].addr.b, 0xfd, 12);
		memcpy(prefixes[i].addr.b + 12, &i, sizeof(i));
		prefixes[i].bits = 128;
	}
	return prefixes;
}

static void everything_is_sent(void **state)
{
	struct tp_wireguard_prefix prefixes[2] = {{.bits = 16}, {.bits = 64}};
	struct tp_wireguard_peer_change peers[] = {change_of(10), change_of(11)};
	uint8_t key[WG_KEY_LEN] = {1}, shared[WG_KEY_LEN] = {2};
	struct tp_wireguard_plan plan = {{key, 51820, 3}, .peers = peers, .n_peers = 2};
	struct notes notes;
	struct tp_wireguard_sink sink = notes_sink(&notes);
	struct sent sent = {.dump = {.sink = &sink}};

	(void)state;
	tp_addr_parse("10.1.0.0", &prefixes[0].addr);
	tp_addr_parse("fd00::", &prefixes[1].addr);
	peers[0].preshared_key = shared;
	tp_endpoint_parse("[2001:db8::1]:7", &peers[0].endpoint);
	peers[0].keepalive = 25;
	peers[0].allowed = prefixes;
	peers[0].n_allowed = 2;
	tp_endpoint_parse("192.0.2.1:8", &peers[1].endpoint);
	peers[1].update_only = true;
	assert_int_equal(tp_netlink_wireguard_pack(FAMILY, IFINDEX, &plan, send_to, &sent), 0);
	assert_int_equal(sent.messages, 1);
	assert_int_equal(sent.updates, 1);
	assert_int_equal(sent.dump.err, 0);
	assert_string_equal(notes.buf, "device key 01 port 51820 mark 3\n"
				       "peer 0a psk 02 @[2001:db8::1]:7 ~25 rx 0 tx 0 at 0\n"
				       "allowed 0a 10.1.0.0/16\nallowed 0a fd00::/64\n"
				       "peer 0b psk 00 @192.0.2.1:8 ~0 rx 0 tx 0 at 0\n");
}

static void many_peers_take_many_messages(void **state)
{
	enum { N = 5000 };
	struct tp_wireguard_peer_change *peers = calloc(N, sizeof(*peers));
	struct tp_wireguard_prefix *prefixes = some_prefixes(N);
	uint8_t shared[WG_KEY_LEN] = {2};
	struct tp_wireguard_plan plan = {{NULL, -1, -1}, .peers = peers, .n_peers = N};
	struct sent sent = {0};

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		peers[i] = change_of(i);
		peers[i].preshared_key = shared;
		peers[i].allowed = &prefixes[i];
		peers[i].n_allowed = 1;
	}
	peers[N - 1].remove = true;
	assert_int_equal(tp_netlink_wireguard_pack(FAMILY, IFINDEX, &plan, send_to, &sent), 0);
	assert_int_equal(sent.peers, N);
	assert_int_equal(sent.prefixes, N);
	assert_int_equal(sent.settings, N);
	assert_int_equal(sent.removals, 1);
	assert_int_equal(sent.updates, 0);
	assert_in_range(sent.messages, 20, 100);
	free(prefixes);
	free(peers);
}

/* A new peer that goes on is there already in the second message, and told its secrets once. */
static void many_prefixes_take_many_messages(void **state)
{
	enum { N = 3000 };
	struct tp_wireguard_prefix *prefixes = some_prefixes(N);
	struct tp_wireguard_peer_change peer = change_of(10);
	uint8_t shared[WG_KEY_LEN] = {2};
	struct tp_wireguard_plan plan = {{NULL, -1, -1}, .peers = &peer, .n_peers = 1};
	struct sent sent = {0};

	(void)state;
	peer.preshared_key = shared;
	peer.allowed = prefixes;
	peer.n_allowed = N;
	assert_int_equal(tp_netlink_wireguard_pack(FAMILY, IFINDEX, &plan, send_to, &sent), 0);
	assert_int_equal(sent.prefixes, N);
	assert_true(sent.messages > 5);
	assert_int_equal(sent.peers, sent.messages);
	assert_int_equal(sent.updates, sent.peers - 1);
	assert_int_equal(sent.settings, 1);
	free(prefixes);
}

static void the_first_refusal_ends_it(void **state)
{
	enum { N = 1000 };
	struct tp_wireguard_prefix *prefixes = some_prefixes(N);
	struct tp_wireguard_peer_change peer = change_of(10);
	struct tp_wireguard_plan plan = {{NULL, -1, -1}, .peers = &peer, .n_peers = 1};
	struct sent sent = {.fail_at = 2};

	(void)state;
	peer.allowed = prefixes;
	peer.n_allowed = N;
	assert_int_equal(tp_netlink_wireguard_pack(FAMILY, IFINDEX, &plan, send_to, &sent),
			 -EADDRINUSE);
	assert_int_equal(sent.messages, 2);
	free(prefixes);
}

/* --- what is read --- */

struct message {
	_Alignas(NLMSG_ALIGNTO) char buf[4096];
	struct nlmsghdr *nlh;
	struct nlattr *peers, *peer, *allowed;
};

static void start(struct message *m)
{
	memset(m, 0, sizeof(*m));
	m->nlh = mnl_nlmsg_put_header(m->buf);
	mnl_nlmsg_put_extra_header(m->nlh, sizeof(struct genlmsghdr));
}

static void start_peer(struct message *m, uint8_t key)
{
	uint8_t public_key[WG_KEY_LEN];

	memset(public_key, key, sizeof(public_key));
	if (!m->peers)
		m->peers = mnl_attr_nest_start(m->nlh, WGDEVICE_A_PEERS);
	m->peer = mnl_attr_nest_start(m->nlh, 0);
	mnl_attr_put(m->nlh, WGPEER_A_PUBLIC_KEY, sizeof(public_key), public_key);
}

static void put_allowed(struct message *m, uint8_t net, uint8_t bits)
{
	const uint8_t v4[4] = {net};
	struct nlattr *nest;

	if (!m->allowed)
		m->allowed = mnl_attr_nest_start(m->nlh, WGPEER_A_ALLOWEDIPS);
	nest = mnl_attr_nest_start(m->nlh, 0);
	mnl_attr_put_u16(m->nlh, WGALLOWEDIP_A_FAMILY, AF_INET);
	mnl_attr_put(m->nlh, WGALLOWEDIP_A_IPADDR, sizeof(v4), v4);
	mnl_attr_put_u8(m->nlh, WGALLOWEDIP_A_CIDR_MASK, bits);
	mnl_attr_nest_end(m->nlh, nest);
}

static void end_peer(struct message *m)
{
	if (m->allowed)
		mnl_attr_nest_end(m->nlh, m->allowed);
	mnl_attr_nest_end(m->nlh, m->peer);
	m->allowed = NULL;
}

static void read_message(struct tp_netlink_wireguard_dump *dump, struct message *m)
{
	if (m->peers)
		mnl_attr_nest_end(m->nlh, m->peers);
	tp_netlink_wireguard_read(dump, m->nlh);
}

/* Three messages: a peer goes on twice, and another follows. */
static void a_peer_goes_on(void **state)
{
	struct notes notes;
	struct tp_wireguard_sink sink = notes_sink(&notes);
	struct tp_netlink_wireguard_dump dump = {.sink = &sink};
	struct message m;

	(void)state;
	start(&m);
	mnl_attr_put_u16(m.nlh, WGDEVICE_A_LISTEN_PORT, 9);
	start_peer(&m, 0x0a);
	mnl_attr_put_u16(m.nlh, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
	put_allowed(&m, 1, 8);
	end_peer(&m);
	read_message(&dump, &m);

	start(&m);
	start_peer(&m, 0x0a);
	put_allowed(&m, 2, 8);
	end_peer(&m);
	read_message(&dump, &m);

	start(&m);
	start_peer(&m, 0x0a);
	put_allowed(&m, 3, 8);
	end_peer(&m);
	start_peer(&m, 0x0b);
	put_allowed(&m, 4, 8);
	end_peer(&m);
	read_message(&dump, &m);

	assert_int_equal(dump.err, 0);
	assert_string_equal(notes.buf, "device key 00 port 9 mark 0\n"
				       "peer 0a psk 00 @ ~25 rx 0 tx 0 at 0\n"
				       "allowed 0a 1.0.0.0/8\nallowed 0a 2.0.0.0/8\n"
				       "allowed 0a 3.0.0.0/8\n"
				       "peer 0b psk 00 @ ~0 rx 0 tx 0 at 0\n"
				       "allowed 0b 4.0.0.0/8\n");
}

static void refused(struct message *m)
{
	struct notes notes;
	struct tp_wireguard_sink sink = notes_sink(&notes);
	struct tp_netlink_wireguard_dump dump = {.sink = &sink};
	size_t told;

	read_message(&dump, m);
	assert_int_equal(dump.err, -EBADMSG);
	told = notes.len;
	tp_netlink_wireguard_read(&dump, m->nlh);
	assert_int_equal(notes.len, told); /* once wrong, nothing more is told */
}

static void of_a_device(struct message *m, uint16_t type, size_t len)
{
	static const uint8_t zero[64];

	start(m);
	mnl_attr_put(m->nlh, type, len, zero);
	refused(m);
}

static void of_a_peer(struct message *m, uint16_t type, const void *data, size_t len)
{
	start(m);
	start_peer(m, 0x0a);
	mnl_attr_put(m->nlh, type, len, data);
	end_peer(m);
	refused(m);
}

static void wrong_lengths(void **state)
{
	static const struct sockaddr_in v4 = {.sin_family = AF_INET};
	static const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	static const uint8_t zero[64];
	struct message m;

	(void)state;
	of_a_device(&m, WGDEVICE_A_PRIVATE_KEY, 31);
	of_a_device(&m, WGDEVICE_A_LISTEN_PORT, 4);
	of_a_device(&m, WGDEVICE_A_FWMARK, 2);
	of_a_peer(&m, WGPEER_A_PRESHARED_KEY, zero, 33);
	of_a_peer(&m, WGPEER_A_RX_BYTES, zero, 4);
	of_a_peer(&m, WGPEER_A_LAST_HANDSHAKE_TIME, zero, 8);
	of_a_peer(&m, WGPEER_A_ENDPOINT, zero, 1);
	of_a_peer(&m, WGPEER_A_ENDPOINT, zero, 16); /* of no family */
	of_a_peer(&m, WGPEER_A_ENDPOINT, &v4, sizeof(v4) - 1);
	of_a_peer(&m, WGPEER_A_ENDPOINT, &v6, sizeof(v6) - 1);
}

static void wrong_peers(void **state)
{
	struct message m;

	(void)state;
	start(&m);
	m.peers = mnl_attr_nest_start(m.nlh, WGDEVICE_A_PEERS);
	m.peer = mnl_attr_nest_start(m.nlh, 0); /* without a key */
	mnl_attr_nest_end(m.nlh, m.peer);
	refused(&m);

	start(&m);
	start_peer(&m, 0x0a);
	put_allowed(&m, 10, 33);
	end_peer(&m);
	refused(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_sent),
		cmocka_unit_test(many_peers_take_many_messages),
		cmocka_unit_test(many_prefixes_take_many_messages),
		cmocka_unit_test(the_first_refusal_ends_it),
		cmocka_unit_test(a_peer_goes_on),
		cmocka_unit_test(wrong_lengths),
		cmocka_unit_test(wrong_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
