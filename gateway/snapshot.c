/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 8

/* Room for one more element; false, and the snapshot is useless, without memory. */
static bool grow(struct gw_snapshot *s, void **list, size_t n, size_t size)
{
	void *p;

	if (n & (n + 1)) /* room is a power of two, less one */
		return true;
	p = realloc(*list, (2 * n + 2) * size);
	if (p)
		*list = p;
	else
		s->out_of_memory = true;
	return p;
}

static void note(void *ctx, const struct tp_netlink_event *e)
{
	struct gw_snapshot *s = ctx;

	if (e->key.kind == TP_NETLINK_LINK &&
	    grow(s, (void **)&s->links, s->n_links, sizeof(*s->links))) {
		struct gw_snapshot_link *l = &s->links[s->n_links++];

		l->ifindex = e->key.ifindex;
		l->link = e->link;
		memcpy(l->mac, e->mac, sizeof(l->mac));
	} else if (e->key.kind == TP_NETLINK_ADDRESS &&
		   grow(s, (void **)&s->addrs, s->n_addrs, sizeof(*s->addrs))) {
		s->addrs[s->n_addrs++] = (struct gw_snapshot_addr){e->key.ifindex, e->key.addr};
	}
}

int gw_snapshot_take(struct gw_snapshot *s, struct tp_netlink *nl)
{
	int err = -EINTR;

	memset(s, 0, sizeof(*s));
	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		gw_snapshot_fini(s);
		err = tp_netlink_dump(nl, note, s);
	}
	return err ?: (s->out_of_memory ? -ENOMEM : 0);
}

void gw_snapshot_fini(struct gw_snapshot *s)
{
	free(s->links);
	free(s->addrs);
	memset(s, 0, sizeof(*s));
}

const struct gw_snapshot_link *gw_snapshot_link(const struct gw_snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_links; i++)
		if (!strcmp(s->links[i].link.name, name))
			return &s->links[i];
	return NULL;
}
