/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration as the policy compiler wants it. */
#ifndef GATEWAY_RULESET_H
#define GATEWAY_RULESET_H

#include <stdio.h>

#include "gateway/config.h"
#include "gateway/policy.h"
#include "gateway/state.h"

/* Compiles the policy of a configuration; locals are the host's own addresses. state says which
 * number an overlay has; NULL: its place, good enough to see whether it compiles. What is wrong, or
 * worth a warning, is written to `messages`, a line each, with `source` for the file.
 * 0 with *out for gw_policy_free, or -errno as gw_policy_compile. */
int gw_ruleset_compile(const struct gw_config *config, const struct gw_state *state,
		       const struct tp_addr *locals, size_t n_locals, const char *source,
		       struct gw_policy_tables **out, FILE *messages);

#endif
