/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Known answers: from the RFCs named, else computed with Python's hashlib and hmac (BLAKE2s),
 * libcrypto (ChaCha20-Poly1305 with a counter) and `wg pubkey`.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto.h"
#include "hex.h"

static void test_hash(void **state)
{
	uint8_t out[32], bytes[200];
	struct tp_span abc[] = {{"a", 1}, {"", 0}, {"bc", 2}};
	struct tp_span halves[] = {{bytes, 63}, {bytes + 63, 137}};

	(void)state;
	tp_hash(out, abc, 3); /* RFC 7693, appendix B */
	assert_hex(out, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	tp_hash(out, NULL, 0);
	assert_hex(out, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
	count_up(bytes, sizeof(bytes), 0);
	tp_hash(out, halves, 2);
	assert_hex(out, "6d244e1a06ce4ef578dd0f63aff0936706735119ca9c8d22d86c801414ab9741");
}

static void test_mac(void **state)
{
	static const struct {
		size_t key_len, len;
		const char *want;
	} cases[] = {
		{16, 0, "af4e5d3bb230e9ff9096ca6f7c501f76"},
		{16, 18, "9d00d53d9760fba6fa0d204be6622e85"},
		{16, 60, "da0a38612447a7e4984ab1b31a51b962"},
		{16, 116, "b9b1bbba1b59e4349d1018f97d243fca"},
		{32, 0, "9536f9b267655743dee97b8a670f9f53"},
		{32, 18, "13408f1647c02f6efd0047ad8344f695"},
		{32, 60, "02a28f10e193b430df7112d2d98cf759"},
		{32, 64, "f1efa90d2547036841ecd3627fafbc36"},
		{32, 116, "072e94ffbfc684bd8ab2a1b9dade2fd5"},
		{32, 128, "8c09f698d03eaf88abf69f8147865ef6"},
		{32, 200, "42a6f8ff590af21b512e9e088257aa34"},
	};
	uint8_t out[16], bytes[200];

	(void)state;
	count_up(bytes, sizeof(bytes), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		tp_mac(out, bytes, cases[i].key_len, bytes, cases[i].len);
		assert_hex(out, cases[i].want);
	}
}

static void test_kdf(void **state)
{
	uint8_t ck[32], input[32], out[96];
	const char *three = "e3b7e038799447459d13f6cc03b71555c0b32ee93354ebe4526ec98bc53b20a4"
			    "ca06d8e46b509266c7c0594805ffb9c256348a33c642381348f047e452d239e2"
			    "5ee952936bec1473c13db1cc92b8d8ba5ad2df7c77f07478731d48aa5530a000";

	(void)state;
	count_up(ck, 32, 0);
	count_up(input, 32, 100);
	tp_kdf(out, 3, ck, input, 32);
	assert_hex(out, three);
	tp_kdf(out, 2, ck, NULL, 0);
	assert_hex(out, "7a38c34bf2b8738d7374ca77c44ecb309a11d2b2528304fa86052c365e722624"
			"1a17621f346abdc520746a9fb64d8eb03231d674fc15687537b0780fd9c060fd");
	/* In place, as the chain is replaced; and the outputs asked for, no more. */
	memset(out, 0xee, sizeof(out));
	memcpy(out, ck, 32);
	tp_kdf(out, 1, out, input, 32);
	assert_hex(out, "e3b7e038799447459d13f6cc03b71555c0b32ee93354ebe4526ec98bc53b20a4eeee");
}

static void test_aead(void **state)
{
	uint8_t key[32], ad[12], text[33], sealed[49], out[33];
	uint64_t counter = 0x0102030405060708;

	(void)state;
	count_up(key, 32, 0);
	count_up(ad, 12, 0x40);
	for (int i = 0; i < 33; i++)
		text[i] = (uint8_t)(0x60 + 7 * i);
	tp_seal(sealed, key, counter, text, 33, ad, 12);
	assert_hex(sealed, "902ec391d7ba6089fc348c61c7c3a37130d12c2164b7bf9f5f3ab140cd2995e4"
			   "19a4d483656992d6a88798da16c677bb31");
	assert_int_equal(tp_open(out, key, counter, sealed, 49, ad, 12), 0);
	assert_memory_equal(out, text, 33);

	assert_int_equal(tp_open(out, key, counter + 1, sealed, 49, ad, 12), -EBADMSG);
	assert_int_equal(tp_open(out, key, counter, sealed, 48, ad, 12), -EBADMSG);
	assert_int_equal(tp_open(out, key, counter, sealed, 49, ad, 11), -EBADMSG);
	assert_int_equal(tp_open(out, key, counter, sealed, 15, ad, 12), -EBADMSG);
	for (int i = 0; i < 49; i++) {
		sealed[i] ^= 0x10;
		assert_int_equal(tp_open(out, key, counter, sealed, 49, ad, 12), -EBADMSG);
		sealed[i] ^= 0x10;
	}
}

static void test_aead_empty_and_in_place(void **state)
{
	uint8_t key[32], buf[32] = "in place";

	(void)state;
	count_up(key, 32, 0);
	tp_seal(buf + 16, key, 0x0102030405060708, NULL, 0, NULL, 0);
	assert_hex(buf + 16, "2752c39e5b6b57e6b8f924db3698b1ba");
	assert_int_equal(tp_open(NULL, key, 0x0102030405060708, buf + 16, 16, NULL, 0), 0);

	tp_seal(buf, key, 1, buf, 9, NULL, 0);
	assert_string_not_equal((char *)buf, "in place");
	assert_int_equal(tp_open(buf, key, 1, buf, 25, NULL, 0), 0);
	assert_string_equal((char *)buf, "in place");
}

/* draft-irtf-cfrg-xchacha-03, A.3.1 */
static void test_xaead(void **state)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	const size_t len = sizeof(text) - 1;
	uint8_t key[32], nonce[24], ad[12], sealed[sizeof(text) + 15], out[sizeof(text)];

	(void)state;
	count_up(key, 32, 0x80);
	count_up(nonce, 24, 0x40);
	unhex("50515253c0c1c2c3c4c5c6c7", ad, 12);
	tp_xseal(sealed, key, nonce, text, len, ad, 12);
	assert_hex(sealed, "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
			   "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
			   "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
			   "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780a"
			   "cf49");
	assert_int_equal(tp_xopen(out, key, nonce, sealed, len + 16, ad, 12), 0);
	assert_memory_equal(out, text, len);
	nonce[0] ^= 1;
	assert_int_equal(tp_xopen(out, key, nonce, sealed, len + 16, ad, 12), -EBADMSG);
	assert_int_equal(tp_xopen(out, key, nonce, sealed, 15, ad, 12), -EBADMSG);
}

/* RFC 7748, 5.2 */
static void test_dh(void **state)
{
	uint8_t secret[32], pub[32], out[32];

	(void)state;
	unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", secret, 32);
	unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", pub, 32);
	assert_int_equal(tp_dh(out, secret, pub), 0);
	assert_hex(out, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");

	memset(pub, 0, 32);
	assert_int_equal(tp_dh(out, secret, pub), -EINVAL);
	pub[0] = 1;
	assert_int_equal(tp_dh(out, secret, pub), -EINVAL);
}

static void test_secret_key(void **state)
{
	uint8_t a[32], b[32], pub_a[32], pub_b[32], ab[32], ba[32];

	(void)state;
	tp_secret_key(a);
	tp_secret_key(b);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(a[0] & 7, 0);
	assert_int_equal(a[31] >> 6, 1);
	tp_public_key(pub_a, a);
	tp_public_key(pub_b, b);
	assert_int_equal(tp_dh(ab, a, pub_b), 0);
	assert_int_equal(tp_dh(ba, b, pub_a), 0);
	assert_memory_equal(ab, ba, 32);
}

#define SECRET_TEXT "CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8="
#define PUBLIC_TEXT "whrw5m5XxaQFDOTCKiyp7Hm+uHu+atHwLQLq+4CRilo="

static void test_key_text(void **state)
{
	uint8_t secret[32], pub[32];
	char text[TP_KEY_STRLEN];

	(void)state;
	assert_int_equal(tp_key_parse(SECRET_TEXT, secret), 0);
	assert_hex(secret, "0801020304050607");
	assert_string_equal(tp_key_format(secret, text), SECRET_TEXT);
	tp_public_key(pub, secret);
	assert_string_equal(tp_key_format(pub, text), PUBLIC_TEXT);
}

static void test_key_text_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"=",
		"CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8",
		"CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8==",
		"CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8 ",
		"CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl9=", /* stray bits at the end */
		"CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8a",
		"CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH===",
		"-AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8=",
		" CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8",
	};
	uint8_t key[32], zero[32] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		memset(key, 0xee, 32);
		assert_int_equal(tp_key_parse(texts[i], key), -EINVAL);
		assert_memory_equal(key, zero, 32);
	}
}

