/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Peers: devices in networks. A device that was added is invited first (it makes a key pair for
 * that network and reports the public half); with its key it gets its address, once.
 */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include "control/store.h"

#define CTL_KEY_LEN	 32
#define CTL_ENDPOINT_LEN 64
#define CTL_LIST_LEN	 1024 /* of a JSON list */
#define CTL_PEER_SUBNETS 32
#define CTL_PEER_TAGS	 16

struct ctl_peer {
	char id[CTL_ID_LEN], network[CTL_ID_LEN], device[CTL_ID_LEN];
	char device_name[CTL_NAME_LEN];
	int device_kind;
	uint32_t ip; /* host order; 0: invited, without a key yet */
	uint8_t public_key[CTL_KEY_LEN];
	uint16_t listen_port;		 /* real, 0: not reported */
	char endpoint[CTL_ENDPOINT_LEN]; /* "": none known */
	bool endpoint_declared;		 /* by an operator: reports don't change it */
	bool is_relay, is_egress;
	char egress_subnets[CTL_LIST_LEN]; /* JSON */
	char tags[CTL_LIST_LEN];	   /* JSON */
	char relay[CTL_ID_LEN];		   /* assigned by hand; "": none */
	int64_t last_handshake;		   /* 0: never */
	int64_t created;
};

/* A JSON list of at most CTL_PEER_TAGS names, NULL and "" for none, in its shortest form: a name
 * that comes again is left out. */
int ctl_tags_check(const char *text, char *out, size_t size, struct ctl_error *err);

/* Invites a device of the network's tenant. `tags`: JSON list of names, NULL for none. */
int ctl_peer_add(struct ctl_store *s, const char *tenant, const char *network, const char *device,
		 const char *tags, struct ctl_peer *out, struct ctl_error *err);
/* The device has this key there now. The first one brings the address; another one replaces it;
 * the same one changes nothing. */
int ctl_peer_key(struct ctl_store *s, const char *network, const char *device,
		 const uint8_t key[CTL_KEY_LEN], uint16_t listen_port, struct ctl_peer *out,
		 struct ctl_error *err);
/* Where it is reached, "" for nowhere. `declared`: an operator says so. A report changes nothing
 * that was declared, and what is known already is no change. */
int ctl_peer_endpoint(struct ctl_store *s, const char *network, const char *device,
		      const char *endpoint, bool declared, struct ctl_error *err);

struct ctl_peer_role {
	bool is_relay, is_egress;
	const char *const *subnets; /* CIDRs, of an egress gateway only */
	size_t n_subnets;
};
/* A relay peer must have a declared endpoint. Subnets of two gateways of a network do not overlap
 * unless they are equal, those of one gateway not at all, nor do they overlap with the network. */
int ctl_peer_set_role(struct ctl_store *s, const char *tenant, const char *network,
		      const char *device, const struct ctl_peer_role *role, struct ctl_peer *out,
		      struct ctl_error *err);
int ctl_peer_set_tags(struct ctl_store *s, const char *tenant, const char *network,
		      const char *device, const char *tags, struct ctl_error *err);
/* Pins a peer to a relay of the network (its id) or to a relay peer (its device's id); NULL: free.
 */
int ctl_peer_assign_relay(struct ctl_store *s, const char *tenant, const char *network,
			  const char *device, const char *relay, struct ctl_error *err);
/* Unix seconds of the latest handshake; raises no revision, writes no audit record. */
int ctl_peer_handshake(struct ctl_store *s, const char *network, const char *device, int64_t when,
		       struct ctl_error *err);

/* `tenant` NULL: of any. */
int ctl_peer_get(struct ctl_store *s, const char *tenant, const char *network, const char *device,
		 struct ctl_peer *out, struct ctl_error *err);
/* As ctl_network_list(). `network` or `device` NULL: of all. */
int ctl_peer_list(struct ctl_store *s, const char *tenant, const char *network, const char *device,
		  const char *after, unsigned int limit,
		  bool (*fn)(void *arg, const struct ctl_peer *peer), void *arg,
		  struct ctl_error *err);
/* Its address is held back until the gateways have acknowledged. */
int ctl_peer_remove(struct ctl_store *s, const char *tenant, const char *network,
		    const char *device, struct ctl_error *err);

#endif
