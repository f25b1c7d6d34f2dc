// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wireguard.h"

#include <errno.h>
#include <linux/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "netlink_change.h"
#include "wireguard_backend.h"
#include "wireguard_plan.h"
#include "wireguard_starter.h"

#define POLL_MS 20
#define LOOKS	8 /* at a device that others change meanwhile */

struct tp_wireguard {
	char name[IFNAMSIZ];
	int ifindex;
	bool adopted;
	enum tp_wireguard_backend kind;
	const struct tp_wireguard_ops *ops;
	void *backend;
	struct tp_netlink *nl;
	struct tp_wireguard_state *last; /* NULL: nothing is known of what was applied */
	bool look;			 /* at the device, before the next change */
};

/* --- opening --- */

static int open_kernel(struct tp_wireguard *dev)
{
	dev->kind = TP_WIREGUARD_KERNEL;
	dev->ops = &tp_wireguard_kernel_ops;
	return tp_wireguard_kernel_open(&dev->backend, dev->ifindex);
}

static int make_kernel(struct tp_wireguard *dev)
{
	int err = tp_netlink_link_create(dev->nl, dev->name, "wireguard", &dev->ifindex);

	if (err)
		return err;
	err = open_kernel(dev);
	if (err)
		tp_netlink_link_delete(dev->nl, dev->ifindex);
	return err;
}

static int try_go(struct tp_wireguard *dev)
{
	struct tp_netlink_device link;
	int err = 0;

	if (!dev->backend)
		err = tp_wireguard_go_open(&dev->backend, dev->name);
	if (!err)
		err = tp_netlink_link_find(dev->nl, dev->name, &link);
	if (!err)
		dev->ifindex = link.ifindex;
	return err;
}

static bool is_absent(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -ENODEV;
}

