/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a node reports to control: a part of ncp_messages.h. */
#ifndef TP_NCP_REPORTS_H
#define TP_NCP_REPORTS_H

#include "ncp_view.h"

struct tp_ncp_pubkey {
	char network_id[TP_NCP_ID_SIZE];
	uint8_t public_key[WG_KEY_LEN];
	struct tp_endpoint endpoint;
	uint16_t listen_port; /* the real one */
};

struct tp_ncp_endpoint {
	char network_id[TP_NCP_ID_SIZE]; /* of the sender's own; a relay's node is known by its key
					  */
	struct tp_endpoint endpoint;
	uint8_t public_key[WG_KEY_LEN]; /* a relay's report on this node; zero: the sender's own */
};

struct tp_ncp_handshake {
	char network_id[TP_NCP_ID_SIZE]; /* "": a relay's node is known by its key */
	uint8_t public_key[WG_KEY_LEN];
	uint64_t time; /* unix ms */
};

struct tp_ncp_handshakes {
	struct tp_ncp_handshake *handshakes;
	size_t n_handshakes;
};

/* A relay's, as in `turnpike relay status`. */
struct tp_ncp_traffic {
	uint64_t time;		/* unix ms when it was counted; 0: nothing is said */
	uint32_t nodes, online; /* known; registered now */
	uint64_t flows, packets, bytes, dropped;
};

struct tp_ncp_stats {
	struct tp_ncp_traffic traffic;
	struct tp_ncp_path *paths; /* a node's to its relays; a relay's to stock nodes */
	size_t n_paths;
};

#endif
