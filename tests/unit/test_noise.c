/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cookie.h"
#include "crypto.h"
#include "hex.h"
#include "noise.h"

#define ALICE_INDEX 0xa1a2a3a4
#define BOB_INDEX   0xb1b2b3b4

static const uint8_t psk[WG_KEY_LEN] = {1, 2, 3};
static const uint8_t stamp[WG_TIMESTAMP_LEN] = "time stamp!";

/* Alice initiates, bob responds. */
struct fixture {
	struct tp_noise_identity alice, bob;
	struct tp_noise_peer peer_alice, peer_bob;
	struct tp_noise_handshake at_alice, at_bob;
	struct tp_keypair alice_keys, bob_keys;
	struct wg_initiation init;
	struct wg_response resp;
};

static struct fixture f;

static void make_fixture(const uint8_t *shared)
{
	uint8_t secret[WG_KEY_LEN];

	memset(&f, 0, sizeof(f));
	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(&f.alice, secret), 0);
	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(&f.bob, secret), 0);
	assert_int_equal(tp_noise_peer_init(&f.peer_bob, &f.alice, f.bob.public_key, shared), 0);
	assert_int_equal(tp_noise_peer_init(&f.peer_alice, &f.bob, f.alice.public_key, shared), 0);
}

static int setup(void **state)
{
	(void)state;
	if (tp_crypto_init())
		return -1;
	make_fixture(NULL);
	return 0;
}

static void initiate(void)
{
	assert_int_equal(
		tp_noise_initiate(&f.at_alice, &f.alice, &f.peer_bob, ALICE_INDEX, stamp, &f.init),
		0);
}

/* Bob's two steps of reading: the first error, or 0. */
static int receive_initiation(void)
{
	uint8_t pub[WG_KEY_LEN], when[WG_TIMESTAMP_LEN];
	int err = tp_noise_identify(&f.at_bob, &f.bob, &f.init, pub);

	if (err)
		return err;
	assert_memory_equal(pub, f.alice.public_key, WG_KEY_LEN);
	err = tp_noise_authenticate(&f.at_bob, &f.peer_alice, &f.init, when);
	if (!err)
		assert_memory_equal(when, stamp, WG_TIMESTAMP_LEN);
	return err;
}

static void respond(void)
{
	initiate();
	assert_int_equal(receive_initiation(), 0);
	assert_int_equal(
		tp_noise_respond(&f.at_bob, &f.peer_alice, BOB_INDEX, &f.resp, &f.bob_keys), 0);
}

static int finish(void)
{
	return tp_noise_finish(&f.at_alice, &f.alice, &f.peer_bob, &f.resp, &f.alice_keys);
}

static void shake_hands(void)
{
	respond();
	assert_int_equal(finish(), 0);
}

static void assert_zero(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(((const uint8_t *)p)[i], 0);
}

static void assert_handshake_works(void)
{
	uint8_t msg[64], text[16];

	shake_hands();
	assert_true(f.alice_keys.initiator);
	assert_false(f.bob_keys.initiator);
	assert_int_equal(f.alice_keys.local_index, ALICE_INDEX);
	assert_int_equal(f.alice_keys.remote_index, BOB_INDEX);
	assert_int_equal(f.bob_keys.local_index, BOB_INDEX);
	assert_int_equal(f.bob_keys.remote_index, ALICE_INDEX);
	assert_memory_equal(f.alice_keys.send_key, f.bob_keys.recv_key, 32);
	assert_memory_equal(f.alice_keys.recv_key, f.bob_keys.send_key, 32);
	assert_memory_not_equal(f.alice_keys.recv_key, f.alice_keys.send_key, 32);
	assert_zero(&f.at_alice, sizeof(f.at_alice));
	assert_zero(&f.at_bob, sizeof(f.at_bob));

	assert_int_equal(tp_keypair_seal(&f.alice_keys, "to bob", 7, msg), 0);
	assert_int_equal(tp_keypair_open(&f.bob_keys, msg, 7 + 32, text), 7);
	assert_string_equal((char *)text, "to bob");
	assert_int_equal(tp_keypair_seal(&f.bob_keys, "to alice", 9, msg), 0);
	assert_int_equal(tp_keypair_open(&f.alice_keys, msg, 9 + 32, text), 9);
	assert_string_equal((char *)text, "to alice");
}

