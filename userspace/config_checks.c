// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config_checks.h"

#include <ctype.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

const char *tp_config_check_interface(const void *member)
{
	const char *name = *(char *const *)member;

	if (strlen(name) >= IFNAMSIZ)
		return "an interface name has at most 15 characters";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "not an interface name";
	for (; *name; name++)
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return "an interface name has no slash, colon or space";
	return NULL;
}

/* Names are typed on command lines and stand in JSON, metrics and wg-quick files. */
const char *tp_config_check_name(const void *member)
{
	const char *name = *(char *const *)member;

	if (*name == '-')
		return "a name must not begin with a dash";
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-@+:", *name))
			return "a name consists of letters, digits and . _ - @ + :";
	return NULL;
}

/* bpffs refuses names with a dot. */
const char *tp_config_check_instance(const void *member)
{
	for (const char *name = *(char *const *)member; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("_-", *name))
			return "an instance name consists of letters, digits, _ and -";
	return NULL;
}

const char *tp_config_check_unicast(const void *member)
{
	if (tp_addr_is_unicast(member))
		return NULL;
	return "not a unicast address";
}

static int by_id(const void *a, const void *b)
{
	const struct tp_config_claim *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->id, y->id, len);

	if (order)
		return order;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return 0;
}

void tp_config_find_repeats(struct tp_config_claim *claims, size_t n,
			    struct tp_config_report *report,
			    void (*complain)(struct tp_config_report *report,
					     const struct tp_config_claim *first,
					     const struct tp_config_claim *later))
{
	size_t first = 0;

	if (n > 1)
		qsort(claims, n, sizeof(*claims), by_id);
	for (size_t i = 1; i < n; i++) {
		if (claims[i].len != claims[first].len ||
		    memcmp(claims[i].id, claims[first].id, claims[i].len) != 0)
			first = i;
		else
			complain(report, &claims[first], &claims[i]);
	}
}
