/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * NCP's messages as structs, and the payloads of its handshake. docs/ncp.md says what they mean. A
 * zero value of an optional member is an absent one.
 */
#ifndef TP_NCP_MESSAGES_H
#define TP_NCP_MESSAGES_H

#include "ncp_reports.h"
#include "ncp_view.h"

#define TP_NCP_TEXT_SIZE 256

/* The first payload; see noise_ik.h on replays. */
struct tp_ncp_auth {
	uint32_t v;
	uint64_t time; /* the node's clock, unix ms; for diagnosis */
	char auth_key[129];
	char agent[65];
};
extern const struct tp_ncp_table tp_ncp_auth_table;

enum tp_ncp_type {
	TP_NCP_HELLO,
	TP_NCP_SNAPSHOT,
	TP_NCP_DELTA,
	TP_NCP_ACK,
	TP_NCP_JOIN,
	TP_NCP_PUBKEY,
	TP_NCP_ENDPOINT_REPORT, /* "endpoint" */
	TP_NCP_HANDSHAKES,
	TP_NCP_STATS,
	TP_NCP_ERROR,
	TP_NCP_BYE, /* these three are the session's */
	TP_NCP_PING,
	TP_NCP_PONG,
	TP_NCP_N_TYPES,
};

enum tp_ncp_node_kind { TP_NCP_NODE, TP_NCP_GATEWAY, TP_NCP_RELAY };
enum tp_ncp_status { TP_NCP_APPLIED, TP_NCP_FAILED };

struct tp_ncp_hello {
	int kind; /* enum tp_ncp_node_kind */
	char name[TP_NCP_NAME_SIZE];
	uint64_t epoch, revision;	/* what the node has; 0: nothing */
	uint8_t public_key[WG_KEY_LEN]; /* a relay's WireGuard key */
	struct tp_endpoint *endpoints;	/* a relay's public ones, the best first */
	size_t n_endpoints;
};

struct tp_ncp_snapshot {
	uint64_t epoch, revision;
	struct tp_ncp_view view; /* its members are the message's own */
};

/* The changes themselves are JSON: ncp_document.h applies them. */
struct tp_ncp_delta {
	uint64_t epoch, base, revision;
};

struct tp_ncp_ack {
	uint64_t epoch, revision;
	int status; /* enum tp_ncp_status */
	char reason[TP_NCP_TEXT_SIZE];
};

struct tp_ncp_join {
	char network_id[TP_NCP_ID_SIZE];
};

struct tp_ncp_error {
	char code[TP_NCP_NAME_SIZE];
	char message[TP_NCP_TEXT_SIZE];
};

struct tp_ncp_message {
	enum tp_ncp_type type;
	union {
		struct tp_ncp_hello hello;
		struct tp_ncp_snapshot snapshot;
		struct tp_ncp_delta delta;
		struct tp_ncp_ack ack;
		struct tp_ncp_join join;
		struct tp_ncp_pubkey pubkey;
		struct tp_ncp_endpoint endpoint;
		struct tp_ncp_handshakes handshakes;
		struct tp_ncp_stats stats;
		struct tp_ncp_error error;
	};
};

/* 0; -EINVAL with *fault (may be NULL) filled; -ENOTSUP for a type that this version does not know
 * and may ignore; -ENOMEM. On success the lists are the caller's to free. */
int tp_ncp_message_decode(const json_t *msg, struct tp_ncp_message *out,
			  struct tp_ncp_fault *fault);
/* A new reference, or NULL. */
json_t *tp_ncp_message_encode(const struct tp_ncp_message *m);
void tp_ncp_message_fini(struct tp_ncp_message *m);

const char *tp_ncp_type_name(enum tp_ncp_type type);

#endif
