/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Relays: a tenant's own, and the platform's, which serve networks of any tenant. */
#ifndef CONTROL_RELAY_H
#define CONTROL_RELAY_H

#include "control/store.h"

#define CTL_RELAY_ENDPOINTS 8

struct ctl_relay {
	char id[CTL_ID_LEN];
	char tenant[CTL_ID_LEN]; /* "": the platform's */
	char device[CTL_ID_LEN]; /* "": has not joined */
	char name[CTL_NAME_LEN];
	bool has_key;
	uint8_t public_key[32];
	char endpoints[1024]; /* JSON: IP literals with ports, the best first */
	uint32_t service_ip;  /* host order */
	bool draining;	      /* takes no new peers */
	int64_t created;
};

struct ctl_relay_new {
	const char *tenant; /* NULL: the platform's */
	const char *name;
	const uint8_t *public_key;    /* NULL: it reports one when it joins */
	const char *const *endpoints; /* public addresses */
	size_t n_endpoints;
};

/* With the next free service address. */
int ctl_relay_create(struct ctl_store *s, const struct ctl_relay_new *in, struct ctl_relay *out,
		     struct ctl_error *err);
/* `tenant` NULL, here and below: of any and the platform's. */
int ctl_relay_get(struct ctl_store *s, const char *tenant, const char *id, struct ctl_relay *out,
		  struct ctl_error *err);
/* As ctl_network_list(); `platform`: the platform's instead of the tenant's. */
int ctl_relay_list(struct ctl_store *s, const char *tenant, bool platform, const char *after,
		   unsigned int limit, bool (*fn)(void *arg, const struct ctl_relay *relay),
		   void *arg, struct ctl_error *err);
/* With its device: to be one again it has to join anew. */
int ctl_relay_delete(struct ctl_store *s, const char *tenant, const char *id,
		     struct ctl_error *err);
int ctl_relay_set_drain(struct ctl_store *s, const char *tenant, const char *id, bool draining,
			struct ctl_error *err);
/* What it reported: its key, and where it is. Nothing new is no change. */
int ctl_relay_report(struct ctl_store *s, const char *id, const uint8_t key[32],
		     const char *const *endpoints, size_t n, struct ctl_error *err);

/* A relay serves a network: one of the same tenant, or any when it is the platform's (the caller
 * has checked who may say so). What is so already is fine. */
int ctl_relay_attach(struct ctl_store *s, const char *relay, const char *network,
		     struct ctl_error *err);
/* Peers that were assigned to it choose again. */
int ctl_relay_detach(struct ctl_store *s, const char *relay, const char *network,
		     struct ctl_error *err);
/* The relays of a network, in the order of their ids. */
int ctl_relay_of_network(struct ctl_store *s, const char *network,
			 bool (*fn)(void *arg, const struct ctl_relay *relay), void *arg,
			 struct ctl_error *err);

/* A node that a relay serves, by keys. */
struct ctl_served {
	char network[CTL_ID_LEN], device[CTL_ID_LEN];
	uint8_t relay_key[32];
};
/* The node of that WireGuard key, where the relay that is this device serves it; it has joined, so
 * it has a key. CTL_PERMISSION_DENIED: it serves none such. */
int ctl_relay_served(struct ctl_store *s, const char *relay_device, const uint8_t node_key[32],
		     struct ctl_served *out, struct ctl_error *err);

#endif
