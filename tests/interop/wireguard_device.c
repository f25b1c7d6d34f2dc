// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wireguard_device NAME auto|kernel|wireguard-go [PROGRAM]: keeps a WireGuard device and the
 * networking around it as its commands, lines on stdin, tell. Prints "ok N COMMAND" or
 * "failed N COMMAND: REASON" for the N-th, after what the command itself prints.
 *
 *	apply FILE		lines: private KEY, port N, fwmark N, peer KEY, and of a peer
 *				psk KEY, endpoint ENDPOINT, keepalive N, allowed CIDR
 *	stats			a line a peer: KEY ENDPOINT RX TX HANDSHAKE
 *	save FILE | load FILE	what outlives the process
 *	up | down | mtu N
 *	address|noaddress CIDR [noprefixroute]
 *	route|noroute CIDR [METRIC]
 *	addresses | routes	what there is
 *	delete			the device, and end
 *
 * Ends with its input; the device stays.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "netlink_change.h"
#include "wireguard.h"
#include "wireguard_starter.h"

struct keeper {
	struct tp_wireguard *dev;
	struct tp_netlink *nl;
	bool deleted;
};

/* --- configs --- */

struct building {
	struct tp_wireguard_config config;
	struct tp_wireguard_peer *peers;
};

static void *grow(void *list, size_t n, size_t size)
{
	if (n & (n - 1))
		return list;
	list = realloc(list, (n ? 2 * n : 1) * size);
	if (!list)
		abort();
	return list;
}

static int add_peer(struct building *b, const char *key)
{
	struct tp_wireguard_peer *peer;

	b->peers = grow(b->peers, b->config.n_peers, sizeof(*b->peers));
	b->config.peers = b->peers;
	peer = &b->peers[b->config.n_peers++];
	memset(peer, 0, sizeof(*peer));
	return tp_key_parse(key, peer->public_key);
}

static int add_allowed(struct tp_wireguard_peer *peer, const char *cidr)
{
	struct tp_wireguard_prefix *list = (struct tp_wireguard_prefix *)peer->allowed;
	unsigned int bits;
	int err;

	list = grow(list, peer->n_allowed, sizeof(*list));
	peer->allowed = list;
	err = tp_addr_parse_cidr(cidr, &list[peer->n_allowed].addr, &bits);
	list[peer->n_allowed++].bits = (uint8_t)bits;
	return err;
}

static int peer_line(struct tp_wireguard_peer *peer, const char *what, const char *value)
{
	if (!strcmp(what, "psk"))
		return tp_key_parse(value, peer->preshared_key);
	if (!strcmp(what, "endpoint"))
		return tp_endpoint_parse(value, &peer->endpoint);
	if (!strcmp(what, "allowed"))
		return add_allowed(peer, value);
	if (strcmp(what, "keepalive"))
		return -EINVAL;
	peer->keepalive = (uint16_t)atoi(value);
	return 0;
}

static int config_line(struct building *b, const char *what, const char *value)
{
	if (!strcmp(what, "private"))
		return tp_key_parse(value, b->config.private_key);
	if (!strcmp(what, "port"))
		b->config.listen_port = (uint16_t)atoi(value);
	else if (!strcmp(what, "fwmark"))
		b->config.fwmark = (uint32_t)atoi(value);
	else if (!strcmp(what, "peer"))
		return add_peer(b, value);
	else if (b->config.n_peers)
		return peer_line(&b->peers[b->config.n_peers - 1], what, value);
	else
		return -EINVAL;
	return 0;
}

static void building_fini(struct building *b)
{
	for (size_t i = 0; i < b->config.n_peers; i++)
		free((void *)b->peers[i].allowed);
	free(b->peers);
	tp_wipe(b, sizeof(*b));
}

static int apply(struct keeper *k, const char *path)
{
	struct building b = {0};
	char line[160], what[16], value[128];
	FILE *f = fopen(path, "r");
	int err = f ? 0 : -errno;

	while (!err && fgets(line, sizeof(line), f))
		if (sscanf(line, "%15s %127s", what, value) == 2)
			err = config_line(&b, what, value);
	if (f)
		fclose(f);
	if (!err)
		err = tp_wireguard_apply(k->dev, &b.config);
	building_fini(&b);
	return err;
}

/* --- the device --- */

static void print_stats(void *ctx, const struct tp_wireguard_stats *peer)
{
	char key[TP_KEY_STRLEN], endpoint[TP_ADDR_STRLEN];

	(void)ctx;
	printf("%s %s %llu %llu %llu\n", tp_key_format(peer->public_key, key),
	       peer->endpoint.port ? tp_endpoint_format(&peer->endpoint, endpoint) : "-",
	       (unsigned long long)peer->rx_bytes, (unsigned long long)peer->tx_bytes,
	       (unsigned long long)peer->last_handshake);
}

static int stats(struct keeper *k, const char *unused)
{
	uint16_t port;
	int err = tp_wireguard_stats(k->dev, &port, print_stats, NULL);

	(void)unused;
	printf("port %u\n", port);
	return err;
}

static int save(struct keeper *k, const char *path)
{
	json_t *saved = tp_wireguard_save(k->dev);
	int err = saved && !json_dump_file(saved, path, 0) ? 0 : -EIO;

	json_decref(saved);
	return err;
}

static int load(struct keeper *k, const char *path)
{
	json_t *saved = json_load_file(path, 0, NULL);
	int err = saved ? tp_wireguard_restore(k->dev, saved) : -ENOENT;

	json_decref(saved);
	return err;
}

