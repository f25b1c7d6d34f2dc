/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handshake, cookie and data messages of arbitrary bytes, read by a live identity.
 *
 * The input's first byte is a wg_type. The rest changes a message of that type which is valid by
 * itself: it is a list of {offset, value} pairs, each XORed in. So every check is reached, from the
 * first to the last, which bytes thrown at random would not pass. With the bit RAW the rest is the
 * message itself, and with LATE the cookie secret has been renewed meanwhile. Each check has to
 * pass exactly when all that it covers is unchanged.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "cookie.h"
#include "crypto.h"
#include "noise.h"

#define RAW	  0x80
#define LATE	  0x40
#define DATA_TEXT 80
#define START	  TP_SEC(1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Alice sends; bob reads. All of it is made once. */
static struct {
	struct tp_noise_identity alice, bob;
	struct tp_noise_peer peer_alice, peer_bob;
	struct tp_mac_keys alice_macs, bob_macs;
	struct tp_noise_handshake at_alice; /* awaits the response */
	struct tp_keypair bob_keys;
	struct tp_cookie_secret secret;
	struct tp_endpoint from;
	struct wg_initiation initiation;
	struct wg_response response;
	struct wg_cookie_reply cookie;
	uint8_t data[DATA_TEXT + WG_DATA_MIN];
} world;

static void must(bool so)
{
	if (!so)
		abort();
}

static void make_identities(void)
{
	uint8_t secret[WG_KEY_LEN], psk[WG_KEY_LEN];

	tp_random(psk, sizeof(psk));
	tp_secret_key(secret);
	tp_noise_identity_init(&world.alice, secret);
	tp_secret_key(secret);
	tp_noise_identity_init(&world.bob, secret);
	must(!tp_noise_peer_init(&world.peer_bob, &world.alice, world.bob.public_key, psk));
	must(!tp_noise_peer_init(&world.peer_alice, &world.bob, world.alice.public_key, psk));
	tp_mac_keys_init(&world.alice_macs, world.alice.public_key);
	tp_mac_keys_init(&world.bob_macs, world.bob.public_key);
	tp_cookie_secret_init(&world.secret, START);
	must(!tp_endpoint_parse("192.0.2.1:443", &world.from));
}

static void make_messages(void)
{
	uint8_t public_key[WG_KEY_LEN], stamp[WG_TIMESTAMP_LEN], text[DATA_TEXT] = "text";
	struct tp_noise_handshake at_bob, at_alice;
	struct tp_keypair alice_keys;

	tp_tai64n_now(stamp);
	must(!tp_noise_initiate(&world.at_alice, &world.alice, &world.peer_bob, 1, stamp,
				&world.initiation));
	tp_macs_write(&world.bob_macs, NULL, &world.initiation, sizeof(world.initiation));
	must(!tp_noise_identify(&at_bob, &world.bob, &world.initiation, public_key));
	must(!tp_noise_authenticate(&at_bob, &world.peer_alice, &world.initiation, stamp));
	must(!tp_noise_respond(&at_bob, &world.peer_alice, 2, &world.response, &world.bob_keys));
	tp_macs_write(&world.alice_macs, NULL, &world.response, sizeof(world.response));
	at_alice = world.at_alice;
	must(!tp_noise_finish(&at_alice, &world.alice, &world.peer_bob, &world.response,
			      &alice_keys));
	must(!tp_keypair_seal(&alice_keys, text, sizeof(text), world.data));
}

/* Bob demands a cookie, and alice's initiation then carries it. */
static void add_cookie(void)
{
	uint8_t cookie[WG_COOKIE_LEN];

	tp_cookie_reply(&world.secret, &world.bob_macs, &world.from, &world.initiation,
			sizeof(world.initiation), START, &world.cookie);
	must(!tp_cookie_open(&world.bob_macs, world.initiation.macs.mac1, &world.cookie, cookie));
	tp_mac2_write(cookie, &world.initiation, sizeof(world.initiation));
}

/* A message as the input made it, and the valid one. */
struct input {
	const uint8_t *msg, *model;
	size_t len, model_len;
};

static bool same(const struct input *in, size_t from, size_t to)
{
	return in->len == in->model_len && !memcmp(in->msg + from, in->model + from, to - from);
}

/* All but the index behind the type, which only mac1 covers, and the last `macs` bytes. */
static bool sealed_same(const struct input *in, size_t macs)
{
	return same(in, 0, 4) && same(in, 8, in->len - macs);
}

static void check_macs(const struct input *in, const struct tp_mac_keys *keys)
{
	must(tp_mac1_fits(keys, in->msg, in->len) == same(in, 0, in->len - WG_MAC_LEN));
}

