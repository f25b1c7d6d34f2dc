/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * WireGuard's wire structs and protocol constants (Donenfeld, "WireGuard: Next Generation Kernel
 * Network Tunnel", sections 5 and 6). Integers are little-endian on the wire and stay so here.
 */
#ifndef TP_MESSAGES_H
#define TP_MESSAGES_H

#include <assert.h>
#include <stdint.h>

#define WG_KEY_LEN	 32
#define WG_HASH_LEN	 32
#define WG_MAC_LEN	 16
#define WG_COOKIE_LEN	 16
#define WG_COOKIE_NONCE	 24
#define WG_TAG_LEN	 16
#define WG_TIMESTAMP_LEN 12
#define WG_PADDING	 16

#define WG_REKEY_AFTER_TIME	 120 /* seconds */
#define WG_REJECT_AFTER_TIME	 180
#define WG_REKEY_TIMEOUT	 5
#define WG_KEEPALIVE_TIMEOUT	 10
#define WG_COOKIE_SECRET_TIME	 120
#define WG_REJECT_AFTER_MESSAGES (UINT64_MAX - (1u << 13))

enum wg_type {
	WG_INITIATION = 1,
	WG_RESPONSE = 2,
	WG_COOKIE_REPLY = 3,
	WG_DATA = 4,
};

struct wg_header {
	uint32_t type; /* little-endian: one byte of type, three that must be zero */
};

struct wg_macs {
	uint8_t mac1[WG_MAC_LEN];
	uint8_t mac2[WG_MAC_LEN];
};

struct wg_initiation {
	uint32_t type;
	uint32_t sender;
	uint8_t ephemeral[WG_KEY_LEN];
	uint8_t static_sealed[WG_KEY_LEN + WG_TAG_LEN];
	uint8_t timestamp_sealed[WG_TIMESTAMP_LEN + WG_TAG_LEN];
	struct wg_macs macs;
};
static_assert(sizeof(struct wg_initiation) == 148, "initiation");

struct wg_response {
	uint32_t type;
	uint32_t sender;
	uint32_t receiver;
	uint8_t ephemeral[WG_KEY_LEN];
	uint8_t empty_sealed[WG_TAG_LEN];
	struct wg_macs macs;
};
static_assert(sizeof(struct wg_response) == 92, "response");

struct wg_cookie_reply {
	uint32_t type;
	uint32_t receiver;
	uint8_t nonce[WG_COOKIE_NONCE];
	uint8_t cookie_sealed[WG_COOKIE_LEN + WG_TAG_LEN];
};
static_assert(sizeof(struct wg_cookie_reply) == 64, "cookie reply");

struct wg_data {
	uint32_t type;
	uint32_t receiver;
	uint64_t counter;
	uint8_t sealed[];
};
static_assert(sizeof(struct wg_data) == 16, "data header");

#define WG_DATA_MIN (sizeof(struct wg_data) + WG_TAG_LEN) /* a keepalive */

#endif