static int delete (struct keeper *k, const char *unused)
{
	(void)unused;
	k->deleted = true;
	return tp_wireguard_delete(k->dev);
}

/* --- the networking around it --- */

static int up(struct keeper *k, const char *unused)
{
	(void)unused;
	return tp_netlink_link_set_up(k->nl, tp_wireguard_ifindex(k->dev), true);
}

static int down(struct keeper *k, const char *unused)
{
	(void)unused;
	return tp_netlink_link_set_up(k->nl, tp_wireguard_ifindex(k->dev), false);
}

static int mtu(struct keeper *k, const char *value)
{
	return tp_netlink_link_set_mtu(k->nl, tp_wireguard_ifindex(k->dev), (uint32_t)atoi(value));
}

static int parse_address(struct keeper *k, const char *text, struct tp_netlink_address *out)
{
	char cidr[64] = "", flag[16] = "";

	memset(out, 0, sizeof(*out));
	sscanf(text, "%63s %15s", cidr, flag);
	out->ifindex = tp_wireguard_ifindex(k->dev);
	out->no_route = *flag;
	return tp_addr_parse_cidr(cidr, &out->addr, &out->bits);
}

static int address(struct keeper *k, const char *text)
{
	struct tp_netlink_address a;

	return parse_address(k, text, &a) ?: tp_netlink_address_add(k->nl, &a);
}

static int noaddress(struct keeper *k, const char *text)
{
	struct tp_netlink_address a;

	return parse_address(k, text, &a) ?: tp_netlink_address_delete(k->nl, &a);
}

static void print_address(void *ctx, const struct tp_netlink_address *a)
{
	char buf[TP_ADDR_STRLEN];

	(void)ctx;
	printf("%s/%u%s\n", tp_addr_format(&a->addr, buf), a->bits,
	       a->no_route ? " noprefixroute" : "");
}

static int addresses(struct keeper *k, const char *unused)
{
	(void)unused;
	return tp_netlink_address_dump(k->nl, tp_wireguard_ifindex(k->dev), print_address, NULL);
}

/* CIDR [METRIC [SOURCE]] */
static int parse_route(struct keeper *k, const char *text, struct tp_netlink_own_route *out)
{
	char cidr[64] = "", source[64] = "";

	memset(out, 0, sizeof(*out));
	sscanf(text, "%63s %u %63s", cidr, &out->metric, source);
	out->ifindex = tp_wireguard_ifindex(k->dev);
	if (*source && tp_addr_parse(source, &out->source))
		return -EINVAL;
	return tp_addr_parse_cidr(cidr, &out->dst, &out->bits);
}

static int route(struct keeper *k, const char *text)
{
	struct tp_netlink_own_route r;

	return parse_route(k, text, &r) ?: tp_netlink_own_route_replace(k->nl, &r);
}

static int noroute(struct keeper *k, const char *text)
{
	struct tp_netlink_own_route r;

	return parse_route(k, text, &r) ?: tp_netlink_own_route_delete(k->nl, &r);
}

static void print_route(void *ctx, const struct tp_netlink_own_route *r)
{
	char buf[TP_ADDR_STRLEN], source[TP_ADDR_STRLEN];

	(void)ctx;
	printf("%s/%u metric %u source %s\n", tp_addr_format(&r->dst, buf), r->bits, r->metric,
	       tp_addr_is_zero(&r->source) ? "-" : tp_addr_format(&r->source, source));
}

static int routes(struct keeper *k, const char *unused)
{
	(void)unused;
	return tp_netlink_own_route_dump(k->nl, print_route, NULL);
}

/* --- commands --- */

static const struct command {
	const char *name;
	int (*run)(struct keeper *k, const char *argument);
} commands[] = {
	{"apply", apply},
	{"stats", stats},
	{"save", save},
	{"load", load},
	{"up", up},
	{"down", down},
	{"mtu", mtu},
	{"address", address},
	{"noaddress", noaddress},
	{"addresses", addresses},
	{"route", route},
	{"noroute", noroute},
	{"routes", routes},
	{"delete", delete},
};

static int run(struct keeper *k, const char *line)
{
	char name[16] = "";
	int n = 0;

	sscanf(line, "%15s %n", name, &n);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].run(k, line + n);
	return -ENOSYS;
}

static enum tp_wireguard_backend backend_of(const char *name)
{
	if (!strcmp(name, "kernel"))
		return TP_WIREGUARD_KERNEL;
	return !strcmp(name, "wireguard-go") ? TP_WIREGUARD_GO : TP_WIREGUARD_AUTO;
}

static void follow(struct keeper *k)
{
	char line[256];
	int n = 0, err;

	while (!k->deleted && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		err = run(k, line);
		if (err)
			printf("failed %d %s: %s\n", ++n, line, strerror(-err));
		else
			printf("ok %d %s\n", ++n, line);
	}
}

int main(int argc, char **argv)
{
	struct tp_wireguard_starter *starter = NULL;
	struct keeper k = {0};
	int err;

	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	err = tp_crypto_init() ?: tp_netlink_open(&k.nl);
	if (!err && argv[3])
		err = tp_wireguard_starter_new(&starter, argv[3]);
	err = err ?: tp_wireguard_open(&k.dev, argv[1], backend_of(argv[2]), starter);
	if (err)
		return 1;
	printf("open %s %s\n", tp_wireguard_backend_name(tp_wireguard_backend(k.dev)),
	       tp_wireguard_adopted(k.dev) ? "adopted" : "made");
	follow(&k);
	if (!k.deleted)
		tp_wireguard_close(k.dev);
	tp_netlink_close(k.nl);
	tp_wireguard_starter_free(starter);
	return 0;
}
