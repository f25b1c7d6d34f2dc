/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One WireGuard peer made of userspace/noise.c and cookie.c, without timers or roaming, to be tried
 * against a stock one (tests/net/test_noise_interop.sh sets that up and says what it sees there).
 *
 *	noise_wireguard_go ROLE KEY-FILE PEER-PUBLIC-KEY PEER-ENDPOINT OUR-ENDPOINT [PSK-FILE]
 *
 *	initiator	shakes hands, pings the peer's inner address, waits for a keepalive
 *	responder	awaits the peer's handshake, then as above; at last answers the peer's ping
 *	demanding	as responder, but answers the first initiation with a cookie reply and
 *			expects the next to prove the cookie
 *	flooding	brings the peer under load, takes the cookie it demands, and shakes hands
 *
 * The inner addresses are 10.99.0.1 (the peer) and 10.99.0.2 (here). Exits 0 when all went well.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "clock.h"
#include "cookie.h"
#include "crypto.h"
#include "log.h"
#include "noise.h"

#define PATIENCE    TP_SEC(30) /* for any one thing to come */
#define FLOOD_INDEX 0x55000000
#define FLOOD_SIZE  512
#define PROBE_INDEX (FLOOD_INDEX + FLOOD_SIZE)
#define ECHO_ID	    0x7457
#define ECHO_TEXT   "sent through the tunnel"

struct node {
	int fd;
	struct tp_noise_identity id;
	struct tp_noise_peer peer;
	struct tp_mac_keys our_macs, peer_macs;
	struct tp_endpoint peer_at;
	struct tp_cookie_secret secret;
	struct tp_keypair keys;
	uint32_t index;
};

union message {
	uint32_t type;
	struct wg_initiation initiation;
	struct wg_response response;
	struct wg_cookie_reply cookie;
	struct wg_data data;
	uint8_t bytes[2048];
};

struct echo {
	struct iphdr ip;
	struct icmphdr icmp;
	char text[1400];
};

static _Noreturn void fail(const char *what)
{
	tp_err("%s", what);
	exit(1);
}

/* --- the socket ------------------------------------------------------------------------------- */

static void send_bytes(struct node *n, const void *data, size_t len)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = tp_endpoint_to_sockaddr(&n->peer_at, &sa);

	if (sendto(n->fd, data, len, 0, (void *)&sa, sa_len) != (ssize_t)len)
		fail("cannot send");
}

/* The next message of the wanted type, whatever comes between. Its length, or 0 at `deadline`. */
static size_t receive(struct node *n, uint32_t type, union message *m, uint64_t deadline)
{
	for (;;) {
		struct pollfd pfd = {.fd = n->fd, .events = POLLIN};
		uint64_t now = tp_now();
		ssize_t len;

		if (now >= deadline)
			return 0;
		if (poll(&pfd, 1, (int)((deadline - now) / TP_NS_PER_MS) + 1) <= 0)
			continue;
		len = recv(n->fd, m, sizeof(*m), MSG_DONTWAIT);
		if (len >= (ssize_t)sizeof(m->type) && m->type == htole32(type))
			return (size_t)len;
	}
}

/* --- handshakes ------------------------------------------------------------------------------- */

static void read_initiation(struct node *n, const union message *m, struct tp_noise_handshake *hs)
{
	uint8_t public_key[WG_KEY_LEN], timestamp[WG_TIMESTAMP_LEN];

	if (!tp_mac1_fits(&n->our_macs, m, sizeof(m->initiation)))
		fail("the initiation's mac1 does not fit");
	if (tp_noise_identify(hs, &n->id, &m->initiation, public_key))
		fail("the initiation does not open");
	if (memcmp(public_key, n->peer.public_key, WG_KEY_LEN))
		fail("the initiation is of someone else");
	if (tp_noise_authenticate(hs, &n->peer, &m->initiation, timestamp))
		fail("the initiation does not authenticate");
}

static void await_initiation(struct node *n, union message *m)
{
	if (receive(n, WG_INITIATION, m, tp_now() + PATIENCE) != sizeof(m->initiation))
		fail("no initiation came");
}

