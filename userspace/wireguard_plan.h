/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a WireGuard device was told last, and the way from there to what it shall be. Pure logic, in
 * time linear in peers and prefixes.
 */
#ifndef TP_WIREGUARD_PLAN_H
#define TP_WIREGUARD_PLAN_H

#include "wireguard_backend.h"

/* A device without secrets: of the private key the public half is kept, of a preshared key a hash
 * under the private one. */
struct tp_wireguard_state;

/* An empty one; NULL: out of memory. */
struct tp_wireguard_state *tp_wireguard_state_new(void);
void tp_wireguard_state_free(struct tp_wireguard_state *state);

/* What the device is when `config` is applied. 0; -EINVAL, and *why (static text), when a peer or a
 * prefix is there twice; -ENOMEM. */
int tp_wireguard_state_of(struct tp_wireguard_state **out, const struct tp_wireguard_config *config,
			  const char **why);

/* Fills an empty state from a backend's get(). */
struct tp_wireguard_sink tp_wireguard_state_sink(struct tp_wireguard_state *state);

/* `seen` is the device, whose endpoints may have roamed: puts those in their place that were
 * configured last as `last` says (may be NULL) or, failing that, as `wanted` says. */
void tp_wireguard_state_endpoints(struct tp_wireguard_state *seen,
				  const struct tp_wireguard_state *last,
				  const struct tp_wireguard_state *wanted);

json_t *tp_wireguard_state_save(const struct tp_wireguard_state *state);
/* Of what save() made: peers and endpoints alone. 0, -EINVAL, -ENOMEM. */
int tp_wireguard_state_load(struct tp_wireguard_state **out, const json_t *saved);

/* The changes from `from` to `to`, which is the state of `config`; they point into config.
 *
 * A prefix that a staying peer loses moves to a peer made for that, which is then removed: neither
 * backend can take a single one away (before Linux 6.16), and to replace the list would leave the
 * peer without any for a moment. Removals come last, so that a prefix which moves is never without
 * an owner. 0 or -ENOMEM. */
int tp_wireguard_plan(struct tp_wireguard_plan *plan, const struct tp_wireguard_state *from,
		      const struct tp_wireguard_state *to,
		      const struct tp_wireguard_config *config);
void tp_wireguard_plan_fini(struct tp_wireguard_plan *plan);
bool tp_wireguard_plan_is_empty(const struct tp_wireguard_plan *plan);

#endif
