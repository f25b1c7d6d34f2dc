/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * WireGuard's handshake, Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (whitepaper 5.4), both roles, and
 * the transport keypairs that come of it. No I/O, no clock: the caller brings messages and time.
 * The MACs at a message's end are cookie.h's business.
 */
#ifndef TP_NOISE_H
#define TP_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messages.h"

/* A static key pair and what is computed from it once. */
struct tp_noise_identity {
	uint8_t secret[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
};

/* A remote peer as a handshake needs it. */
struct tp_noise_peer {
	uint8_t public_key[WG_KEY_LEN];
	uint8_t psk[WG_KEY_LEN];	   /* all zero: none */
	uint8_t static_static[WG_KEY_LEN]; /* DH of the two static keys */
};

struct tp_noise_handshake {
	uint8_t hash[WG_HASH_LEN];
	uint8_t chain[WG_HASH_LEN];
	uint8_t ephemeral_secret[WG_KEY_LEN]; /* ours, as initiator */
	uint8_t remote_ephemeral[WG_KEY_LEN]; /* the initiator's, as responder */
	uint32_t local_index;		      /* wire order */
	uint32_t remote_index;
};

/* RFC 6479: a ring of words, of which the newest is only partly filled. */
#define TP_REPLAY_BITS 8192
#define TP_REPLAY_WINDOW \
	(TP_REPLAY_BITS - 64) /* counters behind the newest that may still arrive */

struct tp_keypair {
	uint8_t send_key[32];
	uint8_t recv_key[32];
	uint64_t send_counter;
	uint64_t recv_max;			   /* newest counter seen, plus one */
	uint64_t recv_window[TP_REPLAY_BITS / 64]; /* bit set: seen */
	uint32_t local_index;			   /* wire order */
	uint32_t remote_index;
	bool initiator;
};

int tp_noise_identity_init(struct tp_noise_identity *id, const uint8_t secret[WG_KEY_LEN]);
void tp_noise_identity_wipe(struct tp_noise_identity *id);

/* psk may be NULL. 0, or -EINVAL for a public key of small order. */
int tp_noise_peer_init(struct tp_noise_peer *peer, const struct tp_noise_identity *id,
		       const uint8_t public_key[WG_KEY_LEN], const uint8_t *psk);

/* TAI64N label of now, whitened to 2^24 ns as wireguard does; ordered by memcmp. */
void tp_tai64n_now(uint8_t out[WG_TIMESTAMP_LEN]);

/* --- initiator --- */
/* Fills everything of msg but the MACs; hs keeps what the response needs. 0 or -EINVAL. */
int tp_noise_initiate(struct tp_noise_handshake *hs, const struct tp_noise_identity *id,
		      const struct tp_noise_peer *peer, uint32_t local_index,
		      const uint8_t timestamp[WG_TIMESTAMP_LEN], struct wg_initiation *msg);
/* The answer to it. hs is unchanged on failure, so a forged response does no harm.
 * 0 with the keypair filled and hs wiped, or -EBADMSG. */
int tp_noise_finish(struct tp_noise_handshake *hs, const struct tp_noise_identity *id,
		    const struct tp_noise_peer *peer, const struct wg_response *msg,
		    struct tp_keypair *kp);

/* --- responder, in two steps: who is it, then is it true --- */
/* Opens the initiator's static key. 0 or -EBADMSG. One DH. */
int tp_noise_identify(struct tp_noise_handshake *hs, const struct tp_noise_identity *id,
		      const struct wg_initiation *msg, uint8_t public_key[WG_KEY_LEN]);
/* Opens the timestamp, which proves the initiator's key. 0 or -EBADMSG. */
int tp_noise_authenticate(struct tp_noise_handshake *hs, const struct tp_noise_peer *peer,
			  const struct wg_initiation *msg, uint8_t timestamp[WG_TIMESTAMP_LEN]);
/* Writes the response, MACs left out, and the keypair; wipes hs. 0 or -EINVAL. */
int tp_noise_respond(struct tp_noise_handshake *hs, const struct tp_noise_peer *peer,
		     uint32_t local_index, struct wg_response *msg, struct tp_keypair *kp);

/* --- transport --- */
/* Seals len bytes (padding is the caller's) into a data message of len + 32 bytes at out.
 * 0 or -EKEYEXPIRED when the counter is used up. */
int tp_keypair_seal(struct tp_keypair *kp, const void *in, size_t len, void *out);
/* Opens a data message of len bytes; writes len - 32 bytes, which is also what it returns.
 * -EBADMSG when it does not authenticate, -EALREADY for a counter seen before. */
int tp_keypair_open(struct tp_keypair *kp, const void *msg, size_t len, uint8_t *out);
void tp_keypair_wipe(struct tp_keypair *kp);

#endif