/* The device comes before its socket, and both some time after the process. */
static int wait_for_go(struct tp_wireguard *dev)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * (long)TP_NS_PER_MS};
	uint64_t end = tp_now() + TP_MS(TP_WIREGUARD_PATIENCE_MS);
	int err;

	for (;;) {
		err = try_go(dev);
		if (!err || !is_absent(err))
			return err;
		if (tp_now() >= end)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

static int open_go(struct tp_wireguard *dev, struct tp_wireguard_starter *starter)
{
	int err;

	dev->kind = TP_WIREGUARD_GO;
	dev->ops = &tp_wireguard_go_ops;
	err = try_go(dev);
	dev->adopted = !err || !starter;
	if (!err || !is_absent(err))
		return err;
	err = starter ? tp_wireguard_starter_start(starter, dev->name) : 0;
	return err ?: wait_for_go(dev);
}

static int adopt(struct tp_wireguard *dev, const struct tp_netlink_device *link,
		 enum tp_wireguard_backend backend)
{
	bool in_kernel = !strcmp(link->kind, "wireguard");
	int err;

	dev->ifindex = link->ifindex;
	if (in_kernel != (backend == TP_WIREGUARD_KERNEL) && backend != TP_WIREGUARD_AUTO)
		return -EEXIST;
	if (in_kernel) {
		dev->adopted = true;
		return open_kernel(dev);
	}
	if (strcmp(link->kind, "tun"))
		return -EEXIST;
	/* A TUN device that nobody serves is someone else's, or wireguard-go is just starting. */
	err = open_go(dev, NULL);
	return err == -ETIMEDOUT ? -EEXIST : err;
}

static int make(struct tp_wireguard *dev, enum tp_wireguard_backend backend,
		struct tp_wireguard_starter *starter)
{
	int err = -EOPNOTSUPP;

	if (backend != TP_WIREGUARD_GO)
		err = make_kernel(dev);
	if (backend == TP_WIREGUARD_GO || (backend == TP_WIREGUARD_AUTO && err == -EOPNOTSUPP))
		err = open_go(dev, starter);
	return err;
}

static int find_or_make(struct tp_wireguard *dev, enum tp_wireguard_backend backend,
			struct tp_wireguard_starter *starter)
{
	struct tp_netlink_device link;
	int err = tp_netlink_link_find(dev->nl, dev->name, &link);

	if (err == -ENODEV)
		return make(dev, backend, starter);
	return err ?: adopt(dev, &link, backend);
}

int tp_wireguard_open(struct tp_wireguard **out, const char *name,
		      enum tp_wireguard_backend backend, struct tp_wireguard_starter *starter)
{
	struct tp_wireguard *dev = calloc(1, sizeof(*dev));
	int err = dev ? 0 : -ENOMEM;

	*out = NULL;
	if (!err)
		err = tp_netlink_open(&dev->nl);
	if (!err) {
		snprintf(dev->name, sizeof(dev->name), "%s", name);
		dev->look = true;
		err = find_or_make(dev, backend, starter);
	}
	if (err) {
		tp_err("%s: no WireGuard device (%s): %s", name, tp_wireguard_backend_name(backend),
		       strerror(-err));
		tp_wireguard_close(dev);
		return err;
	}
	tp_info("%s: WireGuard device %s, %s", name, dev->adopted ? "adopted" : "made",
		tp_wireguard_backend_name(dev->kind));
	*out = dev;
	return 0;
}

void tp_wireguard_close(struct tp_wireguard *dev)
{
	if (!dev)
		return;
	if (dev->backend)
		dev->ops->close(dev->backend);
	tp_netlink_close(dev->nl);
	tp_wireguard_state_free(dev->last);
	free(dev);
}

int tp_wireguard_delete(struct tp_wireguard *dev)
{
	int err = tp_netlink_link_delete(dev->nl, dev->ifindex);

	tp_wireguard_close(dev);
	return err;
}

int tp_wireguard_ifindex(const struct tp_wireguard *dev)
{
	return dev->ifindex;
}

bool tp_wireguard_adopted(const struct tp_wireguard *dev)
{
	return dev->adopted;
}

enum tp_wireguard_backend tp_wireguard_backend(const struct tp_wireguard *dev)
{
	return dev->kind;
}

const char *tp_wireguard_backend_name(enum tp_wireguard_backend backend)
{
	static const char *const names[] = {
		[TP_WIREGUARD_AUTO] = "auto",
		[TP_WIREGUARD_KERNEL] = "kernel",
		[TP_WIREGUARD_GO] = "wireguard-go",
	};

	return names[backend];
}

/* --- applying --- */

static int set(struct tp_wireguard *dev, const struct tp_wireguard_state *from,
	       const struct tp_wireguard_state *to, const struct tp_wireguard_config *config)
{
	struct tp_wireguard_plan plan;
	int err = tp_wireguard_plan(&plan, from, to, config);

	if (!err && !tp_wireguard_plan_is_empty(&plan))
		err = dev->ops->set(dev->backend, &plan);
	tp_wireguard_plan_fini(&plan);
	return err;
}

static int look_once(struct tp_wireguard *dev, struct tp_wireguard_state **seen)
{
	struct tp_wireguard_sink sink;
	int err;

	*seen = tp_wireguard_state_new();
	if (!*seen)
		return -ENOMEM;
	sink = tp_wireguard_state_sink(*seen);
	err = dev->ops->get(dev->backend, &sink);
	if (!err)
		return 0;
	tp_wireguard_state_free(*seen);
	*seen = NULL;
	return err;
}

static int look_and_set(struct tp_wireguard *dev, const struct tp_wireguard_state *to,
			const struct tp_wireguard_config *config)
{
	struct tp_wireguard_state *seen;
	int err = -EINTR;

	for (int i = 0; err == -EINTR && i < LOOKS; i++)
		err = look_once(dev, &seen);
	if (err)
		return err;
	tp_wireguard_state_endpoints(seen, dev->last, to);
	err = set(dev, seen, to, config);
	tp_wireguard_state_free(seen);
	return err;
}

static int find_again(struct tp_wireguard *dev)
{
	struct tp_netlink_device link;
	int err = dev->ops->reopen(dev->backend) ?: tp_netlink_link_find(dev->nl, dev->name, &link);

	if (!err)
		dev->ifindex = link.ifindex;
	return err;
}

/* A connection that was lost says that wireguard-go may be another by now, which knows nothing. */
static int bring_to(struct tp_wireguard *dev, const struct tp_wireguard_state *to,
		    const struct tp_wireguard_config *config)
{
	int err = -ENOTCONN;

	if (!dev->look)
		err = set(dev, dev->last, to, config);
	else
		err = look_and_set(dev, to, config);
	if (err != -ENOTCONN || !dev->ops->reopen)
		return err;
	return find_again(dev) ?: look_and_set(dev, to, config);
}

int tp_wireguard_apply(struct tp_wireguard *dev, const struct tp_wireguard_config *config)
{
	struct tp_wireguard_state *to;
	const char *why;
	int err;

	err = tp_wireguard_state_of(&to, config, &why);
	if (err) {
		tp_err("%s: %s", dev->name, why);
		return err;
	}
	err = bring_to(dev, to, config);
	dev->look = err;
	if (err) {
		tp_wireguard_state_free(to);
		return err;
	}
	tp_wireguard_state_free(dev->last);
	dev->last = to;
	return 0;
}

/* --- asking --- */

struct asked {
	uint16_t listen_port;
	tp_wireguard_stats_fn *fn;
	void *ctx;
};

static int asked_device(void *ctx, const struct tp_wireguard_seen_device *device)
{
	struct asked *asked = ctx;

	asked->listen_port = device->listen_port;
	return 0;
}

static int asked_peer(void *ctx, const struct tp_wireguard_seen_peer *peer)
{
	const struct asked *asked = ctx;

	asked->fn(asked->ctx, &peer->stats);
	return 0;
}

static int asked_allowed(void *ctx, const uint8_t public_key[WG_KEY_LEN],
			 const struct tp_wireguard_prefix *prefix)
{
	(void)ctx;
	(void)public_key;
	(void)prefix;
	return 0;
}

int tp_wireguard_stats(struct tp_wireguard *dev, uint16_t *listen_port, tp_wireguard_stats_fn *fn,
		       void *ctx)
{
	struct asked asked = {.fn = fn, .ctx = ctx};
	const struct tp_wireguard_sink sink = {&asked, asked_device, asked_peer, asked_allowed};
	int err = dev->ops->get(dev->backend, &sink);

	if (err == -ENOTCONN)
		dev->look = true;
	if (listen_port)
		*listen_port = asked.listen_port;
	return err == -EINTR ? 0 : err; /* whom a change hid is told the next time */
}

/* --- across processes --- */

json_t *tp_wireguard_save(const struct tp_wireguard *dev)
{
	return dev->last ? tp_wireguard_state_save(dev->last) : NULL;
}

int tp_wireguard_restore(struct tp_wireguard *dev, const json_t *saved)
{
	struct tp_wireguard_state *last;
	int err = tp_wireguard_state_load(&last, saved);

	if (err)
		return err;
	tp_wireguard_state_free(dev->last);
	dev->last = last;
	dev->look = true;
	return 0;
}
