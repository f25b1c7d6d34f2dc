/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The primitives WireGuard and NCP are made of. libsodium does X25519 (RFC 7748) and
 * ChaCha20-Poly1305 (RFC 8439); libcrypto does BLAKE2s (RFC 7693), which libsodium lacks.
 * tp_crypto_init() once before anything else; not thread safe.
 */
#ifndef TP_CRYPTO_H
#define TP_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messages.h"

/* 0 or -ENOSYS with the reason logged. */
int tp_crypto_init(void);

void tp_random(void *out, size_t len);
void tp_wipe(void *p, size_t len);
bool tp_equal(const void *a, const void *b, size_t len); /* constant time */

struct tp_span {
	const void *data;
	size_t len;
};

/* BLAKE2s-256 over the concatenation of n spans. */
void tp_hash(uint8_t out[WG_HASH_LEN], const struct tp_span *parts, size_t n);

/* Keyed BLAKE2s with 16 bytes of output: WireGuard's MAC(). key_len is 16 or 32. */
void tp_mac(uint8_t out[WG_MAC_LEN], const void *key, size_t key_len, const void *data, size_t len);

/* HKDF with HMAC-BLAKE2s as Noise uses it: writes n (1..3) outputs of 32 bytes one after another.
 */
void tp_kdf(uint8_t *out, size_t n, const uint8_t ck[WG_HASH_LEN], const void *input, size_t len);

/* ChaCha20-Poly1305 with the nonce 0^4 || counter64le. seal writes len + 16 bytes. out may be in.
 */
void tp_seal(uint8_t *out, const uint8_t key[32], uint64_t counter, const void *in, size_t len,
	     const void *ad, size_t ad_len);
/* len counts the tag; writes len - 16 bytes. 0 or -EBADMSG. */
int tp_open(uint8_t *out, const uint8_t key[32], uint64_t counter, const void *in, size_t len,
	    const void *ad, size_t ad_len);

/* XChaCha20-Poly1305, for cookies. Same conventions. */
void tp_xseal(uint8_t *out, const uint8_t key[32], const uint8_t nonce[24], const void *in,
	      size_t len, const void *ad, size_t ad_len);
int tp_xopen(uint8_t *out, const uint8_t key[32], const uint8_t nonce[24], const void *in,
	     size_t len, const void *ad, size_t ad_len);

/* X25519. 0, or -EINVAL when the result is all zero (RFC 7748, 6.1). */
int tp_dh(uint8_t out[32], const uint8_t secret[32], const uint8_t pub[32]);
void tp_public_key(uint8_t pub[32], const uint8_t secret[32]);
void tp_secret_key(uint8_t secret[32]); /* a fresh one, clamped */

/* Base64 as `wg` prints keys: 44 characters. 0 or -EINVAL. */
#define TP_KEY_STRLEN 45
int tp_key_parse(const char *s, uint8_t key[32]);
const char *tp_key_format(const uint8_t key[32], char buf[TP_KEY_STRLEN]);

/* Reads a private key file as `wg genkey` writes it. 0, -errno, -EINVAL (no key), or -EPERM when
 * others than the owner may read it. */
int tp_key_load(const char *path, uint8_t secret[32]);

/* SipHash-2-4 under a per-process key, for hash tables whose keys strangers choose. */
uint64_t tp_siphash(const void *data, size_t len);

#endif
