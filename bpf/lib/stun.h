/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * STUN Binding (RFC 8489) without authentication, on a flat buffer, for BPF and the host alike.
 *
 *    0                   1                   2                   3
 *   |0 0|  type 0x0001              |  length of what follows       |
 *   |  magic cookie 0x2112a442                                      |
 *   |  transaction id, 96 bits                                      |
 *   |  attributes: type, length, value padded to 4 bytes            |
 *
 * In BPF the buffer must be TP_STUN_BUF bytes whatever the message's length: a map value into which
 * the packet was copied. Offsets are masked to it, which is all that the verifier has to know.
 */
#ifndef TP_BPF_STUN_H
#define TP_BPF_STUN_H

#include "../abi/types.h"
#include "crc32.h"

#define TP_STUN_HEADER	   20
#define TP_STUN_TXID	   12
#define TP_STUN_MAX	   256 /* longest message that tp_stun_parse() looks into; power of two */
#define TP_STUN_BUF	   TP_STUN_MAX
#define TP_STUN_ATTRS	   16 /* most attributes it walks */
#define TP_STUN_ANSWER_MAX 52 /* IPv6 address and FINGERPRINT */

#define TP_STUN_BINDING		0x0001
#define TP_STUN_SUCCESS		0x0101
#define TP_STUN_COOKIE		0x2112a442u
#define TP_STUN_FINGERPRINT_XOR 0x5354554eu

enum tp_stun_attribute {
	TP_STUN_MESSAGE_INTEGRITY = 0x0008,
	TP_STUN_ERROR_CODE = 0x0009,
	TP_STUN_UNKNOWN_ATTRIBUTES = 0x000a,
	TP_STUN_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	TP_STUN_XOR_MAPPED_ADDRESS = 0x0020,
	TP_STUN_OPTIONAL = 0x8000, /* from here on, not understanding is fine */
	TP_STUN_FINGERPRINT = 0x8028,
};

/* What RFC 8489 defines below 0x8000, one bit per type. None of it bears on an answer without
 * credentials, and what is known but not expected is ignored (6.3). Types that it only reserves
 * (CHANGE-REQUEST) and other documents' (PRIORITY) are unknown here. */
#define TP_STUN_KNOWN                                                                              \
	(1ull << 0x01 | 1ull << 0x06 | 1ull << 0x08 | 1ull << 0x09 | 1ull << 0x0a | 1ull << 0x14 | \
	 1ull << 0x15 | 1ull << 0x1c | 1ull << 0x1d | 1ull << 0x1e | 1ull << 0x20)

enum tp_stun_verdict {
	TP_STUN_ANSWER,	   /* well formed: tp_stun_answer() */
	TP_STUN_UNKNOWN,   /* has attributes that we'd have to understand: error 420 (6.3.1) */
	TP_STUN_COMPLEX,   /* a Binding request beyond the bounds above, not judged any further */
	TP_STUN_MALFORMED, /* a broken request, or none at all: gets no answer (6.3) */
};

struct tp_stun_request {
	__u8 txid[TP_STUN_TXID];
	bool fingerprint; /* had one, so its answer gets one */
	bool integrity;	  /* past MESSAGE-INTEGRITY or its SHA256 form */
	bool unknown;	  /* had an attribute that we'd have to understand */
	bool pad;
};

struct tp_stun_tlv {
	__u8 type[2];
	__u8 size[2];
};

struct tp_stun_buf {
	__u8 b[TP_STUN_BUF];
};

/* Global functions in BPF, which the verifier walks once and by themselves: inlined, their branches
 * multiply with the parser's loop past what it accepts. It makes them check their pointers. */
#ifdef __bpf__
#define TP_STUN_STEP __attribute__((noinline))
#else
#define TP_STUN_STEP static inline
#endif

TP_INLINE __u32 tp_stun_get16(const __u8 *p)
{
	return (__u32)p[0] << 8 | p[1];
}

TP_INLINE __u32 tp_stun_get32(const __u8 *p)
{
	return tp_stun_get16(p) << 16 | tp_stun_get16(p + 2);
}