static void respond(struct node *n)
{
	struct tp_noise_handshake hs;
	struct wg_response response;
	union message m;

	await_initiation(n, &m);
	read_initiation(n, &m, &hs);
	if (tp_noise_respond(&hs, &n->peer, n->index, &response, &n->keys))
		fail("cannot respond");
	tp_macs_write(&n->peer_macs, NULL, &response, sizeof(response));
	send_bytes(n, &response, sizeof(response));
}

/* Answers an initiation with a cookie reply; the next one has to carry a mac2 that fits. The
 * stock peer sends that after REKEY_TIMEOUT. */
static void demand_cookie(struct node *n)
{
	struct wg_cookie_reply reply;
	uint64_t now = tp_now();
	union message m;

	await_initiation(n, &m);
	if (tp_mac2_fits(&n->secret, &n->peer_at, &m, sizeof(m.initiation), now))
		fail("mac2 fits before any cookie was sent");
	tp_cookie_reply(&n->secret, &n->our_macs, &n->peer_at, &m, sizeof(m.initiation), now,
			&reply);
	send_bytes(n, &reply, sizeof(reply));

	await_initiation(n, &m);
	if (!tp_mac1_fits(&n->our_macs, &m, sizeof(m.initiation)))
		fail("the second initiation's mac1 does not fit");
	if (!tp_mac2_fits(&n->secret, &n->peer_at, &m, sizeof(m.initiation), tp_now()))
		fail("the second initiation's mac2 does not fit");
	tp_info("the peer returned with our cookie");
}

static void send_initiation(struct node *n, const uint8_t *cookie, struct tp_noise_handshake *hs)
{
	uint8_t timestamp[WG_TIMESTAMP_LEN];
	struct wg_initiation initiation;

	tp_tai64n_now(timestamp);
	if (tp_noise_initiate(hs, &n->id, &n->peer, n->index, timestamp, &initiation))
		fail("cannot initiate");
	tp_macs_write(&n->peer_macs, cookie, &initiation, sizeof(initiation));
	send_bytes(n, &initiation, sizeof(initiation));
}

/* Tries again when nothing comes: what a peer under load has no room for, it drops. */
static void initiate(struct node *n, const uint8_t *cookie)
{
	uint64_t deadline = tp_now() + PATIENCE;
	struct tp_noise_handshake hs;
	union message m;

	do {
		if (tp_now() >= deadline)
			fail("no response came");
		send_initiation(n, cookie, &hs);
	} while (receive(n, WG_RESPONSE, &m, tp_now() + TP_SEC(3)) != sizeof(m.response));

	if (!tp_mac1_fits(&n->our_macs, &m, sizeof(m.response)))
		fail("the response's mac1 does not fit");
	if (tp_noise_finish(&hs, &n->id, &n->peer, &m.response, &n->keys))
		fail("the response does not authenticate");
}

/* An initiation that costs the peer a key agreement and then turns out to be of nobody. */
static void make_junk(struct node *n, uint32_t index, struct wg_initiation *junk)
{
	tp_random(junk, sizeof(*junk));
	junk->type = htole32(WG_INITIATION);
	junk->sender = index;
	tp_macs_write(&n->peer_macs, NULL, junk, sizeof(*junk));
}

static void flood(struct node *n, struct wg_initiation *junk)
{
	for (uint32_t i = 0; i < FLOOD_SIZE; i++)
		make_junk(n, FLOOD_INDEX + i, &junk[i]);
	for (uint32_t i = 0; i < FLOOD_SIZE; i++)
		send_bytes(n, &junk[i], sizeof(junk[i]));
}

/* Whoever has no cookie is still asked for one. */
static bool peer_under_load(struct node *n)
{
	uint64_t deadline = tp_now() + TP_MS(200);
	struct wg_initiation junk;
	union message m;

	make_junk(n, PROBE_INDEX, &junk);
	send_bytes(n, &junk, sizeof(junk));
	while (receive(n, WG_COOKIE_REPLY, &m, deadline))
		if (m.cookie.receiver == PROBE_INDEX)
			return true;
	return false;
}

