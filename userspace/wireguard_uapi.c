// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wireguard_uapi.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"

/* More than the largest device can fill: 65,536 peers with 50 prefixes each. */
#define ANSWER_MAX (256u << 20)

#define HEX_LEN (2 * WG_KEY_LEN)

/* --- what is sent --- */

/* Longest text of the device, of a peer, of a prefix. */
#define DEVICE_ROOM 256
#define PEER_ROOM   384
#define PREFIX_ROOM (sizeof("allowed_ip=\n") + TP_ADDR_STRLEN)

struct text {
	char *buf;
	size_t len, size;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, args);
	va_end(args);
	t->len += (size_t)n;
}

static void put_key(struct text *t, const char *name, const uint8_t key[WG_KEY_LEN])
{
	put(t, "%s=", name);
	for (size_t i = 0; i < WG_KEY_LEN; i++)
		put(t, "%02x", key[i]);
	put(t, "\n");
}

static void put_device(struct text *t, const struct tp_wireguard_device_change *device)
{
	if (device->private_key)
		put_key(t, "private_key", device->private_key);
	if (device->listen_port >= 0)
		put(t, "listen_port=%" PRId32 "\n", device->listen_port);
	if (device->fwmark >= 0)
		put(t, "fwmark=%" PRId64 "\n", device->fwmark);
}

static void put_peer(struct text *t, const struct tp_wireguard_peer_change *peer)
{
	char buf[TP_ADDR_STRLEN];

	put_key(t, "public_key", peer->public_key);
	if (peer->remove) {
		put(t, "remove=true\n");
		return;
	}
	if (peer->update_only)
		put(t, "update_only=true\n");
	if (peer->preshared_key)
		put_key(t, "preshared_key", peer->preshared_key);
	if (peer->endpoint.port)
		put(t, "endpoint=%s\n", tp_endpoint_format(&peer->endpoint, buf));
	if (peer->keepalive >= 0)
		put(t, "persistent_keepalive_interval=%" PRId32 "\n", peer->keepalive);
	for (size_t i = 0; i < peer->n_allowed; i++)
		put(t, "allowed_ip=%s/%u\n", tp_addr_format(&peer->allowed[i].addr, buf),
		    peer->allowed[i].bits);
}

char *tp_wireguard_uapi_text(const struct tp_wireguard_plan *plan, size_t *len)
{
	struct text t = {.size = DEVICE_ROOM + plan->n_peers * PEER_ROOM +
				 plan->n_prefixes * PREFIX_ROOM};

	*len = 0;
	t.buf = malloc(t.size);
	if (!t.buf)
		return NULL;
	put(&t, "set=1\n");
	put_device(&t, &plan->device);
	for (size_t i = 0; i < plan->n_peers; i++)
		put_peer(&t, &plan->peers[i]);
	put(&t, "\n");
	*len = t.len;
	return t.buf;
}

void tp_wireguard_uapi_free(char *text, size_t len)
{
	if (text)
		tp_wipe(text, len);
	free(text);
}

/* --- values --- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_key(const char *value, uint8_t key[WG_KEY_LEN])
{
	int high, low;

	if (strlen(value) != HEX_LEN)
		return -EBADMSG;
	for (size_t i = 0; i < WG_KEY_LEN; i++) {
		high = hex_digit(value[2 * i]);
		low = hex_digit(value[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EBADMSG;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int read_number(const char *value, uint64_t max, uint64_t *out)
{
	char *end;

	if (*value < '0' || *value > '9')
		return -EBADMSG;
	errno = 0;
	*out = strtoull(value, &end, 10);
	return *end || errno || *out > max ? -EBADMSG : 0;
}

/* An IPv6 endpoint may name its zone, which addresses here have no room for: it is left out. */
static int read_endpoint(const char *value, struct tp_endpoint *out)
{
	char buf[sizeof(((struct tp_wireguard_uapi_reader *)0)->line)];
	const char *zone = strchr(value, '%'), *bracket = strchr(value, ']');

	if (zone && bracket && zone < bracket)
		snprintf(buf, sizeof(buf), "%.*s%s", (int)(zone - value), value, bracket);
	else
		snprintf(buf, sizeof(buf), "%s", value);
	return tp_endpoint_parse(buf, out) ? -EBADMSG : 0;
}

/* --- lines --- */

static int tell_device(struct tp_wireguard_uapi_reader *r)
{
	if (r->device_told)
		return 0;
	r->device_told = true;
	return r->sink->device(r->sink->ctx, &r->device);
}

static int tell_peer(struct tp_wireguard_uapi_reader *r)
{
	int err;

	if (!r->in_peer)
		return 0;
	r->in_peer = false;
	r->peer.stats.last_handshake = TP_SEC(r->handshake_s) + r->handshake_ns;
	err = r->sink->peer(r->sink->ctx, &r->peer);
	tp_wipe(&r->peer, sizeof(r->peer));
	r->handshake_s = r->handshake_ns = 0;
	return err;
}

