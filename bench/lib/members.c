// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bench/lib/members.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "crypto.h"

/* --- sets of peers --- */

static uint64_t half_key(const json_t *text)
{
	uint8_t key[WG_KEY_LEN];
	uint64_t half;

	if (!json_is_string(text) || tp_key_parse(json_string_value(text), key))
		return 0;
	memcpy(&half, key, sizeof(half));
	return half | 1;
}

/* The place where it is or would be. */
static uint64_t *place_of(const struct peer_set *s, uint64_t key)
{
	uint32_t i = (uint32_t)(key >> 32) & (s->size - 1);

	while (s->keys[i] && s->keys[i] != key)
		i = (i + 1) & (s->size - 1);
	return &s->keys[i];
}

static void set_add(struct peer_set *s, uint64_t key)
{
	uint64_t *place = place_of(s, key);

	s->n += !*place;
	*place = key;
}

static void set_remove(struct peer_set *s, uint64_t key)
{
	uint64_t *place = place_of(s, key), *next;

	if (!*place)
		return;
	*place = 0;
	s->n--;
	/* What stands behind may have been pushed there by it. */
	for (next = place;;) {
		uint64_t moved;

		next = next + 1 < s->keys + s->size ? next + 1 : s->keys;
		moved = *next;
		if (!moved)
			return;
		*next = 0;
		*place_of(s, moved) = moved;
	}
}

/* --- what it is told --- */

static void count_complete(struct member *n, uint32_t before)
{
	uint32_t all = n->all->sizes[n->network] - 1;

	n->all->count.complete += (n->peers.n == all) - (before == all);
}

static void take_peers(struct member *n, const json_t *msg, bool whole)
{
	const json_t *network = json_array_get(json_object_get(msg, "networks"), 0), *entry;
	uint32_t before = n->peers.n;
	size_t i;

	if (whole) {
		memset(n->peers.keys, 0, n->peers.size * sizeof(*n->peers.keys));
		n->peers.n = 0;
	}
	json_array_foreach(json_object_get(network, "removed_peers"), i, entry)
		set_remove(&n->peers, half_key(entry));
	json_array_foreach(json_object_get(network, "peers"), i, entry)
		set_add(&n->peers, half_key(json_object_get(entry, "public_key")));
	count_complete(n, before);
}

static void count_told(struct member *n)
{
	struct members *m = n->all;
	uint64_t now = tp_now();

	m->count.messages++;
	m->count.told += !n->told;
	m->count.first = m->count.first ? m->count.first : now;
	m->count.last = n->told = now;
}

static void send_message(struct member *n, const struct tp_ncp_message *m)
{
	json_t *msg = tp_ncp_message_encode(m);

	if (!msg || tp_ncp_session_send(n->session, msg))
		fprintf(stderr, "member %u cannot send\n", n->number);
	json_decref(msg);
}

static void take_view(struct member *n, const json_t *msg, bool whole)
{
	struct tp_ncp_message ack = {.type = TP_NCP_ACK};

	count_told(n);
	take_peers(n, msg, whole);
	ack.ack.epoch = strtoull(json_string_value(json_object_get(msg, "epoch")), NULL, 16);
	ack.ack.revision = (uint64_t)json_integer_value(json_object_get(msg, "revision"));
	send_message(n, &ack);
	if (n->synced)
		return;
	n->synced = true;
	n->all->count.synced++;
	n->all->under_way--;
	members_connect(n->all);
}

static void answer_invitation(struct member *n, const json_t *msg)
{
	struct tp_ncp_message m = {.type = TP_NCP_PUBKEY, .pubkey.listen_port = 51820};

	snprintf(n->network_id, sizeof(n->network_id), "%s",
		 json_string_value(json_object_get(msg, "network_id")));
	memcpy(m.pubkey.network_id, n->network_id, sizeof(n->network_id));
	memcpy(m.pubkey.public_key, n->wireguard, WG_KEY_LEN);
	send_message(n, &m);
}

static void on_message(void *arg, struct tp_ncp_session *s, const char *type, const json_t *msg)
{
	struct member *n = arg;

	(void)s;
	if (!strcmp(type, "snapshot") || !strcmp(type, "delta")) {
		take_view(n, msg, *type == 's');
	} else if (!strcmp(type, "join")) {
		answer_invitation(n, msg);
	} else if (!strcmp(type, "error")) {
		n->all->refused = true;
		fprintf(stderr, "member %u: %s\n", n->number,
			json_string_value(json_object_get(msg, "message")));
	}
}

/* --- connections --- */