static int load(const char *text, mode_t mode, uint8_t key[32])
{
	char path[] = "/tmp/tp-test-key-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	err = tp_key_load(path, key);
	unlink(path);
	return err;
}

static void test_key_load(void **state)
{
	uint8_t key[32], want[32];

	(void)state;
	assert_int_equal(tp_key_parse(SECRET_TEXT, want), 0);
	assert_int_equal(load(SECRET_TEXT "\n", 0600, key), 0);
	assert_memory_equal(key, want, 32);
	assert_int_equal(load(SECRET_TEXT, 0400, key), 0);
	assert_memory_equal(key, want, 32);

	assert_int_equal(load(SECRET_TEXT "\n", 0640, key), -EPERM);
	assert_int_equal(load(SECRET_TEXT "\n", 0604, key), -EPERM);
	assert_int_equal(load("", 0600, key), -EINVAL);
	assert_int_equal(load("\n", 0600, key), -EINVAL);
	assert_int_equal(load("no key\n", 0600, key), -EINVAL);
	assert_int_equal(load(SECRET_TEXT "\n\n", 0600, key), -EINVAL);
	assert_int_equal(load(SECRET_TEXT "\n" PUBLIC_TEXT "\n", 0600, key), -EINVAL);
	assert_int_equal(tp_key_load("/nonexistent/key", key), -ENOENT);
	assert_int_equal(tp_key_load("/tmp", key), -EINVAL);
}