static int begin_peer(struct tp_wireguard_uapi_reader *r, const char *value)
{
	int err = tell_device(r) ?: tell_peer(r);

	r->in_peer = true;
	return err ?: read_key(value, r->peer.stats.public_key);
}

static int read_allowed(struct tp_wireguard_uapi_reader *r, const char *value)
{
	struct tp_wireguard_prefix prefix;
	unsigned int bits;

	if (!strchr(value, '/') || tp_addr_parse_cidr(value, &prefix.addr, &bits))
		return -EBADMSG;
	prefix.bits = (uint8_t)bits;
	return r->sink->allowed(r->sink->ctx, r->peer.stats.public_key, &prefix);
}

static int device_line(struct tp_wireguard_uapi_reader *r, const char *key, const char *value)
{
	uint64_t number;
	int err = 0;

	if (!strcmp(key, "private_key"))
		return read_key(value, r->device.private_key);
	if (!strcmp(key, "listen_port")) {
		err = read_number(value, UINT16_MAX, &number);
		r->device.listen_port = err ? 0 : (uint16_t)number;
	} else if (!strcmp(key, "fwmark")) {
		err = read_number(value, UINT32_MAX, &number);
		r->device.fwmark = err ? 0 : (uint32_t)number;
	}
	return err;
}

static int peer_line(struct tp_wireguard_uapi_reader *r, const char *key, const char *value)
{
	uint64_t number;
	int err;

	if (!strcmp(key, "preshared_key"))
		return read_key(value, r->peer.preshared_key);
	if (!strcmp(key, "endpoint"))
		return read_endpoint(value, &r->peer.stats.endpoint);
	if (!strcmp(key, "allowed_ip"))
		return read_allowed(r, value);
	if (!strcmp(key, "last_handshake_time_sec"))
		return read_number(value, UINT64_MAX / TP_NS_PER_SEC - 1, &r->handshake_s);
	if (!strcmp(key, "last_handshake_time_nsec"))
		return read_number(value, TP_NS_PER_SEC - 1, &r->handshake_ns);
	if (!strcmp(key, "rx_bytes"))
		return read_number(value, UINT64_MAX, &r->peer.stats.rx_bytes);
	if (!strcmp(key, "tx_bytes"))
		return read_number(value, UINT64_MAX, &r->peer.stats.tx_bytes);
	if (strcmp(key, "persistent_keepalive_interval"))
		return 0; /* protocol_version, and what later versions will add */
	err = read_number(value, UINT16_MAX, &number);
	r->peer.keepalive = err ? 0 : (uint16_t)number;
	return err;
}

/* Some versions print the number as the kernel would return it. */
static int read_status(struct tp_wireguard_uapi_reader *r, const char *value)
{
	uint64_t number;

	if (r->has_status || read_number(*value == '-' ? value + 1 : value, 4095, &number))
		return -EBADMSG;
	r->has_status = true;
	r->status = (int64_t)number;
	return r->sink ? tell_device(r) ?: tell_peer(r) : 0;
}

static int take_line(struct tp_wireguard_uapi_reader *r)
{
	char *value = strchr(r->line, '=');

	if (!value || r->has_status)
		return -EBADMSG;
	*value++ = '\0';
	if (!strcmp(r->line, "errno"))
		return read_status(r, value);
	if (!r->sink)
		return -EBADMSG;
	if (!strcmp(r->line, "public_key"))
		return begin_peer(r, value);
	return r->in_peer ? peer_line(r, r->line, value) : device_line(r, r->line, value);
}

/* --- pieces --- */

void tp_wireguard_uapi_init(struct tp_wireguard_uapi_reader *reader,
			    const struct tp_wireguard_sink *sink)
{
	memset(reader, 0, sizeof(*reader));
	reader->sink = sink;
}

void tp_wireguard_uapi_fini(struct tp_wireguard_uapi_reader *reader)
{
	tp_wipe(reader, sizeof(*reader));
}

/* 1 after a line that is not the last. */
static int end_line(struct tp_wireguard_uapi_reader *r)
{
	int err;

	if (!r->len)
		return r->has_status ? -(int)r->status : -EBADMSG;
	r->line[r->len] = '\0';
	r->len = 0;
	err = take_line(r);
	return err ? err : 1;
}

int tp_wireguard_uapi_feed(struct tp_wireguard_uapi_reader *reader, const char *data, size_t len)
{
	int err = 1;

	reader->total += len;
	if (reader->total > ANSWER_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < len && err == 1; i++) {
		if (data[i] == '\n') {
			err = end_line(reader);
			continue;
		}
		if (!data[i] || reader->len == sizeof(reader->line) - 1)
			return -EBADMSG;
		reader->line[reader->len++] = data[i];
	}
	return err;
}
