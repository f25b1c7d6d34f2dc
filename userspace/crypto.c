/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "crypto.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

#include "log.h"

#define HMAC_BLOCK 64 /* BLAKE2s' block, RFC 7693 2.1 */

/*
 * OpenSSL 3 looks algorithms up by name through its providers: that and a context's allocation
 * cost far more than one hash of a handshake message, so both are done once.
 */
static EVP_MD *blake2s;
static EVP_MD_CTX *hash_ctx;
static EVP_MAC_CTX *mac_ctx;
static uint8_t siphash_key[crypto_shorthash_KEYBYTES];

static int open_hash(void)
{
	blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	hash_ctx = EVP_MD_CTX_new();
	return blake2s && hash_ctx ? 0 : -ENOSYS;
}

static int open_mac(void)
{
	size_t size = WG_MAC_LEN;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
			       OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	int err = -ENOSYS;

	if (!mac)
		return err;
	mac_ctx = EVP_MAC_CTX_new(mac);
	if (mac_ctx && EVP_MAC_CTX_set_params(mac_ctx, params))
		err = 0;
	EVP_MAC_free(mac); /* the context holds it */
	return err;
}

int tp_crypto_init(void)
{
	if (mac_ctx)
		return 0;
	if (sodium_init() < 0) {
		tp_err("crypto: libsodium does not start");
		return -ENOSYS;
	}
	if (open_hash() || open_mac()) {
		tp_err("crypto: libcrypto has no BLAKE2s");
		EVP_MD_CTX_free(hash_ctx);
		EVP_MAC_CTX_free(mac_ctx);
		EVP_MD_free(blake2s);
		hash_ctx = NULL;
		mac_ctx = NULL;
		blake2s = NULL;
		return -ENOSYS;
	}
	tp_random(siphash_key, sizeof(siphash_key));
	return 0;
}

/* Hashing memory can't fail but by a programmer's mistake, and no caller could go on without it. */
static void must(int ok)
{
	if (!ok) {
		tp_err("crypto: libcrypto failed");
		abort();
	}
}

void tp_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}

void tp_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

bool tp_equal(const void *a, const void *b, size_t len)
{
	return !sodium_memcmp(a, b, len);
}

void tp_hash(uint8_t out[WG_HASH_LEN], const struct tp_span *parts, size_t n)
{
	must(EVP_DigestInit_ex2(hash_ctx, blake2s, NULL));
	for (size_t i = 0; i < n; i++)
		must(EVP_DigestUpdate(hash_ctx, parts[i].data, parts[i].len));
	must(EVP_DigestFinal_ex(hash_ctx, out, NULL));
}

void tp_mac(uint8_t out[WG_MAC_LEN], const void *key, size_t key_len, const void *data, size_t len)
{
	must(EVP_MAC_init(mac_ctx, key, key_len, NULL));
	must(EVP_MAC_update(mac_ctx, data, len));
	must(EVP_MAC_final(mac_ctx, out, NULL, WG_MAC_LEN));
}

/* HMAC (RFC 2104) of a || b, under a key as long as a hash. */
static void hmac(uint8_t out[WG_HASH_LEN], const uint8_t key[WG_HASH_LEN], struct tp_span a,
		 struct tp_span b)
{
	uint8_t pad[HMAC_BLOCK], inner[WG_HASH_LEN];
	const struct tp_span first[] = {{pad, sizeof(pad)}, a, b};
	const struct tp_span second[] = {{pad, sizeof(pad)}, {inner, sizeof(inner)}};

	memset(pad, 0x36, sizeof(pad));
	for (int i = 0; i < WG_HASH_LEN; i++)
		pad[i] ^= key[i];
	tp_hash(inner, first, 3);

