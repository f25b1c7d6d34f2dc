/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A store in memory with one tenant, acme, and its network office, without a daemon. */
#ifndef TP_TESTS_UNIT_CONTROL_OFFICE_H
#define TP_TESTS_UNIT_CONTROL_OFFICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/network.h"
#include "control/store.h"

/* Leaves a transaction open. subnet NULL: the usual one. */
void office_open(struct ctl_store **s, struct ctl_network *office, const char *subnet);
/* What that transaction has done goes, too. */
void office_close(struct ctl_store *s);

#endif
