/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two registered nodes that make sessions with each other through the relay without end, as cheaply
 * as they can: noise with valid MACs, since only the relay looks. They answer its cookies.
 *
 *	colluders -r RELAY:PORT -k RELAY-KEY -a KEY-FILE -b KEY-FILE
 *	Until SIGTERM; then prints how many sessions were opened.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "clock.h"
#include "cookie.h"
#include "crypto.h"
#include "noise.h"

#define WINDOW	    32 /* initiations in a row before answers are looked at */
#define REGISTER_MS 2000
#define TURN_MS	    5

struct colluder {
	struct tp_noise_identity id;
	struct tp_mac_keys macs;
	uint8_t cookie[WG_COOKIE_LEN]; /* the relay's, in the other one's name */
	uint8_t mac1[WG_MAC_LEN];      /* of its latest initiation */
	bool has_cookie;
	int fd;
};

struct relay {
	struct tp_endpoint at;
	uint8_t key[WG_KEY_LEN];
	struct tp_mac_keys macs;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static int open_socket(struct colluder *c, const struct tp_endpoint *relay)
{
	struct sockaddr_storage to;
	socklen_t len = tp_endpoint_to_sockaddr(relay, &to);

	c->fd = socket(to.ss_family, SOCK_DGRAM, 0);
	if (c->fd < 0 || connect(c->fd, (void *)&to, len) < 0)
		return -errno;
	return 0;
}

/* A true handshake with the relay, proven by a keepalive. */
static int register_once(struct colluder *c, const struct relay *r)
{
	struct pollfd ready = {.fd = c->fd, .events = POLLIN};
	uint8_t timestamp[WG_TIMESTAMP_LEN], keepalive[WG_DATA_MIN];
	struct tp_noise_handshake hs;
	struct tp_noise_peer peer;
	struct wg_initiation msg;
	struct wg_response answer;
	struct tp_keypair kp;
	int err = tp_noise_peer_init(&peer, &c->id, r->key, NULL);

	tp_tai64n_now(timestamp);
	if (err || tp_noise_initiate(&hs, &c->id, &peer, 1, timestamp, &msg))
		return -EINVAL;
	tp_macs_write(&r->macs, NULL, &msg, sizeof(msg));
	if (send(c->fd, &msg, sizeof(msg), 0) < 0 || poll(&ready, 1, REGISTER_MS) < 1 ||
	    recv(c->fd, &answer, sizeof(answer), 0) != sizeof(answer))
		return -EAGAIN;
	err = tp_noise_finish(&hs, &c->id, &peer, &answer, &kp);
	if (!err)
		err = tp_keypair_seal(&kp, NULL, 0, keepalive);
	if (!err && send(c->fd, keepalive, sizeof(keepalive), 0) < 0)
		err = -errno;
	tp_keypair_wipe(&kp);
	return err;
}

static void initiate(struct colluder *c, const struct colluder *other)
{
	struct wg_initiation msg;

	tp_random(&msg, sizeof(msg));
	msg.type = htole32(WG_INITIATION);
	tp_macs_write(&other->macs, c->has_cookie ? c->cookie : NULL, &msg, sizeof(msg));
	memcpy(c->mac1, msg.macs.mac1, sizeof(c->mac1));
	send(c->fd, &msg, sizeof(msg), MSG_DONTWAIT);
}

static void respond(struct colluder *c, const struct colluder *other,
		    const struct wg_initiation *to)
{
	struct wg_response msg;

	tp_random(&msg, sizeof(msg));
	msg.type = htole32(WG_RESPONSE);
	msg.receiver = to->sender;
	tp_macs_write(&other->macs, NULL, &msg, sizeof(msg));
	send(c->fd, &msg, sizeof(msg), MSG_DONTWAIT);
}

/* Takes what has arrived; returns how many sessions that completed. */
static unsigned long receive(struct colluder *c, const struct colluder *other)
{
	unsigned long opened = 0;
	uint8_t buf[2048];
	struct wg_header header;
	ssize_t n;

	while ((n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT)) >= (ssize_t)sizeof(header)) {
		memcpy(&header, buf, sizeof(header));
		switch (le32toh(header.type)) {
		case WG_INITIATION: respond(c, other, (const void *)buf); break;
		case WG_RESPONSE: opened++; break;
		case WG_COOKIE_REPLY:
			c->has_cookie |= !tp_cookie_open(&other->macs, c->mac1, (const void *)buf,
							 c->cookie);
			break;
		default: break;
		}
	}
	return opened;
}

static unsigned long collude(struct colluder *a, struct colluder *b)
{
	struct pollfd ready[] = {{.fd = a->fd, .events = POLLIN}, {.fd = b->fd, .events = POLLIN}};
	unsigned long opened = 0;

	while (!stopped) {
		for (int i = 0; i < WINDOW; i++)
			initiate(a, b);
		poll(ready, 2, TURN_MS);
		receive(b, a);
		opened += receive(a, b);
	}
	return opened;
}

static int load(struct colluder *c, const char *file)
{
	uint8_t secret[WG_KEY_LEN];
	int err = tp_key_load(file, secret);

	if (!err)
		err = tp_noise_identity_init(&c->id, secret);
	if (!err)
		tp_mac_keys_init(&c->macs, c->id.public_key);
	tp_wipe(secret, sizeof(secret));
	return err;
}

static int parse_options(int argc, char **argv, struct relay *r, struct colluder pair[2])
{
	int option, err = 0, given = 0;

	while (!err && (option = getopt(argc, argv, "r:k:a:b:")) != -1) {
		given++;
		switch (option) {
		case 'r': err = tp_endpoint_parse(optarg, &r->at); break;
		case 'k': err = tp_key_parse(optarg, r->key); break;
		case 'a': err = load(&pair[0], optarg); break;
		case 'b': err = load(&pair[1], optarg); break;
		default: err = -EINVAL; break;
		}
	}
	tp_mac_keys_init(&r->macs, r->key);
	return given == 4 ? err : -EINVAL;
}

int main(int argc, char **argv)
{
	struct colluder pair[2] = {0};
	struct relay relay = {0};

	signal(SIGTERM, on_signal);
	if (tp_crypto_init() || parse_options(argc, argv, &relay, pair)) {
		fprintf(stderr, "usage: colluders -r RELAY:PORT -k KEY -a KEY-FILE -b KEY-FILE\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		int err = open_socket(&pair[i], &relay.at) ?: register_once(&pair[i], &relay);

		if (err) {
			fprintf(stderr, "colluders: %s\n", strerror(-err));
			return 1;
		}
	}
	fprintf(stderr, "registered\n");
	printf("%lu\n", collude(&pair[0], &pair[1]));
	return 0;
}