/* Floods until the peer demands a cookie for one of the messages. */
static void provoke_cookie(struct node *n, uint8_t cookie[WG_COOKIE_LEN])
{
	static struct wg_initiation junk[FLOOD_SIZE];
	uint64_t deadline = tp_now() + PATIENCE;
	union message m;
	uint32_t i;

	do {
		if (tp_now() >= deadline)
			fail("no cookie came");
		flood(n, junk);
	} while (receive(n, WG_COOKIE_REPLY, &m, tp_now() + TP_MS(200)) != sizeof(m.cookie));

	i = m.cookie.receiver - FLOOD_INDEX;
	if (i >= FLOOD_SIZE)
		fail("the cookie is for no message of ours");
	if (tp_cookie_open(&n->peer_macs, junk[i].macs.mac1, &m.cookie, cookie))
		fail("the cookie does not open");
}

/* --- inside the tunnel ------------------------------------------------------------------------ */

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void send_inner(struct node *n, const void *inner, size_t len)
{
	uint8_t padded[sizeof(struct echo) + WG_PADDING] = {0};
	uint8_t out[sizeof(padded) + WG_DATA_MIN];
	size_t padded_len = (len + WG_PADDING - 1) / WG_PADDING * WG_PADDING;

	memcpy(padded, inner, len);
	if (tp_keypair_seal(&n->keys, padded, padded_len, out))
		fail("cannot seal");
	send_bytes(n, out, padded_len + WG_DATA_MIN);
}

/* The next data message's inner packet; 0 bytes are a keepalive. */
static size_t receive_inner(struct node *n, struct echo *inner)
{
	uint64_t deadline = tp_now() + PATIENCE;
	union message m;
	size_t len;
	int got;

	do { /* the peer may still have a session with our last run */
		len = receive(n, WG_DATA, &m, deadline);
	} while (len >= WG_DATA_MIN && m.data.receiver != n->index);
	if (!len || len > sizeof(*inner) + WG_DATA_MIN)
		fail("no data came");
	got = tp_keypair_open(&n->keys, &m, len, (uint8_t *)inner);
	if (got < 0)
		fail("data does not open");
	if (tp_keypair_open(&n->keys, &m, len, (uint8_t *)&m) != -EALREADY)
		fail("a replay was not noticed");
	return (size_t)got;
}

static size_t make_echo(struct echo *e, size_t text_len)
{
	size_t len = sizeof(e->ip) + sizeof(e->icmp) + text_len;

	memset(e, 'x', sizeof(*e));
	memcpy(e->text, ECHO_TEXT, sizeof(ECHO_TEXT));
	e->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ICMP};
	e->ip.tot_len = htons((uint16_t)len);
	e->ip.saddr = inet_addr("10.99.0.2");
	e->ip.daddr = inet_addr("10.99.0.1");
	e->ip.check = checksum(&e->ip, sizeof(e->ip));
	e->icmp = (struct icmphdr){.type = ICMP_ECHO};
	e->icmp.un.echo.id = htons(ECHO_ID);
	e->icmp.checksum = checksum(&e->icmp, len - sizeof(e->ip));
	return len;
}

/* The kernel behind the peer has to send back what it got, in one piece. */
static void ping(struct node *n, size_t text_len)
{
	struct echo sent, got;
	size_t sent_len = make_echo(&sent, text_len), len;

	send_inner(n, &sent, sent_len);
	do {
		len = receive_inner(n, &got);
	} while (len < sizeof(got.ip) + sizeof(got.icmp) || got.icmp.type != ICMP_ECHOREPLY);
	if (len < sent_len || got.icmp.un.echo.id != sent.icmp.un.echo.id ||
	    memcmp(got.text, sent.text, text_len))
		fail("the echo differs");
}

static void await_keepalive(struct node *n)
{
	struct echo inner;

	while (receive_inner(n, &inner))
		;
}

