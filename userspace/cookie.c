/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cookie.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"

#define SENDER_AT 4 /* the sender's index in an initiation and in a response alike */

static void derive_key(uint8_t key[WG_KEY_LEN], const char label[8],
		       const uint8_t public_key[WG_KEY_LEN])
{
	const struct tp_span parts[] = {{label, 8}, {public_key, WG_KEY_LEN}};

	tp_hash(key, parts, 2);
}

void tp_mac_keys_init(struct tp_mac_keys *keys, const uint8_t public_key[WG_KEY_LEN])
{
	derive_key(keys->mac1, "mac1----", public_key);
	derive_key(keys->cookie, "cookie--", public_key);
}

/* The MACs at the end of a message, or NULL when it is too short to have any. */
static const struct wg_macs *macs_of(const void *msg, size_t len)
{
	if (len < sizeof(struct wg_response))
		return NULL;
	return (const void *)((const uint8_t *)msg + len - sizeof(struct wg_macs));
}

bool tp_mac1_fits(const struct tp_mac_keys *keys, const void *msg, size_t len)
{
	const struct wg_macs *macs = macs_of(msg, len);
	uint8_t mac1[WG_MAC_LEN];

	if (!macs)
		return false;
	tp_mac(mac1, keys->mac1, WG_KEY_LEN, msg, len - sizeof(*macs));
	return tp_equal(mac1, macs->mac1, WG_MAC_LEN);
}

void tp_mac2_write(const uint8_t *cookie, void *msg, size_t len)
{
	size_t covered = len - WG_MAC_LEN;

	tp_mac((uint8_t *)msg + covered, cookie, WG_COOKIE_LEN, msg, covered);
}

void tp_macs_write(const struct tp_mac_keys *keys, const uint8_t *cookie, void *msg, size_t len)
{
	struct wg_macs *macs = (void *)((uint8_t *)msg + len - sizeof(*macs));

	tp_mac(macs->mac1, keys->mac1, WG_KEY_LEN, msg, len - sizeof(*macs));
	if (cookie)
		tp_mac2_write(cookie, msg, len);
	else
		memset(macs->mac2, 0, sizeof(macs->mac2));
}

void tp_cookie_secret_init(struct tp_cookie_secret *s, uint64_t now)
{
	/* There was no former one: a value that nobody can have a cookie of. */
	tp_random(s->current, sizeof(s->current));
	tp_random(s->former, sizeof(s->former));
	s->born = now;
}

/* Done when the secret is used, so that no timer is needed. */
static void renew(struct tp_cookie_secret *s, uint64_t now)
{
	const uint64_t life = TP_SEC(WG_COOKIE_SECRET_TIME);
	uint64_t age = now - s->born;

	if (age < life)
		return;
	if (age >= 2 * life) {
		tp_cookie_secret_init(s, now);
		return;
	}
	memcpy(s->former, s->current, sizeof(s->former));
	tp_random(s->current, sizeof(s->current));
	/* Not `now`: a late renewal must not lengthen the former one's life. */
	s->born += life;
}

static void make_cookie(uint8_t cookie[WG_COOKIE_LEN], const uint8_t secret[WG_KEY_LEN],
			const struct tp_endpoint *who)
{
	uint8_t source[sizeof(who->addr.b) + sizeof(who->port)];

	memcpy(source, who->addr.b, sizeof(who->addr.b));
	memcpy(source + sizeof(who->addr.b), &who->port, sizeof(who->port));
	tp_mac(cookie, secret, WG_KEY_LEN, source, sizeof(source));
}

static bool fits_under(const uint8_t secret[WG_KEY_LEN], const struct tp_endpoint *from,
		       const void *msg, size_t len)
{
	uint8_t cookie[WG_COOKIE_LEN], mac2[WG_MAC_LEN];
	bool fits;

	make_cookie(cookie, secret, from);
	tp_mac(mac2, cookie, sizeof(cookie), msg, len - WG_MAC_LEN);
	fits = tp_equal(mac2, macs_of(msg, len)->mac2, WG_MAC_LEN);
	tp_wipe(cookie, sizeof(cookie));
	tp_wipe(mac2, sizeof(mac2));
	return fits;
}

bool tp_mac2_fits(struct tp_cookie_secret *s, const struct tp_endpoint *from, const void *msg,
		  size_t len, uint64_t now)
{
	static const uint8_t absent[WG_MAC_LEN];
	const struct wg_macs *macs = macs_of(msg, len);

	/* Most messages of a flood carry none: spare them four MACs. */
	if (!macs || !memcmp(macs->mac2, absent, sizeof(absent)))
		return false;
	renew(s, now);
	return fits_under(s->current, from, msg, len) || fits_under(s->former, from, msg, len);
}

void tp_cookie_reply(struct tp_cookie_secret *s, const struct tp_mac_keys *keys,
		     const struct tp_endpoint *to, const void *msg, size_t len, uint64_t now,
		     struct wg_cookie_reply *reply)
{
	const struct wg_macs *macs = macs_of(msg, len);
	uint8_t cookie[WG_COOKIE_LEN];

	renew(s, now);
	make_cookie(cookie, s->current, to);
	reply->type = htole32(WG_COOKIE_REPLY);
	memcpy(&reply->receiver, (const uint8_t *)msg + SENDER_AT, sizeof(reply->receiver));
	tp_random(reply->nonce, sizeof(reply->nonce));
	tp_xseal(reply->cookie_sealed, keys->cookie, reply->nonce, cookie, sizeof(cookie),
		 macs->mac1, WG_MAC_LEN);
	tp_wipe(cookie, sizeof(cookie));
}

int tp_cookie_open(const struct tp_mac_keys *keys, const uint8_t mac1[WG_MAC_LEN],
		   const struct wg_cookie_reply *reply, uint8_t cookie[WG_COOKIE_LEN])
{
	memset(cookie, 0, WG_COOKIE_LEN);
	if (reply->type != htole32(WG_COOKIE_REPLY))
		return -EBADMSG;
	return tp_xopen(cookie, keys->cookie, reply->nonce, reply->cookie_sealed,
			sizeof(reply->cookie_sealed), mac1, WG_MAC_LEN);
}
