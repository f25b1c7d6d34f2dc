/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which of a network's nodes may talk to which. Nodes of one group are alike; what groups may do is
 * a matrix, so the question costs a bit, whatever the number of nodes.
 */
#ifndef RELAY_GROUPS_H
#define RELAY_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#define GROUPS_MAX 1024 /* of a network: a matrix of 128 KiB */
#define GROUP_NONE 0	/* of a node whose config names none */

struct relay_config_network;
struct groups;

/* The groups of the network's nodes, and what `admit` says of them. -ENOMEM, or -EINVAL with more
 * than GROUPS_MAX. */
int groups_new(struct groups **out, const struct relay_config_network *config);
void groups_free(struct groups *g);

/* The number of a group; GROUP_NONE when NULL or not among them. */
uint16_t groups_find(const struct groups *g, const char *name);
const char *groups_name(const struct groups *g, uint16_t group); /* NULL: none */
/* Both directions are one: a handshake needs packets each way. */
bool groups_admit(const struct groups *g, uint16_t a, uint16_t b);

/* One entry of `admit`, "phones servers" or "* servers", in place: *a and *b point into `text`.
 * False when it is no pair of names. */
bool groups_split(char *text, char **a, char **b);

#endif
