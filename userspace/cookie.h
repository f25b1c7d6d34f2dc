/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mac1, mac2 and cookies (whitepaper 5.4.4 and 5.4.7). Every key here derives from a *public* key,
 * so whoever knows a node's public key can check whom a message is for, challenge in its name and
 * read a cookie it sent. That is what the relay routes by.
 */
#ifndef TP_COOKIE_H
#define TP_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "messages.h"

/* Derived from one public key. */
struct tp_mac_keys {
	uint8_t mac1[WG_KEY_LEN];   /* HASH("mac1----" || public key) */
	uint8_t cookie[WG_KEY_LEN]; /* HASH("cookie--" || public key) */
};

void tp_mac_keys_init(struct tp_mac_keys *keys, const uint8_t public_key[WG_KEY_LEN]);

/* `msg` is a whole initiation or response of `len` bytes; its last 32 are the MACs. */
bool tp_mac1_fits(const struct tp_mac_keys *keys, const void *msg, size_t len);
/* Writes mac1, and mac2 with `cookie`, or zeros when it is NULL. */
void tp_macs_write(const struct tp_mac_keys *keys, const uint8_t *cookie, void *msg, size_t len);
/* Writes only mac2: someone else made the message. */
void tp_mac2_write(const uint8_t *cookie, void *msg, size_t len);

/* The secret that this host's cookies come from; renewed every WG_COOKIE_SECRET_TIME, the former
 * one stays good for as long again. */
struct tp_cookie_secret {
	uint8_t current[WG_KEY_LEN], former[WG_KEY_LEN];
	uint64_t born; /* ns */
};

void tp_cookie_secret_init(struct tp_cookie_secret *s, uint64_t now);
/* Does mac2 prove that `from` has received a cookie of ours? */
bool tp_mac2_fits(struct tp_cookie_secret *s, const struct tp_endpoint *from, const void *msg,
		  size_t len, uint64_t now);
/* Cookie reply to the initiation or response `msg`, in the name of the key that `keys` comes from.
 */
void tp_cookie_reply(struct tp_cookie_secret *s, const struct tp_mac_keys *keys,
		     const struct tp_endpoint *to, const void *msg, size_t len, uint64_t now,
		     struct wg_cookie_reply *reply);

/* Opens a cookie sent in the name of `keys` in answer to a message whose mac1 was `mac1`.
 * 0 or -EBADMSG. */
int tp_cookie_open(const struct tp_mac_keys *keys, const uint8_t mac1[WG_MAC_LEN],
		   const struct wg_cookie_reply *reply, uint8_t cookie[WG_COOKIE_LEN]);

#endif
