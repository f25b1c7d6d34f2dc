/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Simulated peers: stock WireGuard in what they put on the wire, made of the relay's own message
 * code. They do nothing of themselves; a test says step by step what each does.
 */
#ifndef TEST_UNIT_SIM_PEER_H
#define TEST_UNIT_SIM_PEER_H

#include "sim.h"

struct sim_peer {
	char name[16];
	struct tp_noise_identity id;
	struct tp_mac_keys macs;
	struct tp_cookie_secret cookie_secret; /* of the cookies it hands out */
	struct tp_endpoint at;
	struct tp_addr relay; /* the address it speaks to */
};

/* One end of a tunnel: a handshake under way, or its keypair. The cookie outlives handshakes. */
struct sim_end {
	struct sim_peer *self;
	uint8_t remote[WG_KEY_LEN];
	uint32_t index;
	uint8_t mac1[WG_MAC_LEN]; /* of its last handshake message */
	uint8_t cookie[WG_COOKIE_LEN];
	bool has_cookie;
	struct tp_noise_handshake hs;
	struct tp_keypair kp;
};

/* Keys come of the name. The relay's address is the one of the endpoint's family. */
void sim_peer_init(struct sim_peer *p, const char *name, const char *endpoint);
void sim_peer_move(struct sim_peer *p, const char *endpoint);

/* --- what peers do --- */
void sim_initiate(struct sim *s, struct sim_end *e, struct sim_peer *self,
		  const uint8_t remote[WG_KEY_LEN], struct wg_initiation *out);
/* Answers an initiation: 0, or -EBADMSG. */
int sim_respond(struct sim *s, struct sim_end *e, struct sim_peer *self,
		const struct wg_initiation *in, struct wg_response *out);
int sim_finish(struct sim_end *e, const struct wg_response *in);
/* A data message of len + 32 bytes. */
size_t sim_seal(struct sim_end *e, const void *inner, size_t len, void *out);
int sim_open(struct sim_end *e, const struct sim_message *m, uint8_t *inner);
void sim_hand_out_cookie(struct sim *s, struct sim_peer *self, const void *msg, size_t len,
			 struct wg_cookie_reply *out);
int sim_keep_cookie(struct sim_end *e, const struct wg_cookie_reply *in);

/* --- whole exchanges, asserted on the way --- */
/* Handshake with the relay, and the keepalive that confirms it. */
void sim_register(struct sim *s, struct sim_peer *p, struct sim_end *e);
/* Handshake from a to b through the relay. */
void sim_connect(struct sim *s, struct sim_peer *a, struct sim_end *ea, struct sim_peer *b,
		 struct sim_end *eb);
/* One data packet from e's node; it comes out at `to`, unchanged. */
void sim_assert_passes(struct sim *s, struct sim_end *e, struct sim_end *to);
/* The relay has initiated to p where p is: p answers, and takes the relay's keepalive. */
void sim_answer_probe(struct sim *s, struct sim_peer *p, struct sim_end *e);

#endif