TP_INLINE void tp_stun_put16(__u8 *p, __u32 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

TP_INLINE void tp_stun_put32(__u8 *p, __u32 v)
{
	tp_stun_put16(p, v >> 16);
	tp_stun_put16(p + 2, v);
}

/* Is this a Binding request that fills its datagram? `len` is the datagram's length. RFC 8489, 6.3;
 * without the cookie it is RFC 3489's, which is not served. */
TP_INLINE bool tp_stun_is_request(const __u8 *buf, __u32 len)
{
	return len >= TP_STUN_HEADER && len % 4 == 0 && tp_stun_get16(buf) == TP_STUN_BINDING &&
	       tp_stun_get16(buf + 2) == len - TP_STUN_HEADER &&
	       tp_stun_get32(buf + 4) == TP_STUN_COOKIE;
}

/* What comes after MESSAGE-INTEGRITY is not protected by it and ignored (14.5, 14.6). */
TP_INLINE bool tp_stun_is_unknown(const struct tp_stun_request *req, __u32 type)
{
	bool known = type < 64 && (TP_STUN_KNOWN >> (type & 63) & 1);

	return type < TP_STUN_OPTIONAL && !known && !req->integrity;
}

/* Takes note of one attribute, which with all that follows is `left` bytes long. Returns its length
 * on the wire, 0 when the message is malformed. */
TP_STUN_STEP __u32 tp_stun_take(struct tp_stun_request *req, const struct tp_stun_tlv *attr,
				__u32 left)
{
	__u32 type, size, wire;

	if (!req || !attr)
		return 0;
	type = tp_stun_get16(attr->type);
	size = tp_stun_get16(attr->size);
	wire = sizeof(*attr) + ((size + 3) & ~3u);
	if (wire > left)
		return 0;
	if (type == TP_STUN_FINGERPRINT) {
		req->fingerprint = true;
		return size == 4 && wire == left ? wire : 0; /* must be the last (14.7) */
	}
	req->unknown |= tp_stun_is_unknown(req, type);
	req->integrity |=
		type == TP_STUN_MESSAGE_INTEGRITY || type == TP_STUN_MESSAGE_INTEGRITY_SHA256;
	return wire;
}

/* The FINGERPRINT of a message whose first `len` bytes (at most TP_STUN_MAX) precede it (14.7). */
TP_INLINE __u32 tp_stun_fingerprint(const __u8 *buf, __u32 len)
{
	__u32 crc = TP_CRC32_START;

	for (__u32 i = 0; i < TP_STUN_MAX && i < len; i++)
		crc = tp_crc32_byte(crc, buf[i]);
	return ~crc ^ TP_STUN_FINGERPRINT_XOR;
}

/* The same where `len` is not a constant. */
TP_STUN_STEP __u32 tp_stun_fingerprint_of(const struct tp_stun_buf *buf, __u32 len)
{
	return buf ? tp_stun_fingerprint(buf->b, len) : 0;
}

/* The four bytes at off. The compiler, which may know that off is in bounds, is kept from dropping
 * the mask that tells the verifier. */
TP_INLINE const __u8 *tp_stun_word(const __u8 *buf, __u32 off)
{
	__asm__ volatile("" : "+r"(off));
	return buf + (off & (TP_STUN_MAX - 4));
}

/* Judges a datagram; see enum tp_stun_verdict. Outside BPF, `buf` need hold no more than `len`. */
TP_INLINE int tp_stun_parse(const __u8 *buf, __u32 len, struct tp_stun_request *req)
{
	__u32 off = TP_STUN_HEADER;

	tp_memset(req, 0, sizeof(*req));
	if (!tp_stun_is_request(buf, len))
		return TP_STUN_MALFORMED;
	if (len > TP_STUN_MAX)
		return TP_STUN_COMPLEX;
	tp_memcpy(req->txid, buf + 8, TP_STUN_TXID);
	for (__u32 i = 0; i < TP_STUN_ATTRS && off < len; i++) {
		__u32 wire = tp_stun_take(req, (const void *)tp_stun_word(buf, off), len - off);

		if (!wire)
			return TP_STUN_MALFORMED;
		off += wire;
	}
	if (off < len)
		return TP_STUN_COMPLEX;
	if (req->fingerprint && tp_stun_get32(tp_stun_word(buf, len - 4)) !=
					tp_stun_fingerprint_of((const void *)buf, len - 8))
		return TP_STUN_MALFORMED;
	return req->unknown ? TP_STUN_UNKNOWN : TP_STUN_ANSWER;
}

/* Writes the header of a message of `len` bytes altogether. */
TP_INLINE void tp_stun_write_header(__u8 *out, const struct tp_stun_request *req, __u32 type,
				    __u32 len)
{
	tp_stun_put16(out, type);
	tp_stun_put16(out + 2, len - TP_STUN_HEADER);
	tp_stun_put32(out + 4, TP_STUN_COOKIE);
	tp_memcpy(out + 8, req->txid, TP_STUN_TXID);
}

/* Writes FINGERPRINT behind the first `len` bytes, whose header counts it already. */
TP_INLINE void tp_stun_write_fingerprint(__u8 *out, __u32 len)
{
	tp_stun_put16(out + len, TP_STUN_FINGERPRINT);
	tp_stun_put16(out + len + 2, 4);
	tp_stun_put32(out + len + 4, tp_stun_fingerprint(out, len));
}

/* Writes XOR-MAPPED-ADDRESS (14.2) and the rest of the answer; size is the address' 4 or 16. */
TP_INLINE __u32 tp_stun_write_answer(__u8 *out, const struct tp_stun_request *req, const __u8 *addr,
				     __u32 size, __be16 port)
{
	__u32 len = TP_STUN_HEADER + 8 + size;

	tp_stun_write_header(out, req, TP_STUN_SUCCESS, req->fingerprint ? len + 8 : len);
	tp_stun_put16(out + 20, TP_STUN_XOR_MAPPED_ADDRESS);
	tp_stun_put16(out + 22, 4 + size);
	tp_stun_put16(out + 24, size == 4 ? 1 : 2);
	tp_stun_put16(out + 26, tp_htons(port) ^ (TP_STUN_COOKIE >> 16));
	for (__u32 i = 0; i < size; i++)
		out[28 + i] =
			addr[i] ^ out[4 + i]; /* the cookie, and the transaction id after it */
	if (!req->fingerprint)
		return len;
	tp_stun_write_fingerprint(out, len);
	return len + 8;
}

/* The success response for a request that came from addr (IPv4 as ::ffff:a.b.c.d) and port. `out`
 * has room for TP_STUN_ANSWER_MAX; returns the length. No SOFTWARE: an answer should be small. */
TP_INLINE __u32 tp_stun_answer(__u8 *out, const struct tp_stun_request *req, const __u8 addr[16],
			       __be16 port)
{
	__u32 zero = 0;
	__u32 mapped;

	for (__u32 i = 0; i < 10; i++)
		zero |= addr[i];
	mapped = (__u32)addr[10] << 8 | addr[11];
	if (!zero && mapped == 0xffff)
		return tp_stun_write_answer(out, req, addr + 12, 4, port);
	return tp_stun_write_answer(out, req, addr, 16, port);
}

#endif
