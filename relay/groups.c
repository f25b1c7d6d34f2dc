/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/config.h"

struct groups {
	char **names; /* sorted; number i + 1 */
	unsigned int n;
	uint64_t *admits; /* bit a * (n + 1) + b */
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool groups_split(char *text, char **a, char **b)
{
	char *space = strchr(text, ' ');

	if (!space || space == text || !space[1] || strchr(space + 1, ' '))
		return false;
	*space = '\0';
	*a = text;
	*b = space + 1;
	return true;
}

uint16_t groups_find(const struct groups *g, const char *name)
{
	char **found =
		name && g->n ? bsearch(&name, g->names, g->n, sizeof(*g->names), by_text) : NULL;

	return found ? (uint16_t)(found - g->names + 1) : GROUP_NONE;
}

const char *groups_name(const struct groups *g, uint16_t group)
{
	return group == GROUP_NONE ? NULL : g->names[group - 1];
}

static uint64_t *word_of(const struct groups *g, unsigned int a, unsigned int b, uint64_t *mask)
{
	unsigned int bit = a * (g->n + 1) + b;

	*mask = 1ull << bit % 64;
	return &g->admits[bit / 64];
}

bool groups_admit(const struct groups *g, uint16_t a, uint16_t b)
{
	uint64_t mask, *word = word_of(g, a, b, &mask);

	return *word & mask;
}

/* Numbers [*first, *last] that a name of `admit` stands for; none for a group without nodes. */
static bool range_of(const struct groups *g, const char *name, unsigned int *first,
		     unsigned int *last)
{
	*first = 0;
	*last = g->n;
	if (!strcmp(name, "*"))
		return true;
	*first = *last = groups_find(g, name);
	return *first != GROUP_NONE;
}

static int admit(struct groups *g, const char *entry)
{
	unsigned int a, b, a_last, b_first, b_last;
	char *copy = strdup(entry), *x, *y;
	uint64_t mask;

	if (!copy)
		return -ENOMEM;
	if (groups_split(copy, &x, &y) && range_of(g, x, &a, &a_last) &&
	    range_of(g, y, &b_first, &b_last))
		for (; a <= a_last; a++)
			for (b = b_first; b <= b_last; b++) {
				*word_of(g, a, b, &mask) |= mask;
				*word_of(g, b, a, &mask) |= mask;
			}
	free(copy);
	return 0;
}

/* The names of all groups, each once. */
static int collect(struct groups *g, const struct relay_config_network *config)
{
	unsigned int n = 0, all = 0;

	g->names = calloc(config->n_nodes + 1, sizeof(*g->names));
	if (!g->names)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_nodes; i++)
		if (config->nodes[i].group)
			g->names[all++] = config->nodes[i].group;
	qsort(g->names, all, sizeof(*g->names), by_text);
	for (unsigned int i = 0; i < all; i++)
		if (!n || strcmp(g->names[n - 1], g->names[i]))
			g->names[n++] = g->names[i];
	if (n > GROUPS_MAX)
		return -EINVAL;
	for (; g->n < n; g->n++) {
		g->names[g->n] = strdup(g->names[g->n]);
		if (!g->names[g->n])
			return -ENOMEM;
	}
	return 0;
}

int groups_new(struct groups **out, const struct relay_config_network *config)
{
	struct groups *g = calloc(1, sizeof(*g));
	int err = g ? collect(g, config) : -ENOMEM;

	*out = NULL;
	if (!err) {
		g->admits = calloc((g->n + 1) * (g->n + 1) / 64 + 1, sizeof(*g->admits));
		err = g->admits ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !err && i < config->n_admit; i++)
		err = admit(g, config->admit[i]);
	if (err)
		groups_free(g);
	else
		*out = g;
	return err;
}

void groups_free(struct groups *g)
{
	if (!g)
		return;
	while (g->n)
		free(g->names[--g->n]);
	free(g->names);
	free(g->admits);
	free(g);
}