	for (int i = 0; i < HMAC_BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	tp_hash(out, second, 2);

	tp_wipe(pad, sizeof(pad));
	tp_wipe(inner, sizeof(inner));
}

void tp_kdf(uint8_t *out, size_t n, const uint8_t ck[WG_HASH_LEN], const void *input, size_t len)
{
	struct tp_span previous = {NULL, 0};
	uint8_t extract[WG_HASH_LEN];

	hmac(extract, ck, (struct tp_span){input, len}, previous);
	for (uint8_t i = 1; i <= n; i++) {
		hmac(out, extract, previous, (struct tp_span){&i, 1});
		previous = (struct tp_span){out, WG_HASH_LEN};
		out += WG_HASH_LEN;
	}
	tp_wipe(extract, sizeof(extract));
}

static void nonce_of(uint8_t nonce[12], uint64_t counter)
{
	uint64_t le = htole64(counter);

	memset(nonce, 0, 4);
	memcpy(nonce + 4, &le, sizeof(le));
}

void tp_seal(uint8_t *out, const uint8_t key[32], uint64_t counter, const void *in, size_t len,
	     const void *ad, size_t ad_len)
{
	uint8_t nonce[12];

	nonce_of(nonce, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, ad, ad_len, NULL, nonce, key);
}

int tp_open(uint8_t *out, const uint8_t key[32], uint64_t counter, const void *in, size_t len,
	    const void *ad, size_t ad_len)
{
	uint8_t nonce[12];

	nonce_of(nonce, counter);
	if (len < WG_TAG_LEN || crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len,
									  ad, ad_len, nonce, key))
		return -EBADMSG;
	return 0;
}

void tp_xseal(uint8_t *out, const uint8_t key[32], const uint8_t nonce[24], const void *in,
	      size_t len, const void *ad, size_t ad_len)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, in, len, ad, ad_len, NULL, nonce,
						   key);
}

int tp_xopen(uint8_t *out, const uint8_t key[32], const uint8_t nonce[24], const void *in,
	     size_t len, const void *ad, size_t ad_len)
{
	if (len < WG_TAG_LEN || crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len,
									   ad, ad_len, nonce, key))
		return -EBADMSG;
	return 0;
}

int tp_dh(uint8_t out[32], const uint8_t secret[32], const uint8_t pub[32])
{
	return crypto_scalarmult(out, secret, pub) ? -EINVAL : 0;
}

void tp_public_key(uint8_t pub[32], const uint8_t secret[32])
{
	crypto_scalarmult_base(pub, secret);
}

void tp_secret_key(uint8_t secret[32])
{
	tp_random(secret, 32);
	secret[0] &= 0xf8;
	secret[31] = (secret[31] & 0x7f) | 0x40;
}

int tp_key_parse(const char *s, uint8_t key[32])
{
	const char *end;
	size_t len;

	memset(key, 0, 32);
	if (strnlen(s, TP_KEY_STRLEN) != TP_KEY_STRLEN - 1)
		return -EINVAL;
	if (sodium_base642bin(key, 32, s, TP_KEY_STRLEN - 1, NULL, &len, &end,
			      sodium_base64_VARIANT_ORIGINAL) ||
	    len != 32 || *end) {
		tp_wipe(key, 32);
		return -EINVAL;
	}
	return 0;
}

const char *tp_key_format(const uint8_t key[32], char buf[TP_KEY_STRLEN])
{
	return sodium_bin2base64(buf, TP_KEY_STRLEN, key, 32, sodium_base64_VARIANT_ORIGINAL);
}

/* A key and its newline. Reads all of what a short file has, or a byte more than any key file. */
static int read_key(int fd, uint8_t secret[32])
{
	char text[TP_KEY_STRLEN + 2] = "";
	size_t len = 0;
	ssize_t n;
	int err;

	do {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	err = n < 0 ? -errno : 0;
	if (!err && len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	if (!err)
		err = tp_key_parse(text, secret);
	tp_wipe(text, sizeof(text));
	return err;
}

int tp_key_load(const char *path, uint8_t secret[32])
{
	struct stat st;
	int fd, err;

	memset(secret, 0, 32);
	/* Not to hang on a FIFO, which is refused below. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		err = -EPERM;
	else
		err = read_key(fd, secret);
	close(fd);
	return err;
}

uint64_t tp_siphash(const void *data, size_t len)
{
	uint64_t hash;

	static_assert(sizeof(hash) == crypto_shorthash_BYTES, "SipHash's output");
	crypto_shorthash((uint8_t *)&hash, data, len, siphash_key);
	return hash;
}
