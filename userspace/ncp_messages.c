/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ncp_messages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ncp_table.h"

#define MILLISECONDS TP_NCP_MAX_INT
#define REVISION_MAX TP_NCP_MAX_INT

static const char *const node_kinds[] = {"node", "gateway", "relay", NULL};
static const char *const statuses[] = {"applied", "failed", NULL};

#define S struct tp_ncp_auth
static const struct tp_ncp_field auth_fields[] = {
	INTEGER(S, v, 1, UINT32_MAX, true),
	INTEGER(S, time, 0, MILLISECONDS, true),
	SCALAR(S, auth_key, TP_NCP_TEXT, false),
	SCALAR(S, agent, TP_NCP_TEXT, true),
};
#undef S
TABLE(tp_ncp_auth_table, struct tp_ncp_auth, auth_fields, NULL);

#define S struct tp_ncp_hello
static const struct tp_ncp_field hello_fields[] = {
	WORD(S, kind, node_kinds, true),	  SCALAR(S, name, TP_NCP_NAME, false),
	SCALAR(S, epoch, TP_NCP_EPOCH, false),	  INTEGER(S, revision, 0, REVISION_MAX, false),
	SCALAR(S, public_key, TP_NCP_KEY, false), SCALARS(S, endpoints, TP_NCP_ENDPOINT, false),
};
#undef S
static TABLE(hello_table, struct tp_ncp_hello, hello_fields, NULL);

#define S struct tp_ncp_snapshot
static const struct tp_ncp_field snapshot_fields[] = {
	SCALAR(S, epoch, TP_NCP_EPOCH, true),
	INTEGER(S, revision, 0, REVISION_MAX, true),
};
#undef S
static TABLE(snapshot_table, struct tp_ncp_snapshot, snapshot_fields, NULL);

#define S struct tp_ncp_delta
static const struct tp_ncp_field delta_fields[] = {
	SCALAR(S, epoch, TP_NCP_EPOCH, true),
	INTEGER(S, base, 0, REVISION_MAX, true),
	INTEGER(S, revision, 1, REVISION_MAX, true),
};
#undef S
static TABLE(delta_table, struct tp_ncp_delta, delta_fields, NULL);

#define S struct tp_ncp_ack
static const struct tp_ncp_field ack_fields[] = {
	SCALAR(S, epoch, TP_NCP_EPOCH, true),
	INTEGER(S, revision, 0, REVISION_MAX, true),
	WORD(S, status, statuses, true),
	SCALAR(S, reason, TP_NCP_TEXT, false),
};
#undef S
static TABLE(ack_table, struct tp_ncp_ack, ack_fields, NULL);

#define S struct tp_ncp_join
static const struct tp_ncp_field join_fields[] = {
	SCALAR(S, network_id, TP_NCP_ID, true),
};
#undef S
static TABLE(join_table, struct tp_ncp_join, join_fields, NULL);

#define S struct tp_ncp_pubkey
static const struct tp_ncp_field pubkey_fields[] = {
	SCALAR(S, network_id, TP_NCP_ID, true),
	SCALAR(S, public_key, TP_NCP_KEY, true),
	SCALAR(S, endpoint, TP_NCP_ENDPOINT, false),
	INTEGER(S, listen_port, 0, 65535, false),
};
#undef S
static TABLE(pubkey_table, struct tp_ncp_pubkey, pubkey_fields, NULL);

#define S struct tp_ncp_endpoint
static const struct tp_ncp_field endpoint_fields[] = {
	SCALAR(S, network_id, TP_NCP_ID, false),
	SCALAR(S, endpoint, TP_NCP_ENDPOINT, true),
	SCALAR(S, public_key, TP_NCP_KEY, false),
};
#undef S
static TABLE(endpoint_table, struct tp_ncp_endpoint, endpoint_fields, NULL);

#define S struct tp_ncp_handshake
static const struct tp_ncp_field handshake_fields[] = {
	SCALAR(S, network_id, TP_NCP_ID, false),
	SCALAR(S, public_key, TP_NCP_KEY, true),
	INTEGER(S, time, 1, MILLISECONDS, true),
};
#undef S
static TABLE(handshake_table, struct tp_ncp_handshake, handshake_fields, NULL);

#define S struct tp_ncp_handshakes
static const struct tp_ncp_field handshakes_fields[] = {
	OBJECTS(S, handshakes, handshake_table, true),
};
#undef S
static TABLE(handshakes_table, struct tp_ncp_handshakes, handshakes_fields, NULL);

#define S struct tp_ncp_traffic
static const struct tp_ncp_field traffic_fields[] = {
	INTEGER(S, time, 1, MILLISECONDS, true),      INTEGER(S, nodes, 0, UINT32_MAX, true),
	INTEGER(S, online, 0, UINT32_MAX, true),      INTEGER(S, flows, 0, TP_NCP_MAX_INT, true),
	INTEGER(S, packets, 0, TP_NCP_MAX_INT, true), INTEGER(S, bytes, 0, TP_NCP_MAX_INT, true),
	INTEGER(S, dropped, 0, TP_NCP_MAX_INT, true),
};
#undef S
static TABLE(traffic_table, struct tp_ncp_traffic, traffic_fields, NULL);

