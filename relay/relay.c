/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "relay/budget.h"
#include "relay/datapath.h"
#include "relay/flows.h"
#include "relay/forward.h"
#include "relay/handshake.h"
#include "relay/pending.h"
#include "relay/probe.h"
#include "relay/register.h"
#include "relay/relay.h"
#include "relay/stun.h"
#include "relay/tunnel.h"

#define STUN_PREFIX_V4 24
#define STUN_PREFIX_V6 56
#define STUN_REPLY_MAX 512

void relay_count(struct relay *r, enum tp_reason why, size_t len)
{
	r->reasons[why].packets++;
	r->reasons[why].bytes += len;
}

/* --- packets --- */

static uint64_t *stun_budget(struct relay *r, const struct tp_addr *from)
{
	struct tp_addr prefix =
		tp_addr_prefix(from, tp_addr_is_v4(from) ? STUN_PREFIX_V4 : STUN_PREFIX_V6);

	return &r->stun_budget[tp_siphash(&prefix, sizeof(prefix)) % RELAY_PAIR_BUCKETS];
}

static void receive_stun(struct relay *r, const struct packet *p)
{
	uint32_t rate = r->config->limits.stun_per_prefix;
	uint8_t reply[STUN_REPLY_MAX];
	size_t len;

	if (!rate) {
		relay_count(r, TP_DROP_not_wireguard, p->len);
		return;
	}
	if (!budget_take(stun_budget(r, &p->from->addr), (struct budget_rate){rate, rate}, 1,
			 p->now)) {
		relay_count(r, TP_DROP_stun_rate, p->len);
		return;
	}
	len = relay_stun_reply(p->data, p->len, p->from, reply, sizeof(reply));
	if (len)
		r->ops->answer(r->ops_ctx, p, reply, len);
	relay_count(r, len ? TP_ANSWER_stun : TP_DROP_stun_malformed, p->len);
}

static bool is_stun(const struct packet *p)
{
	static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};

	return p->len >= 20 && p->data[0] < 4 && !memcmp(p->data + 4, cookie, sizeof(cookie));
}

/* A copy, because the relay may rewrite mac2, and because a datagram out of a batch is not aligned.
 */
static void receive_handshake(struct relay *r, const struct packet *p, size_t size,
			      void (*handle)(struct relay *r, const struct packet *p, void *msg))
{
	union {
		struct wg_initiation initiation;
		struct wg_response response;
		struct wg_cookie_reply cookie;
		uint8_t bytes[sizeof(struct wg_initiation)];
	} msg;
	struct packet copy = *p;

	if (p->len != size) {
		relay_count(r, TP_DROP_malformed, p->len);
		return;
	}
	memcpy(&msg, p->data, size);
	copy.data = msg.bytes;
	handle(r, &copy, &msg);
}

static void receive_data(struct relay *r, const struct packet *p)
{
	struct own_session *s;
	uint32_t index;

	if (p->len < WG_DATA_MIN) {
		relay_count(r, TP_DROP_malformed, p->len);
		return;
	}
	memcpy(&index, p->data + offsetof(struct wg_data, receiver), sizeof(index));
	/* A node may have chosen for itself an index that is also the relay's. */
	s = flow_find(r, p->from, index) ? NULL : own_session_find(r, index);
	if (s)
		tunnel_receive(r, p, s);
	else
		forward_data(r, p);
}

void relay_receive(struct relay *r, const struct packet *p)
{
	uint32_t type = 0;

	if (p->len >= sizeof(type) && !p->stun_only)
		memcpy(&type, p->data, sizeof(type));
	switch (le32toh(type)) {
	case WG_INITIATION:
		receive_handshake(r, p, sizeof(struct wg_initiation), handshake_initiation);
		return;
	case WG_RESPONSE:
		receive_handshake(r, p, sizeof(struct wg_response), handshake_response);
		return;
	case WG_COOKIE_REPLY:
		receive_handshake(r, p, sizeof(struct wg_cookie_reply), handshake_cookie);
		return;
	case WG_DATA: receive_data(r, p); return;
	}
	if (is_stun(p))
		receive_stun(r, p);
	else
		relay_count(r, TP_DROP_not_wireguard, p->len);
}

/* --- time --- */

void relay_tick(struct relay *r, uint64_t now)
{
	pendings_tick(r, now);
	own_sessions_tick(r, now);
	flows_tick(r, now);
}

void relay_tick_probes(struct relay *r, uint64_t now)
{
	probes_tick(r, now);
}

/* --- life --- */

void relay_adopt(struct relay *r, uint64_t now)
{
	nodes_adopt(r, now);
	flows_adopt(r, now);
	own_sessions_adopt(r, now);
}

int relay_reload(struct relay *r, const struct relay_config *config, uint64_t now)
{
	int err = nodes_check(r, config);

	if (!err)
		err = nodes_configure(r, config, now);
	if (!err)
		r->config = config;
	return err;
}

int relay_new(struct relay **out, const struct relay_config *config,
	      const uint8_t secret[WG_KEY_LEN], struct relay_datapath *dp,
	      struct relay_nexthops *nexthops, const struct relay_ops *ops, void *ops_ctx,
	      uint64_t now)
{
	struct relay *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	*out = NULL;
	if (!r)
		return err;
	r->config = config;
	r->dp = dp;
	r->nexthops = nexthops;
	r->ops = ops;
	r->ops_ctx = ops_ctx;
	r->started = now;
	err = tp_noise_identity_init(&r->identity, secret);
	if (err)
		goto out;
	tp_mac_keys_init(&r->macs, r->identity.public_key);
	tp_cookie_secret_init(&r->cookie_secret, now);
	if ((err = nodes_new(r)) || (err = flows_new(r)) || (err = pendings_new(r)) ||
	    (err = own_sessions_new(r)) || (err = probes_new(r)) ||
	    (err = nodes_configure(r, config, now)))
		goto out;
	*out = r;
	return 0;
out:
	relay_free(r);
	return err;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	/* Flows and sessions first: what is pinned must not be taken back with their nodes. */
	flows_free(r);
	own_sessions_free(r);
	pendings_free(r);
	probes_free(r);
	nodes_free(r);
	tp_noise_identity_wipe(&r->identity);
	tp_wipe(&r->cookie_secret, sizeof(r->cookie_secret));
	free(r);
}
