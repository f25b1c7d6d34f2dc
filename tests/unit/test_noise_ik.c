/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "crypto.h"
#include "hex.h"
#include "noise_ik.h"

/* Of the public collection of vectors; tests run in the top directory. */
#define VECTOR	 "tests/unit/noise_ik_vector.json"
#define PROLOGUE "prologue", 8
#define ROOM	 512

/* Alice initiates, bob responds. */
static struct {
	struct tp_noise_identity alice, bob;
	struct tp_noise_ik at_alice, at_bob;
	struct tp_noise_transport alice_keys, bob_keys;
	uint8_t first[ROOM], second[ROOM], out[ROOM];
	int first_len, second_len;
} f;

static void make_identity(struct tp_noise_identity *id)
{
	uint8_t secret[WG_KEY_LEN];

	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(id, secret), 0);
}

static int setup(void **state)
{
	(void)state;
	if (tp_crypto_init())
		return -1;
	memset(&f, 0, sizeof(f));
	make_identity(&f.alice);
	make_identity(&f.bob);
	tp_noise_ik_initiator(&f.at_alice, &f.alice, f.bob.public_key, PROLOGUE);
	tp_noise_ik_responder(&f.at_bob, &f.bob, PROLOGUE);
	return 0;
}

static void write_first(void)
{
	f.first_len = tp_noise_ik_write_first(&f.at_alice, "hello", 5, f.first);
	assert_int_equal(f.first_len, 5 + TP_IK_FIRST_OVERHEAD);
}

static int read_first(void)
{
	return tp_noise_ik_read_first(&f.at_bob, f.first, (size_t)f.first_len, f.out);
}

static void write_second(void)
{
	f.second_len = tp_noise_ik_write_second(&f.at_bob, "welcome", 7, f.second, &f.bob_keys);
	assert_int_equal(f.second_len, 7 + TP_IK_SECOND_OVERHEAD);
}

static int read_second(void)
{
	return tp_noise_ik_read_second(&f.at_alice, f.second, (size_t)f.second_len, f.out,
				       &f.alice_keys);
}

static void shake_hands(void)
{
	write_first();
	assert_int_equal(read_first(), 5);
	assert_memory_equal(f.out, "hello", 5);
	write_second();
	assert_int_equal(read_second(), 7);
	assert_memory_equal(f.out, "welcome", 7);
}

static void assert_zero(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(((const uint8_t *)p)[i], 0);
}

/* --- the vector ------------------------------------------------------------------------------- */

static size_t hex_field(const json_t *object, const char *name, uint8_t *out)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return unhex(text, out, ROOM);
}

static void identity_of(const json_t *vector, const char *name, struct tp_noise_identity *id)
{
	uint8_t secret[ROOM];

	assert_int_equal(hex_field(vector, name, secret), WG_KEY_LEN);
	assert_int_equal(tp_noise_identity_init(id, secret), 0);
}

static void begin_vector(const json_t *vector)
{
	uint8_t bytes[ROOM];
	size_t len;

	identity_of(vector, "init_static", &f.alice);
	identity_of(vector, "resp_static", &f.bob);
	hex_field(vector, "init_remote_static", bytes);
	assert_memory_equal(bytes, f.bob.public_key, WG_KEY_LEN);

	len = hex_field(vector, "init_prologue", bytes);
	tp_noise_ik_initiator(&f.at_alice, &f.alice, f.bob.public_key, bytes, len);
	len = hex_field(vector, "resp_prologue", bytes);
	tp_noise_ik_responder(&f.at_bob, &f.bob, bytes, len);
	hex_field(vector, "init_ephemeral", bytes);
	memcpy(f.at_alice.ephemeral_secret, bytes, WG_KEY_LEN);
	hex_field(vector, "resp_ephemeral", bytes);
	memcpy(f.at_bob.ephemeral_secret, bytes, WG_KEY_LEN);
}

/* Message `i` goes through the one side and comes out at the other. */
static int vector_write(size_t i, const uint8_t *payload, size_t len, uint8_t *out)
{
	if (i == 0)
		return tp_noise_ik_write_first(&f.at_alice, payload, len, out);
	if (i == 1)
		return tp_noise_ik_write_second(&f.at_bob, payload, len, out, &f.bob_keys);
	return tp_noise_cipher_seal(i % 2 ? &f.bob_keys.send : &f.alice_keys.send, payload, len,
				    out);
}

