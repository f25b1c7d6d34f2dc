/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The model's reading of packets, and what becomes of their bytes. */
#ifndef TP_TESTS_BPF_GATEWAY_MODEL_PACKET_H
#define TP_TESTS_BPF_GATEWAY_MODEL_PACKET_H

#include "gateway_model.h"

#define MODEL_FRAGMENT_MOST 2048 /* IP bytes of what the daemon still cuts */

enum model_part { MODEL_WHOLE, MODEL_FIRST, MODEL_LATER };
enum model_icmp { MODEL_NO_ICMP, MODEL_QUERY, MODEL_REPLY, MODEL_ERROR, MODEL_OTHER };

struct model_packet {
	const struct lab_frame *f;
	bool v6, df;
	struct model_end src, dst;
	uint8_t proto, ttl, flags;
	enum model_part part;
	enum model_icmp icmp;
	uint16_t id;
	uint32_t len; /* IP bytes */
	uint32_t l4;  /* where the transport begins in the frame */
};

/* What an ICMP error quotes. */
struct model_quote {
	struct model_end src, dst;
	uint8_t proto;
	uint32_t at; /* of its IP header in the frame */
};

/* MODEL_ANYWHERE, or a reason; addresses are zero when there was no whole IP header. */
int model_parse(const struct lab_frame *f, struct model_packet *p);
bool model_quote(const struct model_packet *p, struct model_quote *q);
/* Multicast, broadcast, link-local. */
bool model_is_link_scope(const uint8_t addr[16]);
bool model_is_v4(const uint8_t addr[16]);

/* One hop on, with new ends (IPv4) and the segment size of a SYN within `mtu`. */
void model_forward(const struct model_packet *p, const struct model_end *src,
		   const struct model_end *dst, uint32_t mtu, struct lab_frame *out);
/* The same of an error, whose quote then names these (NULL: as it came) as its ends. */
void model_forward_error(const struct model_packet *p, const struct model_quote *q,
			 const struct model_end *src, const struct model_end *dst,
			 struct lab_frame *out);

struct model_error {
	uint8_t type, code;
	uint16_t mtu;
};

/* The error about the packet, back to its sender. */
void model_answer(const struct model_packet *p, const uint8_t own[16], const struct model_error *e,
		  struct lab_frame *out);

#endif
