/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a relay can read of a WireGuard message: its type, its length, its receiver index. */
#ifndef TP_BPF_RELAY_WIREGUARD_H
#define TP_BPF_RELAY_WIREGUARD_H

#include "parse.h"

/* The first four bytes as a little-endian word: a byte of type, three that are zero. */
enum wg_type { WG_INITIATION = 1, WG_RESPONSE = 2, WG_COOKIE_REPLY = 3, WG_DATA = 4 };

#define WG_INITIATION_LEN   148
#define WG_RESPONSE_LEN	    92
#define WG_COOKIE_REPLY_LEN 64
#define WG_DATA_LEN_MIN	    32 /* a keepalive */

/* The type word, 0 when the payload has none. */
TP_INLINE __u32 wg_type(const struct xdp_md *ctx, const struct packet *p)
{
	const void *end = (void *)(long)ctx->data_end;
	const __u32 *word = (void *)(p->udp + 1);

	return is_sound(p) && payload_len(p) >= sizeof(*word) && (void *)(word + 1) <= end
		       ? tp_get32(word)
		       : 0;
}

/* Port and padding as the key has them, in one word. */
TP_INLINE __u32 port_word(__be16 port)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return port;
#else
	return (__u32)port << 16;
#endif
}

/* Is it a data message to the relay's port? Completes p->key when it is. */
TP_INLINE bool wg_is_data(const struct xdp_md *ctx, struct packet *p)
{
	const void *end = (void *)(long)ctx->data_end;
	const __u32 *word = (void *)(p->udp + 1);

	if (!is_sound(p) || p->local_port != knobs.listen_port || payload_len(p) < WG_DATA_LEN_MIN)
		return false;
	if ((void *)(word + 2) > end || tp_get32(word) != WG_DATA)
		return false;
	tp_put64(&p->key.index, tp_pair(tp_get32(word + 1), port_word(p->port)));
	return true;
}

/* The one length that a message of this type has; 0: not a handshake message. */
TP_INLINE __u16 wg_handshake_len(__u32 type)
{
	switch (type) {
	case WG_INITIATION: return WG_INITIATION_LEN;
	case WG_RESPONSE: return WG_RESPONSE_LEN;
	case WG_COOKIE_REPLY: return WG_COOKIE_REPLY_LEN;
	default: return 0;
	}
}

#endif
