/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Noise_IK_25519_ChaChaPoly_BLAKE2s (Noise specification, revision 34; the pattern is in 7.5), both
 * roles, and the transport ciphers that come of it. No I/O. NCP runs on it; WireGuard's own
 *variant, with indices and MACs, is noise.h.
 *
 *	<- s
 *	...
 *	-> e, es, s, ss	  + payload	write_first, read_first
 *	<- e, ee, se	  + payload	write_second, read_second
 *
 * A first message can be replayed to the responder, payload and all: what it asks for must wait
 * until the initiator's first transport message has opened.
 */
#ifndef TP_NOISE_IK_H
#define TP_NOISE_IK_H

#include <stddef.h>
#include <stdint.h>

#include "noise.h"

#define TP_IK_MESSAGE_MAX     65535 /* Noise, 3: of every message */
#define TP_IK_FIRST_OVERHEAD  (WG_KEY_LEN + WG_KEY_LEN + 2 * WG_TAG_LEN)
#define TP_IK_SECOND_OVERHEAD (WG_KEY_LEN + WG_TAG_LEN)
#define TP_IK_PAYLOAD_MAX     (TP_IK_MESSAGE_MAX - TP_IK_FIRST_OVERHEAD) /* of either */
#define TP_IK_TEXT_MAX	      (TP_IK_MESSAGE_MAX - WG_TAG_LEN) /* of a transport message */

enum tp_noise_ik_step {
	TP_IK_DONE,
	TP_IK_WRITE_FIRST,
	TP_IK_READ_FIRST,
	TP_IK_READ_SECOND,
	TP_IK_WRITE_SECOND
};

struct tp_noise_ik {
	const struct tp_noise_identity *id;
	enum tp_noise_ik_step step; /* what has to come next */
	uint8_t hash[WG_HASH_LEN];
	uint8_t chain[WG_HASH_LEN];
	uint8_t ephemeral_secret[WG_KEY_LEN]; /* a fresh one since init */
	uint8_t remote_static[WG_KEY_LEN];    /* the responder knows it once the first is read */
	uint8_t remote_ephemeral[WG_KEY_LEN];
};

/* One direction: a key and the nonce of the next message. */
struct tp_noise_cipher {
	uint8_t key[32];
	uint64_t nonce;
};

struct tp_noise_transport {
	struct tp_noise_cipher send, recv;
	uint8_t hash[WG_HASH_LEN]; /* the same at both ends, unique to this session */
};

/* Begin a handshake. `id` stays the caller's and must outlive it. Both sides have to name the same
 * prologue. */
void tp_noise_ik_initiator(struct tp_noise_ik *hs, const struct tp_noise_identity *id,
			   const uint8_t responder[WG_KEY_LEN], const void *prologue, size_t len);
void tp_noise_ik_responder(struct tp_noise_ik *hs, const struct tp_noise_identity *id,
			   const void *prologue, size_t len);

/* Each returns the bytes written to `out`: the payload plus or minus the message's overhead, for
 * which there must be room; payload and message must not overlap. Writing: -EINVAL when it is not
 * this message's turn or the other's key is of small order, -EMSGSIZE. Reading: -EBADMSG whatever
 * is wrong with the message, -EINVAL out of turn. A handshake that failed is wiped and over.
 * The second message fills *t. */
int tp_noise_ik_write_first(struct tp_noise_ik *hs, const void *payload, size_t len, uint8_t *out);
int tp_noise_ik_read_first(struct tp_noise_ik *hs, const void *msg, size_t len, uint8_t *out);
int tp_noise_ik_write_second(struct tp_noise_ik *hs, const void *payload, size_t len, uint8_t *out,
			     struct tp_noise_transport *t);
int tp_noise_ik_read_second(struct tp_noise_ik *hs, const void *msg, size_t len, uint8_t *out,
			    struct tp_noise_transport *t);
void tp_noise_ik_wipe(struct tp_noise_ik *hs);

/* Transport messages, in order in each direction. Return the bytes written to `out`, which may be
 * `in`: len + 16 or len - 16. -EMSGSIZE; -EKEYEXPIRED when the nonces are used up; opening:
 * -EBADMSG, which leaves the cipher as it was. */
int tp_noise_cipher_seal(struct tp_noise_cipher *c, const void *in, size_t len, uint8_t *out);
int tp_noise_cipher_open(struct tp_noise_cipher *c, const void *in, size_t len, uint8_t *out);
void tp_noise_transport_wipe(struct tp_noise_transport *t);

#endif
