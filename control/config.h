/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* control.conf, read and checked whole. docs/man/control.conf.5 is made from the same table. */
#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "addr.h"

struct ctl_config {
	struct tp_endpoint listen;
	struct tp_endpoint ncp_listen; /* port 0: off */
	struct {
		char *certificate, *key; /* NULL: plain HTTP */
	} tls;
	bool plaintext;
	struct tp_endpoint metrics_listen; /* port 0: off */
	char *control_socket;
	char *state_dir;
};

/* 0 with *out set, or every problem as "file:line: ..." to `errors` and -errno. */
int ctl_config_load(const char *path, struct ctl_config **out, FILE *errors);
/* The same from memory. */
int ctl_config_parse(const char *name, const char *text, size_t len, struct ctl_config **out,
		     FILE *errors);
void ctl_config_free(struct ctl_config *c);

void ctl_config_print_manual(FILE *out);

#endif