static void say_hello(struct member *n)
{
	struct tp_ncp_message m = {.type = TP_NCP_HELLO, .hello.kind = TP_NCP_NODE};

	snprintf(m.hello.name, sizeof(m.hello.name), "n%u", n->number);
	send_message(n, &m);
}

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	(void)s;
	(void)payload;
	say_hello(arg);
}

/* Somewhere in the next second, as nodes do. */
static void later(struct member *n)
{
	struct timeval tv = {0};
	uint32_t us;

	tp_random(&us, sizeof(us));
	tv.tv_usec = 100000 + us % 900000;
	n->connecting = NULL;
	n->session = NULL;
	if (n->synced)
		n->all->count.synced--;
	n->all->under_way += n->synced; /* it was under way, or is so again */
	n->synced = false;
	event_add(n->again, &tv);
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	(void)s;
	(void)end;
	later(arg);
}

static const struct tp_ncp_session_ops ops = {
	.established = on_established,
	.message = on_message,
	.closed = on_closed,
};

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct member *n = arg;
	json_t *payload;
	int err = -EIO;

	n->connecting = NULL;
	if (!(what & BEV_EVENT_CONNECTED)) {
		bufferevent_free(bev);
		later(n);
		return;
	}
	payload = json_pack("{s:i,s:I,s:s,s:s}", "v", 1, "time", (json_int_t)time(NULL) * 1000,
			    "auth_key", n->all->auth_keys[n->network], "agent", "bench");
	if (payload)
		err = tp_ncp_session_initiate(&n->session, bev, &n->config, n->all->key, payload,
					      n);
	json_decref(payload);
	if (err)
		later(n);
}

static void dial(struct member *n)
{
	struct members *m = n->all;
	struct bufferevent *bev = bufferevent_socket_new(m->base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (!bev) {
		later(n);
		return;
	}
	n->connecting = bev;
	bufferevent_setcb(bev, NULL, NULL, on_event, n);
	if (bufferevent_socket_connect(bev, (const struct sockaddr *)&m->control,
				       sizeof(m->control)) &&
	    n->connecting) {
		bufferevent_free(bev);
		later(n);
	}
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dial(arg);
}

void members_connect(struct members *m)
{
	while (m->next < m->n && m->under_way < m->window) {
		m->under_way++;
		dial(&m->list[m->next++]);
	}
}

/* --- all of them --- */

static uint32_t table_size(uint32_t peers)
{
	uint32_t size = 16;

	while (size < 2 * peers)
		size *= 2;
	return size;
}

static int member_init(struct members *m, struct member *n, uint32_t network)
{
	uint8_t secret[WG_KEY_LEN];

	n->all = m;
	n->number = (uint32_t)(n - m->list);
	n->network = network;
	tp_random(n->wireguard, sizeof(n->wireguard));
	tp_random(secret, sizeof(secret));
	if (tp_noise_identity_init(&n->id, secret))
		return -EINVAL;
	tp_ncp_session_config_node(&n->config);
	n->config.id = &n->id;
	n->config.ops = &ops;
	n->peers.size = table_size(m->sizes[network]);
	n->peers.keys = calloc(n->peers.size, sizeof(*n->peers.keys));
	n->again = event_new(m->base, -1, 0, on_again, n);
	return n->peers.keys && n->again ? 0 : -ENOMEM;
}

int members_new(struct members *m)
{
	int err = 0;

	m->n = 0;
	for (uint32_t i = 0; i < m->n_networks; i++)
		m->n += m->sizes[i];
	m->list = calloc(m->n, sizeof(*m->list));
	if (!m->list)
		return -ENOMEM;
	for (uint32_t network = 0, at = 0; network < m->n_networks; network++)
		for (uint32_t i = 0; !err && i < m->sizes[network]; i++)
			err = member_init(m, &m->list[at++], network);
	return err;
}

void members_mark(struct members *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		m->list[i].told = 0;
	m->count.told = 0;
	m->count.first = m->count.last = m->count.messages = 0;
}

void members_report(struct members *m, uint32_t n, uint64_t unix_ms)
{
	struct member *who = &m->list[0];
	struct tp_ncp_handshake one = {.time = unix_ms};
	struct tp_ncp_message msg = {.type = TP_NCP_HANDSHAKES,
				     .handshakes = {.handshakes = &one, .n_handshakes = 1}};

	if (!who->session || m->n < 2)
		return;
	memcpy(one.network_id, who->network_id, sizeof(one.network_id));
	memcpy(one.public_key, m->list[1].wireguard, WG_KEY_LEN);
	for (; n; n--, one.time += 1000)
		send_message(who, &msg);
	say_hello(who);
}