static void test_handshake(void **state)
{
	(void)state;
	assert_handshake_works();
}

static void test_handshake_psk(void **state)
{
	(void)state;
	make_fixture(psk);
	assert_handshake_works();
}

/* An initiation made step by step with Python's hashlib, hmac and cryptography. */
static void test_known_initiation(void **state)
{
	uint8_t secret[WG_KEY_LEN], pub[WG_KEY_LEN], when[WG_TIMESTAMP_LEN];
	struct tp_mac_keys macs;

	(void)state;
	unhex("01000000a1a2a3a47b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b14"
	      "81e498317da959fba46669572516a5e6c021bfa620bb6c56ca0082e1feae14988c2c64d024c61773"
	      "4a263f76a008df04d0f94bad8bc42f52e0c26955996ee8079a6910e85c8871e5956b01200298ee87"
	      "e79dd92595d0df6dd99d597600000000000000000000000000000000",
	      (uint8_t *)&f.init, sizeof(f.init));
	memset(secret, 0x22, sizeof(secret));
	tp_noise_identity_init(&f.bob, secret);
	assert_hex(f.bob.public_key,
		   "0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20");
	tp_mac_keys_init(&macs, f.bob.public_key);
	assert_true(tp_mac1_fits(&macs, &f.init, sizeof(f.init)));

	assert_int_equal(tp_noise_identify(&f.at_bob, &f.bob, &f.init, pub), 0);
	assert_hex(pub, "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13");
	assert_int_equal(tp_noise_peer_init(&f.peer_alice, &f.bob, pub, NULL), 0);
	assert_int_equal(tp_noise_authenticate(&f.at_bob, &f.peer_alice, &f.init, when), 0);
	assert_hex(when, "400000006070809001000000");
	assert_hex(f.at_bob.hash,
		   "beaa828276ac8c57691c55cf5c8966484f3df48b7d6a8b2ed52adeea40c37018");
	assert_hex(f.at_bob.chain,
		   "24eca314409f2ca9ccbf8d50ebb72b7235d67ed11b21eeefc67942a2596df51e");
	assert_hex(&f.at_bob.remote_index, "a1a2a3a4");
}

static void test_known_data(void **state)
{
	const char *message = "04000000090807064d00000000000000"
			      "e8f3c38b43aacd3e877b0e44d1093dfd8b56365ef335dfb758d190223fd11357";
	struct tp_keypair kp = {.send_counter = 77};
	uint8_t msg[48];

	(void)state;
	count_up(kp.send_key, 32, 0);
	unhex("09080706", (uint8_t *)&kp.remote_index, 4);
	assert_int_equal(tp_keypair_seal(&kp, "sixteen bytes..!", 16, msg), 0);
	assert_hex(msg, message);
	assert_int_equal(kp.send_counter, 78);
}

/* Whatever byte is changed, one of the two steps refuses. The sender index and the MACs are the
 * business of mac1. */
static void test_initiation_tampering(void **state)
{
	(void)state;
	initiate();
	for (size_t i = 0; i < offsetof(struct wg_initiation, macs); i++) {
		if (i >= offsetof(struct wg_initiation, sender) &&
		    i < offsetof(struct wg_initiation, ephemeral))
			continue;
		((uint8_t *)&f.init)[i] ^= 1;
		assert_int_equal(receive_initiation(), -EBADMSG);
		assert_zero(&f.at_bob, sizeof(f.at_bob));
		((uint8_t *)&f.init)[i] ^= 1;
	}
	assert_int_equal(receive_initiation(), 0);
}