static int vector_read(size_t i, const uint8_t *msg, size_t len, uint8_t *out)
{
	if (i == 0)
		return tp_noise_ik_read_first(&f.at_bob, msg, len, out);
	if (i == 1)
		return tp_noise_ik_read_second(&f.at_alice, msg, len, out, &f.alice_keys);
	return tp_noise_cipher_open(i % 2 ? &f.alice_keys.recv : &f.bob_keys.recv, msg, len, out);
}

static void check_vector(const json_t *vector)
{
	uint8_t payload[ROOM], want[ROOM], got[ROOM];
	json_t *message;
	size_t i;

	begin_vector(vector);
	json_array_foreach(json_object_get(vector, "messages"), i, message)
	{
		size_t len = hex_field(message, "payload", payload);
		size_t want_len = hex_field(message, "ciphertext", want);

		assert_int_equal(vector_write(i, payload, len, got), want_len);
		assert_memory_equal(got, want, want_len);
		assert_int_equal(vector_read(i, want, want_len, got), len);
		assert_memory_equal(got, payload, len);
	}
	assert_true(i > 3);
	hex_field(vector, "handshake_hash", want);
	assert_memory_equal(f.alice_keys.hash, want, WG_HASH_LEN);
	assert_memory_equal(f.bob_keys.hash, want, WG_HASH_LEN);
}

static void public_vector(void **state)
{
	json_t *vectors = json_load_file(VECTOR, 0, NULL), *vector;
	size_t i;

	(void)state;
	assert_true(json_array_size(vectors) > 0);
	json_array_foreach(vectors, i, vector) check_vector(vector);
	json_decref(vectors);
}

/* --- handshakes that must not come about ------------------------------------------------------ */

static void responder_learns_who(void **state)
{
	(void)state;
	write_first();
	assert_int_equal(read_first(), 5);
	assert_memory_equal(f.at_bob.remote_static, f.alice.public_key, WG_KEY_LEN);
}

