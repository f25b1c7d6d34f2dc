/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A network as its policy sees it: all members that have an address, in classes of those whom the
 * rules treat alike. Whether two may talk is asked once a pair of classes, not once a pair of
 * peers.
 */
#ifndef CONTROL_WORLD_H
#define CONTROL_WORLD_H

#include "control/network.h"
#include "control/peer.h"
#include "control/relay.h"
#include "control/rules.h"

struct ctl_member {
	struct ctl_peer peer;
	struct json_t *tags, *subnets; /* parsed */
	struct json_t *groups;	       /* names */
	uint32_t class;
};

struct ctl_world {
	struct ctl_network network;
	struct ctl_member *members;    /* in the order of their ids */
	struct ctl_member **by_device; /* the same, sorted */
	size_t n_members;
	bool incomplete;	  /* there was no memory for some */
	struct ctl_relay *relays; /* those that have a key and an endpoint */
	size_t n_relays;
	struct json_t *rules;
	const struct ctl_paths *paths; /* round trips, borrowed; NULL: nothing is known */
	uint32_t n_classes;
	bool *admits;	      /* n_classes squared */
	uint64_t *signatures; /* of each class, one after another */
	size_t signature_words;
};

/* Reads it. Free it whatever is returned. */
int ctl_world_load(struct ctl_world *w, struct ctl_store *s, const char *network,
		   struct ctl_error *err);
void ctl_world_free(struct ctl_world *w);

bool ctl_world_admits(const struct ctl_world *w, uint32_t a, uint32_t b);
/* Whether the rule at this place leads to members of the class, or to who stands behind them. One
 * that is only tried leads to nobody. */
bool ctl_world_leads_to(const struct ctl_world *w, size_t rule, uint32_t class);
/* The member that is this device; NULL. */
const struct ctl_member *ctl_world_member(const struct ctl_world *w, const char *device);
const struct ctl_relay *ctl_world_relay(const struct ctl_world *w, const char *id);
/* The relay peer that an operator has assigned to a member; it has a declared endpoint. NULL: none,
 * or a relay. */
const struct ctl_member *ctl_world_relay_peer(const struct ctl_world *w,
					      const struct ctl_member *m);
/* The member at whose declared endpoint `self` (NULL: one who is assigned to nothing) reaches m: a
 * relay peer that either is assigned to, or m itself. NULL: at a relay, or m comes to self. */
const struct ctl_member *ctl_world_way(const struct ctl_world *w, const struct ctl_member *self,
				       const struct ctl_member *m);

#endif