/* A forged response neither passes nor spoils the handshake for the true one. */
static void test_response_tampering(void **state)
{
	struct tp_noise_handshake before;

	(void)state;
	respond();
	before = f.at_alice;
	for (size_t i = 0; i < offsetof(struct wg_response, macs); i++) {
		if (i >= offsetof(struct wg_response, sender) &&
		    i < offsetof(struct wg_response, receiver))
			continue;
		((uint8_t *)&f.resp)[i] ^= 1;
		assert_int_equal(finish(), -EBADMSG);
		assert_memory_equal(&f.at_alice, &before, sizeof(before));
		assert_zero(&f.alice_keys, sizeof(f.alice_keys));
		((uint8_t *)&f.resp)[i] ^= 1;
	}
	assert_int_equal(finish(), 0);
	assert_memory_equal(f.alice_keys.send_key, f.bob_keys.recv_key, 32);
}

static void test_wrong_responder(void **state)
{
	struct tp_noise_identity carol;
	uint8_t secret[WG_KEY_LEN], pub[WG_KEY_LEN], zero[WG_KEY_LEN] = {0};

	(void)state;
	initiate();
	tp_secret_key(secret);
	tp_noise_identity_init(&carol, secret);
	assert_int_equal(tp_noise_identify(&f.at_bob, &carol, &f.init, pub), -EBADMSG);
	assert_memory_equal(pub, zero, sizeof(pub));
}

/* Mallory knows alice's public key, but not her secret one. */
static void test_wrong_initiator(void **state)
{
	struct tp_noise_identity mallory;
	struct tp_noise_peer bob;
	uint8_t secret[WG_KEY_LEN];

	(void)state;
	tp_secret_key(secret);
	tp_noise_identity_init(&mallory, secret);
	assert_int_equal(tp_noise_peer_init(&bob, &mallory, f.bob.public_key, NULL), 0);
	memcpy(mallory.public_key, f.alice.public_key, WG_KEY_LEN);
	assert_int_equal(tp_noise_initiate(&f.at_alice, &mallory, &bob, 1, stamp, &f.init), 0);
	assert_int_equal(receive_initiation(), -EBADMSG);
}

static void test_wrong_psk(void **state)
{
	(void)state;
	make_fixture(psk);
	f.peer_bob.psk[31] ^= 1;
	respond();
	assert_int_equal(finish(), -EBADMSG);
	memset(f.peer_bob.psk, 0, WG_KEY_LEN);
	assert_int_equal(finish(), -EBADMSG);
	memcpy(f.peer_bob.psk, psk, WG_KEY_LEN);
	assert_int_equal(finish(), 0);
}

static void test_small_order_keys(void **state)
{
	uint8_t pub[WG_KEY_LEN] = {0};
	struct tp_noise_peer peer;

	(void)state;
	assert_int_equal(tp_noise_peer_init(&peer, &f.alice, pub, NULL), -EINVAL);
	pub[0] = 1;
	assert_int_equal(tp_noise_peer_init(&peer, &f.alice, pub, NULL), -EINVAL);

	initiate();
	memset(f.init.ephemeral, 0, WG_KEY_LEN);
	assert_int_equal(receive_initiation(), -EBADMSG);
	respond();
	memset(f.resp.ephemeral, 0, WG_KEY_LEN);
	assert_int_equal(finish(), -EBADMSG);
}

/* Two initiations never share an ephemeral key, nor two sessions a key. */
static void test_fresh_keys(void **state)
{
	uint8_t ephemeral[WG_KEY_LEN], send_key[32];

	(void)state;
	shake_hands();
	memcpy(ephemeral, f.init.ephemeral, sizeof(ephemeral));
	memcpy(send_key, f.alice_keys.send_key, sizeof(send_key));
	shake_hands();
	assert_memory_not_equal(ephemeral, f.init.ephemeral, sizeof(ephemeral));
	assert_memory_not_equal(send_key, f.alice_keys.send_key, sizeof(send_key));
}