static void every_bit_of_first_counts(void **state)
{
	(void)state;
	write_first();
	for (int i = 0; i < f.first_len * 8; i++) {
		/* Bit 255 of a key is ignored by X25519, but hashed. */
		f.first[i / 8] ^= (uint8_t)(1 << i % 8);
		tp_noise_ik_responder(&f.at_bob, &f.bob, PROLOGUE);
		assert_int_equal(read_first(), -EBADMSG);
		assert_zero(&f.at_bob, sizeof(f.at_bob));
		f.first[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	tp_noise_ik_responder(&f.at_bob, &f.bob, PROLOGUE);
	assert_int_equal(read_first(), 5);
}

static void every_bit_of_second_counts(void **state)
{
	struct tp_noise_ik waiting;

	(void)state;
	write_first();
	read_first();
	write_second();
	waiting = f.at_alice;
	for (int i = 0; i < f.second_len * 8; i++) {
		f.second[i / 8] ^= (uint8_t)(1 << i % 8);
		f.at_alice = waiting;
		assert_int_equal(read_second(), -EBADMSG);
		assert_zero(&f.alice_keys, sizeof(f.alice_keys));
		f.second[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	f.at_alice = waiting;
	assert_int_equal(read_second(), 7);
}

static void every_truncation_is_refused(void **state)
{
	struct tp_noise_ik waiting;
	int whole;

	(void)state;
	write_first();
	whole = f.first_len;
	for (f.first_len = 0; f.first_len < whole; f.first_len++) {
		tp_noise_ik_responder(&f.at_bob, &f.bob, PROLOGUE);
		assert_int_equal(read_first(), -EBADMSG);
	}
	tp_noise_ik_responder(&f.at_bob, &f.bob, PROLOGUE);
	read_first();
	write_second();
	waiting = f.at_alice;
	whole = f.second_len;
	for (f.second_len = 0; f.second_len < whole; f.second_len++) {
		f.at_alice = waiting;
		assert_int_equal(read_second(), -EBADMSG);
	}
}

static void for_another_responder(void **state)
{
	struct tp_noise_identity carol;

	(void)state;
	make_identity(&carol);
	tp_noise_ik_initiator(&f.at_alice, &f.alice, carol.public_key, PROLOGUE);
	write_first();
	assert_int_equal(read_first(), -EBADMSG);
}

/* Who has not bob's key can't answer, even if it knows the whole first message. */
static void from_another_responder(void **state)
{
	(void)state;
	write_first();
	assert_int_equal(read_first(), 5);
	make_identity(&f.bob);
	tp_secret_key(f.at_bob.ephemeral_secret);
	f.at_bob.chain[0] ^= 1; /* it could not have mixed es */
	write_second();
	assert_int_equal(read_second(), -EBADMSG);
}

/* Alice's public key is no secret: without the private one, ss can't be mixed. */
static void in_anothers_name(void **state)
{
	struct tp_noise_identity mallory;

	(void)state;
	make_identity(&mallory);
	memcpy(mallory.public_key, f.alice.public_key, WG_KEY_LEN);
	tp_noise_ik_initiator(&f.at_alice, &mallory, f.bob.public_key, PROLOGUE);
	write_first();
	assert_int_equal(read_first(), -EBADMSG);
}

static void with_another_prologue(void **state)
{
	(void)state;
	tp_noise_ik_initiator(&f.at_alice, &f.alice, f.bob.public_key, "prologuf", 8);
	write_first();
	assert_int_equal(read_first(), -EBADMSG);
}

/* A replay opens, as Noise says; what comes of it is no use to who has not the ephemeral key. */
static void replayed_first(void **state)
{
	struct tp_noise_transport before;
	uint8_t sealed[ROOM];
	int len;

	(void)state;
	shake_hands();
	before = f.bob_keys;
	len = tp_noise_cipher_seal(&f.alice_keys.send, "text", 4, sealed);

	tp_noise_ik_responder(&f.at_bob, &f.bob, PROLOGUE);
	assert_int_equal(read_first(), 5);
	write_second();
	assert_memory_not_equal(before.recv.key, f.bob_keys.recv.key, 32);
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, sealed, (size_t)len, f.out),
			 -EBADMSG);
	assert_int_equal(tp_noise_cipher_open(&before.recv, sealed, (size_t)len, f.out), 4);
}

/* --- keys of small order (RFC 7748, 6.1): the shared secret would be all zero ------------------
 */

static const char *const small_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};
#define N_SMALL_ORDER (sizeof(small_order) / sizeof(*small_order))

static void small_order_responder(void **state)
{
	uint8_t key[WG_KEY_LEN];

	(void)state;
	for (size_t i = 0; i < N_SMALL_ORDER; i++) {
		unhex(small_order[i], key, sizeof(key));
		tp_noise_ik_initiator(&f.at_alice, &f.alice, key, PROLOGUE);
		assert_int_equal(tp_noise_ik_write_first(&f.at_alice, "", 0, f.first), -EINVAL);
		assert_zero(&f.at_alice, sizeof(f.at_alice));
	}
}

static void small_order_ephemeral(void **state)
{
	struct tp_noise_ik waiting;

	(void)state;
	write_first();
	read_first();
	write_second();
	waiting = f.at_alice;
	for (size_t i = 0; i < N_SMALL_ORDER; i++) {
		unhex(small_order[i], f.first, WG_KEY_LEN);
		tp_noise_ik_responder(&f.at_bob, &f.bob, PROLOGUE);
		assert_int_equal(read_first(), -EBADMSG);

		unhex(small_order[i], f.second, WG_KEY_LEN);
		f.at_alice = waiting;
		assert_int_equal(read_second(), -EBADMSG);
	}
}

/* An initiator that seals such a static key: its first message opens up to ss. */
static void small_order_static(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SMALL_ORDER; i++) {
		unhex(small_order[i], f.alice.public_key, WG_KEY_LEN);
		tp_noise_ik_initiator(&f.at_alice, &f.alice, f.bob.public_key, PROLOGUE);
		write_first();
		tp_noise_ik_responder(&f.at_bob, &f.bob, PROLOGUE);
		assert_int_equal(read_first(), -EBADMSG);
	}
}

/* --- order and sizes -------------------------------------------------------------------------- */

static void out_of_turn(void **state)
{
	(void)state;
	assert_int_equal(read_second(), -EINVAL);
	assert_int_equal(tp_noise_ik_write_second(&f.at_bob, "", 0, f.second, &f.bob_keys),
			 -EINVAL);
	assert_int_equal(tp_noise_ik_write_first(&f.at_bob, "", 0, f.first), -EINVAL);
	shake_hands();
	assert_int_equal(tp_noise_ik_write_first(&f.at_alice, "", 0, f.first), -EINVAL);
	assert_int_equal(read_first(), -EINVAL);
}