#define S struct tp_ncp_stats
static const struct tp_ncp_field stats_fields[] = {
	OBJECT(S, traffic, traffic_table, false),
	OBJECTS(S, paths, tp_ncp_path_table, false),
};
#undef S
static TABLE(stats_table, struct tp_ncp_stats, stats_fields, NULL);

#define S struct tp_ncp_error
static const struct tp_ncp_field error_fields[] = {
	SCALAR(S, code, TP_NCP_TEXT, true),
	SCALAR(S, message, TP_NCP_TEXT, true),
};
#undef S
static TABLE(error_table, struct tp_ncp_error, error_fields, NULL);

static const struct tp_ncp_table nothing_table = {.size = 0};

static const struct {
	const char *name;
	const struct tp_ncp_table *table;
} types[TP_NCP_N_TYPES] = {
	[TP_NCP_HELLO] = {"hello", &hello_table},
	[TP_NCP_SNAPSHOT] = {"snapshot", &snapshot_table},
	[TP_NCP_DELTA] = {"delta", &delta_table},
	[TP_NCP_ACK] = {"ack", &ack_table},
	[TP_NCP_JOIN] = {"join", &join_table},
	[TP_NCP_PUBKEY] = {"pubkey", &pubkey_table},
	[TP_NCP_ENDPOINT_REPORT] = {"endpoint", &endpoint_table},
	[TP_NCP_HANDSHAKES] = {"handshakes", &handshakes_table},
	[TP_NCP_STATS] = {"stats", &stats_table},
	[TP_NCP_ERROR] = {"error", &error_table},
	[TP_NCP_BYE] = {"bye", &nothing_table},
	[TP_NCP_PING] = {"ping", &nothing_table},
	[TP_NCP_PONG] = {"pong", &nothing_table},
};

const char *tp_ncp_type_name(enum tp_ncp_type type)
{
	return type < TP_NCP_N_TYPES ? types[type].name : "unknown";
}

/* All bodies begin where the first one does. */
static void *body_of(struct tp_ncp_message *m)
{
	return &m->hello;
}

/* TP_NCP_N_TYPES: not known. */
static enum tp_ncp_type find_type(const char *name)
{
	int type = 0;

	while (type < TP_NCP_N_TYPES && strcmp(types[type].name, name) != 0)
		type++;
	return (enum tp_ncp_type)type;
}

static int decode_body(const json_t *msg, struct tp_ncp_message *out, struct tp_ncp_fault *fault)
{
	int err = tp_ncp_decode(types[out->type].table, msg, body_of(out), fault);

	if (!err && out->type == TP_NCP_SNAPSHOT)
		err = tp_ncp_decode(&tp_ncp_view_table, msg, &out->snapshot.view, fault);
	return err;
}

static int check_delta(const struct tp_ncp_delta *d, struct tp_ncp_fault *fault)
{
	if (d->revision > d->base)
		return 0;
	if (fault)
		snprintf(fault->text, sizeof(fault->text), "revision: is not after base");
	return -EINVAL;
}

int tp_ncp_message_decode(const json_t *msg, struct tp_ncp_message *out, struct tp_ncp_fault *fault)
{
	const char *type = json_string_value(json_object_get(msg, "type"));
	int err;

	memset(out, 0, sizeof(*out));
	if (!type) {
		if (fault)
			snprintf(fault->text, sizeof(fault->text), "type: is missing");
		return -EINVAL;
	}
	out->type = find_type(type);
	if (out->type == TP_NCP_N_TYPES)
		return -ENOTSUP;
	err = decode_body(msg, out, fault);
	if (!err && out->type == TP_NCP_DELTA)
		err = check_delta(&out->delta, fault);
	return err;
}

json_t *tp_ncp_message_encode(const struct tp_ncp_message *m)
{
	json_t *msg = json_pack("{s:s}", "type", types[m->type].name);
	json_t *body = tp_ncp_encode(types[m->type].table, &m->hello), *view = NULL;
	bool bad = json_object_update(msg, body);

	if (m->type == TP_NCP_SNAPSHOT) {
		view = tp_ncp_encode(&tp_ncp_view_table, &m->snapshot.view);
		bad = bad || json_object_update(msg, view);
	}
	json_decref(body);
	json_decref(view);
	if (!bad)
		return msg;
	json_decref(msg);
	return NULL;
}

void tp_ncp_message_fini(struct tp_ncp_message *m)
{
	if (m->type >= TP_NCP_N_TYPES)
		return;
	tp_ncp_free_lists(types[m->type].table, body_of(m));
	if (m->type == TP_NCP_SNAPSHOT)
		tp_ncp_free_lists(&tp_ncp_view_table, &m->snapshot.view);
}