static void await_ping(struct node *n)
{
	struct echo e;
	size_t len;

	do {
		len = receive_inner(n, &e);
	} while (len < sizeof(e.ip) + sizeof(e.icmp) || e.icmp.type != ICMP_ECHO);

	len = ntohs(e.ip.tot_len);
	e.ip.daddr = e.ip.saddr;
	e.ip.saddr = inet_addr("10.99.0.2"); /* the sum of both stays */
	e.icmp.type = ICMP_ECHOREPLY;
	e.icmp.checksum = 0;
	e.icmp.checksum = checksum(&e.icmp, len - sizeof(e.ip));
	send_inner(n, &e, len);
}

static void exchange_data(struct node *n)
{
	tp_info("handshake done");
	send_inner(n, "", 0); /* a keepalive, which confirms the keys to a responder */
	ping(n, sizeof(ECHO_TEXT));
	ping(n, 56);
	ping(n, 1300);
	await_keepalive(n);
	tp_info("data and keepalives passed both ways");
}

/* --- roles ------------------------------------------------------------------------------------ */

static void be_initiator(struct node *n)
{
	initiate(n, NULL);
	exchange_data(n);
}

static void be_responder(struct node *n)
{
	respond(n);
	await_keepalive(
		n); /* before the initiator has shown that it has the keys, nothing is sent */
	exchange_data(n);
	await_ping(n);
}

static void be_demanding(struct node *n)
{
	demand_cookie(n);
	be_responder(n);
}

static void be_flooding(struct node *n)
{
	uint8_t cookie[WG_COOKIE_LEN];

	/* That the response was not simply due to the load's end: another try when it was over. */
	do {
		provoke_cookie(n, cookie);
		tp_info("the peer demanded a cookie");
		initiate(n, cookie);
	} while (!peer_under_load(n));
	exchange_data(n);
}

static const struct {
	const char *name;
	void (*be)(struct node *n);
} roles[] = {
	{"initiator", be_initiator},
	{"responder", be_responder},
	{"demanding", be_demanding},
	{"flooding", be_flooding},
};

static void setup_keys(struct node *n, char **argv)
{
	uint8_t secret[WG_KEY_LEN], public_key[WG_KEY_LEN], psk[WG_KEY_LEN];

	if (tp_crypto_init() || tp_key_load(argv[2], secret))
		fail("no private key");
	if (argv[6] && tp_key_load(argv[6], psk))
		fail("no preshared key");
	if (tp_key_parse(argv[3], public_key) || tp_noise_identity_init(&n->id, secret) ||
	    tp_noise_peer_init(&n->peer, &n->id, public_key, argv[6] ? psk : NULL))
		fail("no public key");
	tp_mac_keys_init(&n->our_macs, n->id.public_key);
	tp_mac_keys_init(&n->peer_macs, public_key);
	tp_cookie_secret_init(&n->secret, tp_now());
	tp_random(&n->index, sizeof(n->index));
	tp_wipe(secret, sizeof(secret));
	tp_wipe(psk, sizeof(psk));
}

static void setup_socket(struct node *n, char **argv)
{
	struct sockaddr_storage sa;
	struct tp_endpoint ours;
	socklen_t len;

	if (tp_endpoint_parse(argv[4], &n->peer_at) || tp_endpoint_parse(argv[5], &ours))
		fail("no endpoint");
	len = tp_endpoint_to_sockaddr(&ours, &sa);
	n->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0 || bind(n->fd, (void *)&sa, len))
		fail("cannot bind");
	tp_info("listening");
}

int main(int argc, char **argv)
{
	struct node n = {0};

	if (argc < 6 || argc > 7)
		fail("ROLE KEY-FILE PEER-PUBLIC-KEY PEER-ENDPOINT OUR-ENDPOINT [PSK-FILE]");
	setup_keys(&n, argv);
	setup_socket(&n, argv);
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		if (strcmp(argv[1], roles[i].name))
			continue;
		roles[i].be(&n);
		tp_noise_identity_wipe(&n.id);
		tp_keypair_wipe(&n.keys);
		return 0;
	}
	fail("no such role");
}
