/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which initiations the relay takes up. All budgets of the handshake path are spent here. */
#ifndef RELAY_ADMIT_H
#define RELAY_ADMIT_H

#include "relay/node.h"

/* What the source of `p` is known to be; `proven`: its mac2 holds a cookie of ours. */
enum standing admit_standing(const struct relay *r, const struct packet *p, bool proven);

/* Nodes at the site that may talk to the target: whoever sent, it is one of them. */
bool admit_may_talk(const struct node *sender, const struct node *target);
unsigned int admit_senders(const struct site *site, const struct node *target);

/* An initiation to the relay's own key: shall it have its Diffie-Hellmans? */
bool admit_registration(struct relay *r, const struct packet *p, enum standing standing);
/* `keys` more mac1s for an initiation whose target is not known yet. */
bool admit_trial(struct relay *r, struct site *site, uint32_t keys, enum standing standing,
		 uint64_t now);
/* Of which so many were not tried. */
void admit_untried(struct relay *r, struct site *site, uint32_t keys, enum standing standing);
/* `keys` mac1s for a response of `target` to someone behind a shared address. */
bool admit_response_trial(struct node *target, uint32_t keys, uint64_t now);
/* An initiation for `target`. False with the reason: challenge if unproven, else drop. */
bool admit_initiation(struct relay *r, struct site *site, struct node *target,
		      const struct packet *p, enum standing standing, enum tp_reason *why);

#endif