static void test_timestamp(void **state)
{
	uint8_t a[WG_TIMESTAMP_LEN], b[WG_TIMESTAMP_LEN];
	uint64_t seconds;
	uint32_t ns;
	time_t before = time(NULL);

	(void)state;
	tp_tai64n_now(a);
	tp_tai64n_now(b);
	assert_true(memcmp(a, b, sizeof(a)) <= 0);
	memcpy(&seconds, b, 8);
	memcpy(&ns, b + 8, 4);
	assert_in_range(be64toh(seconds) - 0x400000000000000aull, before, time(NULL));
	assert_int_equal(be32toh(ns) & 0xffffff, 0);
	assert_true(be32toh(ns) < 1000000000);
}

static void test_wipe(void **state)
{
	(void)state;
	shake_hands();
	tp_keypair_wipe(&f.alice_keys);
	assert_zero(&f.alice_keys, sizeof(f.alice_keys));
	tp_noise_identity_wipe(&f.alice);
	assert_zero(&f.alice, sizeof(f.alice));
}

/* --- transport -------------------------------------------------------------------------------- */

/* Seals an empty message with this counter for bob and lets him open it. */
static int deliver(uint64_t counter)
{
	uint8_t msg[32];

	f.alice_keys.send_counter = counter;
	assert_int_equal(tp_keypair_seal(&f.alice_keys, NULL, 0, msg), 0);
	return tp_keypair_open(&f.bob_keys, msg, sizeof(msg), NULL);
}

static void test_data_tampering(void **state)
{
	uint8_t msg[48], out[16];

	(void)state;
	shake_hands();
	assert_int_equal(tp_keypair_seal(&f.alice_keys, "sixteen bytes..!", 16, msg), 0);
	for (size_t i = 0; i < sizeof(msg); i++) {
		msg[i] ^= 1;
		assert_int_equal(tp_keypair_open(&f.bob_keys, msg, sizeof(msg), out), -EBADMSG);
		msg[i] ^= 1;
	}
	for (size_t len = 0; len < sizeof(msg); len++)
		assert_int_equal(tp_keypair_open(&f.bob_keys, msg, len, out), -EBADMSG);
	assert_int_equal(f.bob_keys.recv_max, 0);
	assert_int_equal(tp_keypair_open(&f.bob_keys, msg, sizeof(msg), out), 16);
	assert_int_equal(tp_keypair_open(&f.bob_keys, msg, sizeof(msg), out), -EALREADY);
	assert_zero(out, sizeof(out)); /* a replay's text is not handed out */
}

static void test_seal_in_place(void **state)
{
	uint8_t buf[64];
	struct wg_data *data = (void *)buf;

	(void)state;
	shake_hands();
	memset(data->sealed, 'x', 32);
	assert_int_equal(tp_keypair_seal(&f.alice_keys, data->sealed, 32, buf), 0);
	assert_int_equal(tp_keypair_open(&f.bob_keys, buf, 64, data->sealed), 32);
	assert_int_equal(data->sealed[0], 'x');
	assert_int_equal(data->sealed[31], 'x');
}

static void test_window_edges(void **state)
{
	const uint64_t newest = 100000;

	(void)state;
	shake_hands();
	assert_int_equal(deliver(newest), 0);
	assert_int_equal(deliver(newest), -EALREADY);
	assert_int_equal(deliver(newest - TP_REPLAY_WINDOW - 1), -EALREADY);
	assert_int_equal(deliver(newest - TP_REPLAY_WINDOW), 0);
	assert_int_equal(deliver(newest - TP_REPLAY_WINDOW), -EALREADY);
	assert_int_equal(deliver(newest - 1), 0);
	assert_int_equal(deliver(newest - 1), -EALREADY);
	assert_int_equal(deliver(0), -EALREADY);
	assert_int_equal(deliver(newest + 1), 0);
	assert_int_equal(deliver(newest - TP_REPLAY_WINDOW), -EALREADY);
	assert_int_equal(f.bob_keys.recv_max, newest + 2);
}