static void after_it_nothing_is_left(void **state)
{
	(void)state;
	shake_hands();
	assert_zero(&f.at_alice, sizeof(f.at_alice));
	assert_zero(&f.at_bob, sizeof(f.at_bob));
	tp_noise_transport_wipe(&f.bob_keys);
	assert_zero(&f.bob_keys, sizeof(f.bob_keys));
}

static void largest_payloads(void **state)
{
	uint8_t *text = calloc(1, TP_IK_MESSAGE_MAX + 1), *sealed = malloc(TP_IK_MESSAGE_MAX + 1);

	(void)state;
	assert_int_equal(tp_noise_ik_write_first(&f.at_alice, text, TP_IK_PAYLOAD_MAX + 1, sealed),
			 -EMSGSIZE);
	assert_int_equal(tp_noise_ik_write_first(&f.at_alice, text, TP_IK_PAYLOAD_MAX, sealed),
			 TP_IK_MESSAGE_MAX);
	assert_int_equal(tp_noise_ik_read_first(&f.at_bob, sealed, TP_IK_MESSAGE_MAX, text),
			 TP_IK_PAYLOAD_MAX);
	write_second();
	read_second();
	assert_int_equal(tp_noise_cipher_seal(&f.alice_keys.send, text, TP_IK_TEXT_MAX + 1, sealed),
			 -EMSGSIZE);
	assert_int_equal(tp_noise_cipher_seal(&f.alice_keys.send, text, TP_IK_TEXT_MAX, sealed),
			 TP_IK_MESSAGE_MAX);
	assert_int_equal(
		tp_noise_cipher_open(&f.bob_keys.recv, sealed, TP_IK_MESSAGE_MAX + 1, text),
		-EMSGSIZE);
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, sealed, TP_IK_MESSAGE_MAX, text),
			 TP_IK_TEXT_MAX);
	free(text);
	free(sealed);
}

/* --- transport -------------------------------------------------------------------------------- */

static void transport_keeps_order(void **state)
{
	uint8_t one[ROOM], two[ROOM];

	(void)state;
	shake_hands();
	assert_int_equal(tp_noise_cipher_seal(&f.alice_keys.send, "one", 3, one), 19);
	assert_int_equal(tp_noise_cipher_seal(&f.alice_keys.send, "two", 3, two), 19);
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, two, 19, f.out), -EBADMSG);
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, one, 19, f.out), 3);
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, one, 19, f.out), -EBADMSG);
	two[0] ^= 1;
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, two, 19, f.out), -EBADMSG);
	two[0] ^= 1;
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, two, 15, f.out), -EBADMSG);
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, two, 19, f.out), 3);
	assert_memory_equal(f.out, "two", 3);
}

static void directions_have_their_own_keys(void **state)
{
	(void)state;
	shake_hands();
	assert_memory_equal(f.alice_keys.send.key, f.bob_keys.recv.key, 32);
	assert_memory_equal(f.alice_keys.recv.key, f.bob_keys.send.key, 32);
	assert_memory_not_equal(f.alice_keys.send.key, f.alice_keys.recv.key, 32);
}

static void nonces_run_out(void **state)
{
	uint8_t sealed[ROOM];

	(void)state;
	shake_hands();
	f.alice_keys.send.nonce = f.bob_keys.recv.nonce = UINT64_MAX - 1;
	assert_int_equal(tp_noise_cipher_seal(&f.alice_keys.send, "last", 4, sealed), 20);
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, sealed, 20, f.out), 4);
	assert_int_equal(tp_noise_cipher_seal(&f.alice_keys.send, "more", 4, sealed), -EKEYEXPIRED);
	assert_int_equal(tp_noise_cipher_open(&f.bob_keys.recv, sealed, 20, f.out), -EKEYEXPIRED);
	assert_true(f.alice_keys.send.nonce == UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(public_vector),
		TEST(responder_learns_who),
		TEST(every_bit_of_first_counts),
		TEST(every_bit_of_second_counts),
		TEST(every_truncation_is_refused),
		TEST(for_another_responder),
		TEST(from_another_responder),
		TEST(in_anothers_name),
		TEST(with_another_prologue),
		TEST(replayed_first),
		TEST(small_order_responder),
		TEST(small_order_ephemeral),
		TEST(small_order_static),
		TEST(out_of_turn),
		TEST(after_it_nothing_is_left),
		TEST(largest_payloads),
		TEST(transport_keeps_order),
		TEST(directions_have_their_own_keys),
		TEST(nonces_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
