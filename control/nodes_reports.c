// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/nodes_reports.h"

#include "control/nodes_private.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/events.h"
#include "control/relay.h"

/* --- a relay --- */

static int relay_of(struct ctl_store *s, const char *device, char id[CTL_ID_LEN],
		    struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT id FROM relay WHERE device = ?", "t", device);
	int got = ctl_db_step(db, q);

	if (got == 1)
		ctl_db_copy(q, 0, id, CTL_ID_LEN);
	ctl_db_done(q);
	return got == 1 ? 0
	       : got	? ctl_fail_db(err, got, "relay")
			: ctl_fail(err, CTL_NOT_FOUND, "the device is no relay any more");
}

int ctl_nodes_hello(struct ctl_store *s, const struct ctl_device *d,
		    const struct tp_ncp_hello *hello, struct ctl_error *err)
{
	static const uint8_t none[WG_KEY_LEN];
	char texts[CTL_RELAY_ENDPOINTS][TP_ADDR_STRLEN], id[CTL_ID_LEN];
	const char *endpoints[CTL_RELAY_ENDPOINTS];
	size_t n = 0;

	if (d->kind != CTL_RELAY || !memcmp(hello->public_key, none, sizeof(none)))
		return 0;
	if (relay_of(s, d->id, id, err))
		return -1;
	for (; n < hello->n_endpoints && n < CTL_RELAY_ENDPOINTS; n++)
		endpoints[n] = tp_endpoint_format(&hello->endpoints[n], texts[n]);
	return ctl_relay_report(s, id, hello->public_key, endpoints, n, err);
}

/* --- reports --- */

static int pubkey(struct ctl_store *s, const struct ctl_device *d, const struct tp_ncp_pubkey *p,
		  struct ctl_error *err)
{
	char text[TP_ADDR_STRLEN];
	struct ctl_peer peer;

	if (ctl_peer_key(s, p->network_id, d->id, p->public_key, p->listen_port, &peer, err))
		return -1;
	return p->endpoint.port
		       ? ctl_peer_endpoint(s, p->network_id, d->id,
					   tp_endpoint_format(&p->endpoint, text), false, err)
		       : 0;
}

/* The device whose key this is in the network, of those that the reporter has to do with: another
 * member's for a relay that serves the network. */
static int device_of_key(struct ctl_store *s, const char *network, const uint8_t key[32],
			 char device[CTL_ID_LEN], struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT device FROM peer WHERE network = ? AND public_key = ?",
			     "tk", network, key);
	int got = ctl_db_step(db, q);

	if (got == 1)
		ctl_db_copy(q, 0, device, CTL_ID_LEN);
	ctl_db_done(q);
	return got == 1 ? 0
	       : got	? ctl_fail_db(err, got, "peer")
		     : ctl_fail(err, CTL_NOT_FOUND, "no peer has this key in network %s", network);
}

static int endpoint(struct ctl_store *s, const struct ctl_device *d,
		    const struct tp_ncp_endpoint *e, struct ctl_error *err)
{
	static const uint8_t own[WG_KEY_LEN];
	const char *network = e->network_id, *device = d->id;
	char text[TP_ADDR_STRLEN];
	struct ctl_served node;

	if (memcmp(e->public_key, own, sizeof(own)) != 0) {
		if (ctl_relay_served(s, d->id, e->public_key, &node, err))
			return -1;
		network = node.network;
		device = node.device;
	}
	return ctl_peer_endpoint(s, network, device, tp_endpoint_format(&e->endpoint, text), false,
				 err);
}

/* Whom a relay's word on a handshake is about: any node that it serves. */
static int served(struct ctl_store *s, const struct ctl_device *d, const uint8_t key[32],
		  struct ctl_served *out, struct ctl_error *err)
{
	if (!ctl_relay_served(s, d->id, key, out, err))
		return 0;
	if (err->code == CTL_PERMISSION_DENIED) /* removed meanwhile, or never its own */
		ctl_fail(err, CTL_NOT_FOUND, "no node of this relay's");
	return -1;
}

/* Whom a member's is about: another one of a network that it is in. */
static int fellow(struct ctl_store *s, const struct ctl_device *d, const struct tp_ncp_handshake *h,
		  struct ctl_served *out, struct ctl_error *err)
{
	struct ctl_peer self;

	if (ctl_peer_get(s, NULL, h->network_id, d->id, &self, err)) {
		if (err->code == CTL_NOT_FOUND)
			ctl_fail(err, CTL_PERMISSION_DENIED, "it is not in network %s",
				 h->network_id);
		return -1;
	}
	snprintf(out->network, sizeof(out->network), "%s", h->network_id);
	return device_of_key(s, h->network_id, h->public_key, out->device, err);
}

static int handshakes(struct ctl_store *s, const struct ctl_device *d,
		      const struct tp_ncp_handshakes *h, struct ctl_error *err)
{
	struct ctl_served who;

	for (size_t i = 0; i < h->n_handshakes; i++) {
		const struct tp_ncp_handshake *one = &h->handshakes[i];

		if (d->kind == CTL_RELAY ? served(s, d, one->public_key, &who, err)
					 : fellow(s, d, one, &who, err)) {
			if (err->code != CTL_NOT_FOUND)
				return -1;
			continue; /* removed meanwhile, or a relay's */
		}
		if (ctl_peer_handshake(s, who.network, who.device, (int64_t)(one->time / 1000),
				       err))
			return -1;
	}
	return 0;
}

static int report(struct ctl_store *s, const struct ctl_device *d, const struct tp_ncp_message *m,
		  struct ctl_error *err)
{
	switch (m->type) {
	case TP_NCP_PUBKEY: return pubkey(s, d, &m->pubkey, err);
	case TP_NCP_ENDPOINT_REPORT: return endpoint(s, d, &m->endpoint, err);
	case TP_NCP_HANDSHAKES: return handshakes(s, d, &m->handshakes, err);
	default: return ctl_fail(err, CTL_INVALID_ARGUMENT, "nodes do not send this");
	}
}

int ctl_nodes_report(struct ctl_store *s, const struct ctl_device *d,
		     const struct tp_ncp_message *m, struct ctl_error *err)
{
	char actor[CTL_NAME_LEN + 8];

	snprintf(actor, sizeof(actor), "device:%s", d->name);
	if (ctl_begin(s, actor, err))
		return -1;
	if (report(s, d, m, err)) {
		ctl_rollback(s);
		return -1;
	}
	return ctl_commit(s, err);
}

void ctl_nodes_event(struct ctl_store *s, const struct ctl_device *d, const char *action,
		     json_t *details)
{
	char actor[CTL_NAME_LEN + 8], *text = json_dumps(details, JSON_COMPACT);
	const struct ctl_event event = {.time = ctl_now(s),
					.tenant = d->tenant,
					.actor = actor,
					.action = action,
					.object = d->id,
					.details = text ? text : "{}"};

	snprintf(actor, sizeof(actor), "device:%s", d->name);
	ctl_events_add(ctl_store_events(s), &event);
	free(text);
	json_decref(details);
}
