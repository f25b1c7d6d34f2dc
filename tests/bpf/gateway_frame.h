/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames of the gateway's tests, built and read byte by byte, and checksums computed, without a
 * line of the programs' code.
 */
#ifndef TP_TESTS_BPF_GATEWAY_FRAME_H
#define TP_TESTS_BPF_GATEWAY_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_F 1
#define TCP_S 2
#define TCP_R 4
#define TCP_A 16

struct lab_frame {
	uint32_t len;
	uint8_t data[4096];
};

/* An IP packet to be, both addresses of one family. Zero means: TTL 64, no flags. `tos`: IPv4's. */
struct lab_packet {
	const char *src, *dst;
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: type and code, identifier */
	uint8_t flags, ttl, tos;
	uint16_t mss;	      /* TCP: an option ... */
	uint8_t nops;	      /* ... behind so many of one byte */
	uint32_t payload;     /* bytes, of a pattern */
	const uint8_t *quote; /* ICMP errors: what follows the header, `payload` bytes */
	bool df, no_checksum, options;
};

/* What may open a flow: of TCP a SYN, else a packet with a payload of an odd length. */
struct lab_packet lab_opener(uint8_t proto, const char *src, uint16_t sport, const char *dst,
			     uint16_t dport);
struct lab_packet lab_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport);
struct lab_packet lab_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			  uint8_t flags);
/* An ICMP error, port unreachable, that quotes all of *f. */
struct lab_packet lab_error_about(const char *src, const char *dst, const struct lab_frame *f);

void lab_addr(uint8_t addr[16], const char *text);
void lab_build(struct lab_frame *f, const struct lab_packet *p);
/* Makes the IPv4 packet a fragment at so many bytes (of whole eights). */
void lab_fragment(struct lab_frame *f, uint16_t offset, bool more);
/* All checksums recomputed from all bytes, and lengths; false with a message. */
bool lab_checksums_ok(const struct lab_frame *f);
/* Does the ICMP error quote the whole of this packet, but for what hops change? */
bool lab_quotes(const struct lab_frame *error, const struct lab_packet *p);
const uint8_t *lab_ip(const struct lab_frame *f);
const uint8_t *lab_l4(const struct lab_frame *f);
bool lab_is_from(const struct lab_frame *f, const char *addr);
bool lab_is_to(const struct lab_frame *f, const char *addr);
uint16_t lab_get16(const uint8_t *p);
uint16_t lab_sport(const struct lab_frame *f);
uint16_t lab_dport(const struct lab_frame *f);
uint8_t lab_ttl(const struct lab_frame *f);

#endif