static void test_key_load_fifo(void **state)
{
	char dir[] = "/tmp/tp-test-fifo-XXXXXX", path[64];
	uint8_t key[32];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(tp_key_load(path, key), -EINVAL);
	unlink(path);
	rmdir(dir);
}

static void test_equal_and_wipe(void **state)
{
	uint8_t a[32], b[32], zero[32] = {0};

	(void)state;
	tp_random(a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(tp_equal(a, b, 32));
	b[31] ^= 0x80;
	assert_false(tp_equal(a, b, 32));
	assert_true(tp_equal(a, b, 31));
	tp_wipe(a, sizeof(a));
	assert_memory_equal(a, zero, 32);
}

static void test_siphash(void **state)
{
	uint64_t seen[64];

	(void)state;
	for (int i = 0; i < 64; i++) {
		uint8_t data[24] = {[7] = (uint8_t)i};

		seen[i] = tp_siphash(data, sizeof(data));
		assert_int_equal(seen[i], tp_siphash(data, sizeof(data)));
		for (int j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
	assert_int_not_equal(tp_siphash("", 0), tp_siphash("\0", 1));
}

static int setup(void **state)
{
	(void)state;
	return tp_crypto_init() || tp_crypto_init(); /* a second time does no harm */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_kdf),
		cmocka_unit_test(test_aead),
		cmocka_unit_test(test_aead_empty_and_in_place),
		cmocka_unit_test(test_xaead),
		cmocka_unit_test(test_dh),
		cmocka_unit_test(test_secret_key),
		cmocka_unit_test(test_key_text),
		cmocka_unit_test(test_key_text_refused),
		cmocka_unit_test(test_key_load),
		cmocka_unit_test(test_key_load_fifo),
		cmocka_unit_test(test_equal_and_wipe),
		cmocka_unit_test(test_siphash),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