static void read_mac2(const struct input *in, uint64_t now)
{
	struct tp_cookie_secret secret = world.secret;
	struct wg_cookie_reply reply;

	must(tp_mac2_fits(&secret, &world.from, in->msg, in->len, now) == same(in, 0, in->len));
	if (in->len >= sizeof(struct wg_response))
		tp_cookie_reply(&secret, &world.bob_macs, &world.from, in->msg, in->len, now,
				&reply);
}

static void read_initiation(const struct input *in)
{
	uint8_t public_key[WG_KEY_LEN], stamp[WG_TIMESTAMP_LEN];
	struct tp_noise_handshake hs;
	struct wg_initiation init;
	struct wg_response response;
	struct tp_keypair kp;
	bool good;

	if (in->len != sizeof(init))
		return;
	memcpy(&init, in->msg, sizeof(init));
	good = !tp_noise_identify(&hs, &world.bob, &init, public_key) &&
	       !tp_noise_authenticate(&hs, &world.peer_alice, &init, stamp);
	must(good == sealed_same(in, sizeof(init.macs)));
	if (good)
		must(!tp_noise_respond(&hs, &world.peer_alice, 3, &response, &kp));
}

static void read_response(const struct input *in)
{
	struct tp_noise_handshake hs = world.at_alice;
	struct wg_response response;
	struct tp_keypair kp;
	bool good;

	if (in->len != sizeof(response))
		return;
	memcpy(&response, in->msg, sizeof(response));
	good = !tp_noise_finish(&hs, &world.alice, &world.peer_bob, &response, &kp);
	must(good == sealed_same(in, sizeof(response.macs)));
	must(good || !memcmp(&hs, &world.at_alice, sizeof(hs)));
}

static void read_cookie(const struct input *in)
{
	struct wg_cookie_reply reply;
	uint8_t cookie[WG_COOKIE_LEN];

	if (in->len != sizeof(reply))
		return;
	memcpy(&reply, in->msg, sizeof(reply));
	must(!tp_cookie_open(&world.bob_macs, world.initiation.macs.mac1, &reply, cookie) ==
	     sealed_same(in, 0));
}

static void read_data(const struct input *in)
{
	struct tp_keypair kp = world.bob_keys;
	size_t room = in->len > WG_DATA_MIN ? in->len - WG_DATA_MIN : 1;
	uint8_t *out = malloc(room);
	bool good = same(in, 0, in->len);

	must(out);
	must(tp_keypair_open(&kp, in->msg, in->len, out) == (good ? DATA_TEXT : -EBADMSG));
	if (good)
		must(tp_keypair_open(&kp, in->msg, in->len, out) == -EALREADY);
	free(out);
}

static void read_message(uint8_t type, const struct input *in, uint64_t now)
{
	switch (type) {
	case WG_INITIATION:
		check_macs(in, &world.bob_macs);
		read_mac2(in, now);
		read_initiation(in);
		break;
	case WG_RESPONSE:
		check_macs(in, &world.alice_macs);
		read_response(in);
		break;
	case WG_COOKIE_REPLY: read_cookie(in); break;
	default: read_data(in); break;
	}
}

/* The valid message of a type, or false. */
static bool find_model(uint8_t type, struct input *in)
{
	static const struct {
		const void *msg;
		size_t len;
	} models[] = {
		[WG_INITIATION] = {&world.initiation, sizeof(world.initiation)},
		[WG_RESPONSE] = {&world.response, sizeof(world.response)},
		[WG_COOKIE_REPLY] = {&world.cookie, sizeof(world.cookie)},
		[WG_DATA] = {world.data, sizeof(world.data)},
	};

	if (type < WG_INITIATION || type > WG_DATA)
		return false;
	in->model = models[type].msg;
	in->model_len = models[type].len;
	return true;
}

/* The message to read, in memory of its exact size, so that reading past it is seen. */
static uint8_t *make_message(const struct input *in, bool raw, const uint8_t *rest, size_t size)
{
	uint8_t *msg = malloc(in->len ? in->len : 1);

	must(msg);
	if (raw) {
		memcpy(msg, rest, in->len);
		return msg;
	}
	memcpy(msg, in->model, in->len);
	for (; size >= 2; rest += 2, size -= 2)
		msg[rest[0] % in->len] ^= rest[1];
	return msg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in;
	uint8_t type, *msg;
	bool raw;

	if (!world.from.port) {
		must(!tp_crypto_init());
		make_identities();
		make_messages();
		add_cookie();
	}
	if (!size)
		return 0;
	raw = data[0] & RAW;
	type = data[0] & ~(RAW | LATE);
	if (!find_model(type, &in))
		return 0;
	in.len = raw ? size - 1 : in.model_len;
	msg = make_message(&in, raw, data + 1, size - 1);
	in.msg = msg;
	read_message(type, &in, START + (data[0] & LATE ? TP_SEC(130) : 0));
	free(msg);
	return 0;
}