static void test_window_start(void **state)
{
	(void)state;
	shake_hands();
	assert_int_equal(deliver(0), 0);
	assert_int_equal(deliver(0), -EALREADY);
	assert_int_equal(deliver(63), 0);
	assert_int_equal(deliver(64), 0);
	assert_int_equal(deliver(1), 0);
	assert_int_equal(deliver(63), -EALREADY);
	assert_int_equal(deliver(64), -EALREADY);
	assert_int_equal(deliver(2), 0);
}

/* xorshift64: the same steps in every run. */
static uint64_t below(uint64_t n)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (x >> 16) % n;
}

/* Against a plain list of what was delivered, over steps that cross words and whole rings. */
static void test_window_model(void **state)
{
	enum { RANGE = 400 * TP_REPLAY_BITS };
	static const uint64_t spans[] = {3, 3, 3, 70, 70, TP_REPLAY_BITS + 100};
	static bool seen[RANGE];
	uint64_t newest = 0;

	(void)state;
	shake_hands();
	assert_int_equal(deliver(0), 0);
	seen[0] = true;
	for (int i = 0; i < 20000; i++) {
		uint64_t step = below(spans[below(6)]), counter;
		bool fresh;

		if (below(100) == 0)
			counter = newest + step + below(TP_REPLAY_BITS);
		else if (below(2))
			counter = newest + step % 70;
		else
			counter = newest - (step < newest ? step : newest);
		assert_true(counter < RANGE);
		fresh = !seen[counter] && counter + TP_REPLAY_WINDOW >= newest;
		assert_int_equal(deliver(counter), fresh ? 0 : -EALREADY);
		seen[counter] = true;
		newest = counter > newest ? counter : newest;
	}
}

static void test_counter_exhaustion(void **state)
{
	uint8_t msg[32];
	struct wg_data header;

	(void)state;
	shake_hands();
	assert_int_equal(deliver(WG_REJECT_AFTER_MESSAGES - 1), 0);
	assert_int_equal(deliver(WG_REJECT_AFTER_MESSAGES - 1), -EALREADY);
	assert_int_equal(tp_keypair_seal(&f.alice_keys, NULL, 0, msg), -EKEYEXPIRED);
	assert_int_equal(f.alice_keys.send_counter, WG_REJECT_AFTER_MESSAGES);

	/* A peer that goes on nevertheless is not heard, although its key is right. */
	header = (struct wg_data){htole32(WG_DATA), f.bob_keys.local_index,
				  htole64(WG_REJECT_AFTER_MESSAGES)};
	memcpy(msg, &header, sizeof(header));
	tp_seal(msg + sizeof(header), f.bob_keys.recv_key, WG_REJECT_AFTER_MESSAGES, NULL, 0, NULL,
		0);
	assert_int_equal(tp_keypair_open(&f.bob_keys, msg, sizeof(msg), NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_handshake, setup),
		cmocka_unit_test_setup(test_handshake_psk, setup),
		cmocka_unit_test_setup(test_known_initiation, setup),
		cmocka_unit_test_setup(test_known_data, setup),
		cmocka_unit_test_setup(test_initiation_tampering, setup),
		cmocka_unit_test_setup(test_response_tampering, setup),
		cmocka_unit_test_setup(test_wrong_responder, setup),
		cmocka_unit_test_setup(test_wrong_initiator, setup),
		cmocka_unit_test_setup(test_wrong_psk, setup),
		cmocka_unit_test_setup(test_small_order_keys, setup),
		cmocka_unit_test_setup(test_fresh_keys, setup),
		cmocka_unit_test_setup(test_timestamp, setup),
		cmocka_unit_test_setup(test_wipe, setup),
		cmocka_unit_test_setup(test_data_tampering, setup),
		cmocka_unit_test_setup(test_seal_in_place, setup),
		cmocka_unit_test_setup(test_window_edges, setup),
		cmocka_unit_test_setup(test_window_start, setup),
		cmocka_unit_test_setup(test_window_model, setup),
		cmocka_unit_test_setup(test_counter_exhaustion, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
