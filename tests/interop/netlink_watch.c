// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * netlink_watch SRC DST [SRC DST]...: follows the way to each destination as the relay does, with
 * every device for a port, and prints a line whenever something is different:
 *
 *	local + ADDRESS			an address became this host's
 *	local - ADDRESS			and is no more
 *	links				devices changed
 *	moved DST			destination left by another next-hop id
 *	no route to DST: REASON		a lookup failed
 *	probe GATEWAY			the kernel was asked to confirm a neighbour
 *	DST: eth0 via GATEWAY MAC mtu N [vlan TPID.ID]...
 *	DST: unresolved
 *
 * Runs until SIGTERM or SIGINT.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "log.h"
#include "relay/nexthop.h"
#include "relay/route.h"

#define WATCHED_MAX 16
#define LINE_LEN    256

struct watched {
	struct tp_addr src, dst;
	uint32_t id;
	char line[LINE_LEN]; /* printed last */
};

struct watch {
	struct relay_nexthops *nh;
	struct relay_routes *routes;
	struct relay_nexthop slots[TP_NEXTHOPS];
	uint32_t ids[TP_NEXTHOPS];
	struct watched watched[WATCHED_MAX];
	int n;
	bool stop;
};

/* --- what the next hops ask and tell ---------------------------------------------------------- */

static int op_route(void *ctx, const struct tp_addr *dst, const struct tp_addr *src,
		    struct relay_route *out)
{
	struct watch *w = ctx;
	char buf[TP_ADDR_STRLEN];
	int err;

	err = relay_routes_lookup(w->routes, dst, src, out);
	if (err)
		printf("no route to %s: %s\n", tp_addr_format(dst, buf), strerror(-err));
	return err;
}

static void op_probe(void *ctx, int ifindex, const struct tp_addr *gateway)
{
	struct watch *w = ctx;
	char buf[TP_ADDR_STRLEN];

	printf("probe %s\n", tp_addr_format(gateway, buf));
	relay_routes_probe(w->routes, ifindex, gateway);
}

static int op_port(void *ctx, int ifindex)
{
	(void)ctx;
	return ifindex;
}

static void op_write_slot(void *ctx, uint32_t slot, const struct relay_nexthop *value)
{
	struct watch *w = ctx;

	w->slots[slot] = *value;
}

static void op_write_id(void *ctx, uint32_t id, uint32_t slot)
{
	struct watch *w = ctx;

	w->ids[id] = slot;
}

static void op_moved(void *ctx, const struct tp_addr *dst, const struct tp_addr *src, uint32_t id)
{
	struct watch *w = ctx;
	char buf[TP_ADDR_STRLEN];
	int i;

	for (i = 0; i < w->n; i++) {
		if (tp_addr_equal(&w->watched[i].dst, dst) &&
		    tp_addr_equal(&w->watched[i].src, src))
			w->watched[i].id = id;
	}
	printf("moved %s\n", tp_addr_format(dst, buf));
}

static const struct relay_nexthop_ops nexthop_ops = {
	.route = op_route,
	.probe = op_probe,
	.port = op_port,
	.write_slot = op_write_slot,
	.write_id = op_write_id,
	.moved = op_moved,
};

static void local_added(void *ctx, const struct tp_addr *addr)
{
	char buf[TP_ADDR_STRLEN];

	(void)ctx;
	printf("local + %s\n", tp_addr_format(addr, buf));
}

static void local_removed(void *ctx, const struct tp_addr *addr)
{
	char buf[TP_ADDR_STRLEN];

	(void)ctx;
	printf("local - %s\n", tp_addr_format(addr, buf));
}

static void links_changed(void *ctx)
{
	(void)ctx;
	printf("links\n");
}

static const struct relay_route_ops route_ops = {
	.local_added = local_added,
	.local_removed = local_removed,
	.links_changed = links_changed,
};

/* --- lines ------------------------------------------------------------------------------------ */

static void describe(const struct watch *w, const struct watched *d, char line[LINE_LEN])
{
	const struct relay_nexthop *slot = &w->slots[w->ids[d->id]];
	char dst[TP_ADDR_STRLEN], hop[128];
	size_t len;
	int i;

	relay_nexthop_describe(w->nh, d->id, hop, sizeof(hop));
	len = (size_t)snprintf(line, LINE_LEN, "%s: %s", tp_addr_format(&d->dst, dst), hop);
	if (!d->id || !w->ids[d->id])
		return;
	len += (size_t)snprintf(line + len, LINE_LEN - len, " mtu %u", slot->mtu);
	for (i = 0; i < slot->vlans; i++)
		len += (size_t)snprintf(line + len, LINE_LEN - len, " vlan %04x.%u",
					ntohs(slot->vlan[i].tpid), ntohs(slot->vlan[i].tci));
}

static void print_changes(struct watch *w)
{
	char line[LINE_LEN];
	int i;

	for (i = 0; i < w->n; i++) {
		describe(w, &w->watched[i], line);
		if (!strcmp(line, w->watched[i].line))
			continue;
		strcpy(w->watched[i].line, line);
		puts(line);
	}
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	w->stop = true;
}

static int watch(struct watch *w, struct event_base *base)
{
	int i;

	for (i = 0; i < w->n; i++)
		w->watched[i].id = relay_nexthop_get(w->nh, &w->watched[i].dst, &w->watched[i].src);
	print_changes(w);
	while (!w->stop) {
		if (event_base_loop(base, EVLOOP_ONCE) < 0)
			return 1;
		print_changes(w);
	}
	return 0;
}

static int run(struct watch *w)
{
	struct event_base *base = event_base_new();
	struct event *term = base ? evsignal_new(base, SIGTERM, on_signal, w) : NULL;
	struct event *intr = base ? evsignal_new(base, SIGINT, on_signal, w) : NULL;
	int status = 1;

	if (term && intr && !event_add(term, NULL) && !event_add(intr, NULL) &&
	    !relay_nexthops_new(&w->nh, &nexthop_ops, w) &&
	    !relay_routes_new(&w->routes, base, w->nh, &route_ops, w))
		status = watch(w, base);
	relay_routes_free(w->routes);
	relay_nexthops_free(w->nh);
	if (term)
		event_free(term);
	if (intr)
		event_free(intr);
	if (base)
		event_base_free(base);
	return status;
}

int main(int argc, char **argv)
{
	struct watch *w;
	int i, status;

	w = calloc(1, sizeof(*w));
	if (!w || tp_crypto_init())
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tp_log_level(LOG_DEBUG);
	for (i = 1; i + 1 < argc && w->n < WATCHED_MAX; i += 2, w->n++) {
		if (tp_addr_parse(argv[i], &w->watched[w->n].src) ||
		    tp_addr_parse(argv[i + 1], &w->watched[w->n].dst))
			break;
	}
	if (i != argc) {
		fprintf(stderr, "usage: netlink_watch SRC DST [SRC DST]...\n");
		return 2;
	}
	status = run(w);
	free(w);
	return status;
}
