// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netlink_wireguard.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "netlink_generic.h"

#define NEST_ROOM    MNL_ATTR_HDRLEN
#define ATTR_ROOM(n) (MNL_ATTR_HDRLEN + MNL_ALIGN(n))

/* Longest form of what a message is made of. */
#define PEER_ROOM                                                                             \
	(2 * NEST_ROOM + 2 * ATTR_ROOM(WG_KEY_LEN) + ATTR_ROOM(sizeof(struct sockaddr_in6)) + \
	 ATTR_ROOM(4) + ATTR_ROOM(2))
#define PREFIX_ROOM (NEST_ROOM + ATTR_ROOM(2) + ATTR_ROOM(sizeof(struct in6_addr)) + ATTR_ROOM(1))

/* --- what is sent --- */

struct packer {
	uint16_t family;
	int ifindex;
	tp_netlink_wireguard_send_fn *send;
	void *ctx;
	struct nlmsghdr *nlh;
	struct nlattr *peers;
	_Alignas(NLMSG_ALIGNTO) char buf[TP_NETLINK_WIREGUARD_MESSAGE];
};

static void begin(struct packer *p)
{
	struct genlmsghdr *genl;

	p->nlh = mnl_nlmsg_put_header(p->buf);
	p->nlh->nlmsg_type = p->family;
	p->nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(p->nlh, sizeof(*genl));
	genl->cmd = WG_CMD_SET_DEVICE;
	genl->version = WG_GENL_VERSION;
	mnl_attr_put_u32(p->nlh, WGDEVICE_A_IFINDEX, (uint32_t)p->ifindex);
	p->peers = NULL;
}

static int flush(struct packer *p)
{
	if (p->peers)
		mnl_attr_nest_end(p->nlh, p->peers);
	return p->send(p->ctx, p->nlh);
}

static bool has_room(const struct packer *p, size_t room)
{
	return p->nlh->nlmsg_len + room <= sizeof(p->buf);
}

static void put_device(struct packer *p, const struct tp_wireguard_device_change *device)
{
	if (device->private_key)
		mnl_attr_put(p->nlh, WGDEVICE_A_PRIVATE_KEY, WG_KEY_LEN, device->private_key);
	if (device->listen_port >= 0)
		mnl_attr_put_u16(p->nlh, WGDEVICE_A_LISTEN_PORT, (uint16_t)device->listen_port);
	if (device->fwmark >= 0)
		mnl_attr_put_u32(p->nlh, WGDEVICE_A_FWMARK, (uint32_t)device->fwmark);
}

static uint32_t peer_flags(const struct tp_wireguard_peer_change *peer)
{
	return (peer->remove ? WGPEER_F_REMOVE_ME : 0) |
	       (peer->update_only ? WGPEER_F_UPDATE_ONLY : 0);
}

static struct nlattr *begin_peer(struct packer *p, const uint8_t public_key[WG_KEY_LEN],
				 uint32_t flags)
{
	struct nlattr *nest;

	if (!p->peers)
		p->peers = mnl_attr_nest_start(p->nlh, WGDEVICE_A_PEERS);
	nest = mnl_attr_nest_start(p->nlh, 0);
	mnl_attr_put(p->nlh, WGPEER_A_PUBLIC_KEY, WG_KEY_LEN, public_key);
	if (flags)
		mnl_attr_put_u32(p->nlh, WGPEER_A_FLAGS, flags);
	return nest;
}

static void put_settings(struct nlmsghdr *nlh, const struct tp_wireguard_peer_change *peer)
{
	struct sockaddr_storage sa;
	socklen_t len;

	if (peer->preshared_key)
		mnl_attr_put(nlh, WGPEER_A_PRESHARED_KEY, WG_KEY_LEN, peer->preshared_key);
	if (peer->endpoint.port) {
		len = tp_endpoint_to_sockaddr(&peer->endpoint, &sa);
		mnl_attr_put(nlh, WGPEER_A_ENDPOINT, len, &sa);
	}
	if (peer->keepalive >= 0)
		mnl_attr_put_u16(nlh, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
				 (uint16_t)peer->keepalive);
}

static void put_prefix(struct nlmsghdr *nlh, const struct tp_wireguard_prefix *prefix)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, 0);

	mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY,
			 tp_addr_is_v4(&prefix->addr) ? AF_INET : AF_INET6);
	tp_netlink_put_addr(nlh, WGALLOWEDIP_A_IPADDR, &prefix->addr);
	mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, prefix->bits);
	mnl_attr_nest_end(nlh, nest);
}

/* As many as fit. */
static size_t put_prefixes(struct packer *p, const struct tp_wireguard_prefix *prefixes, size_t n)
{
	struct nlattr *nest;
	size_t i;

	if (!n)
		return 0;
	nest = mnl_attr_nest_start(p->nlh, WGPEER_A_ALLOWEDIPS);
	for (i = 0; i < n && has_room(p, PREFIX_ROOM); i++)
		put_prefix(p->nlh, &prefixes[i]);
	mnl_attr_nest_end(p->nlh, nest);
	return i;
}

static int put_peer(struct packer *p, const struct tp_wireguard_peer_change *peer)
{
	uint32_t flags = peer_flags(peer);
	struct nlattr *nest;
	size_t done = 0;
	int err;

	do {
		if (!has_room(p, PEER_ROOM + PREFIX_ROOM)) {
			err = flush(p);
			if (err)
				return err;
			begin(p);
		}
		nest = begin_peer(p, peer->public_key, flags);
		if (!done)
			put_settings(p->nlh, peer);
		done += put_prefixes(p, peer->allowed + done, peer->n_allowed - done);
		mnl_attr_nest_end(p->nlh, nest);
		flags |= WGPEER_F_UPDATE_ONLY; /* it is there by then, or someone took it away */
	} while (done < peer->n_allowed);
	return 0;
}

int tp_netlink_wireguard_pack(uint16_t family, int ifindex, const struct tp_wireguard_plan *plan,
			      tp_netlink_wireguard_send_fn *send, void *ctx)
{
	struct packer p = {.family = family, .ifindex = ifindex, .send = send, .ctx = ctx};
	int err = 0;

	begin(&p);
	put_device(&p, &plan->device);
	for (size_t i = 0; !err && i < plan->n_peers; i++)
		err = put_peer(&p, &plan->peers[i]);
	if (!err)
		err = flush(&p);
	tp_wipe(p.buf, sizeof(p.buf));
	return err;
}

/* --- what is read --- */

/* An attribute of an exact length, if it is there. False: it has another. */
static bool take(const struct nlattr *attr, void *out, size_t len)
{
	if (!attr)
		return true;
	if (mnl_attr_get_payload_len(attr) != len)
		return false;
	memcpy(out, mnl_attr_get_payload(attr), len);
	return true;
}

static int read_device(struct tp_netlink_wireguard_dump *dump, const struct tp_netlink_attrs *attrs)
{
	struct tp_wireguard_seen_device device = {0};
	int err = -EBADMSG;

	if (take(attrs->at[WGDEVICE_A_PRIVATE_KEY], device.private_key, WG_KEY_LEN) &&
	    take(attrs->at[WGDEVICE_A_LISTEN_PORT], &device.listen_port, sizeof(uint16_t)) &&
	    take(attrs->at[WGDEVICE_A_FWMARK], &device.fwmark, sizeof(uint32_t)))
		err = dump->sink->device(dump->sink->ctx, &device);
	tp_wipe(&device, sizeof(device));
	return err;
}

static int read_endpoint(const struct nlattr *attr, struct tp_endpoint *out)
{
	struct sockaddr_storage sa = {0};
	uint16_t len;

	if (!attr)
		return 0;
	len = mnl_attr_get_payload_len(attr);
	if (len < sizeof(sa.ss_family) || len > sizeof(sa))
		return -EBADMSG;
	memcpy(&sa, mnl_attr_get_payload(attr), len);
	if ((sa.ss_family == AF_INET && len < sizeof(struct sockaddr_in)) ||
	    (sa.ss_family == AF_INET6 && len < sizeof(struct sockaddr_in6)))
		return -EBADMSG;
	return tp_endpoint_from_sockaddr((struct sockaddr *)&sa, out) ? -EBADMSG : 0;
}

static int read_settings(struct tp_netlink_wireguard_dump *dump,
			 const struct tp_netlink_attrs *attrs)
{
	struct tp_wireguard_seen_peer peer = {0};
	struct __kernel_timespec handshake = {0};
	struct tp_wireguard_stats *stats = &peer.stats;
	int err = read_endpoint(attrs->at[WGPEER_A_ENDPOINT], &stats->endpoint);

	memcpy(stats->public_key, dump->peer, WG_KEY_LEN);
	if (!take(attrs->at[WGPEER_A_PRESHARED_KEY], peer.preshared_key, WG_KEY_LEN) ||
	    !take(attrs->at[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL], &peer.keepalive, 2) ||
	    !take(attrs->at[WGPEER_A_LAST_HANDSHAKE_TIME], &handshake, sizeof(handshake)) ||
	    !take(attrs->at[WGPEER_A_RX_BYTES], &stats->rx_bytes, sizeof(uint64_t)) ||
	    !take(attrs->at[WGPEER_A_TX_BYTES], &stats->tx_bytes, sizeof(uint64_t)))
		err = -EBADMSG;
	stats->last_handshake = TP_SEC((uint64_t)handshake.tv_sec) + (uint64_t)handshake.tv_nsec;
	if (!err)
		err = dump->sink->peer(dump->sink->ctx, &peer);
	tp_wipe(&peer, sizeof(peer));
	return err;
}

static int read_prefix(struct tp_netlink_wireguard_dump *dump, const struct nlattr *attr)
{
	struct tp_wireguard_prefix prefix = {0};
	struct tp_netlink_attrs attrs;
	uint16_t family = 0;

	tp_netlink_attrs_nested(&attrs, attr);
	if (!tp_netlink_attr_u16(attrs.at[WGALLOWEDIP_A_FAMILY], &family) ||
	    !tp_netlink_attr_addr(attrs.at[WGALLOWEDIP_A_IPADDR], family, &prefix.addr) ||
	    !attrs.at[WGALLOWEDIP_A_CIDR_MASK] ||
	    !take(attrs.at[WGALLOWEDIP_A_CIDR_MASK], &prefix.bits, 1) ||
	    prefix.bits > (family == AF_INET ? 32 : 128))
		return -EBADMSG;
	return dump->sink->allowed(dump->sink->ctx, dump->peer, &prefix);
}

/* What goes on in the next message is told by its key and the rest of its prefixes. */
static int read_peer(struct tp_netlink_wireguard_dump *dump, const struct nlattr *attr)
{
	struct tp_netlink_attrs attrs;
	uint8_t key[WG_KEY_LEN];
	struct nlattr *prefix;
	bool goes_on;
	int err = 0;

	tp_netlink_attrs_nested(&attrs, attr);
	if (!attrs.at[WGPEER_A_PUBLIC_KEY] || !take(attrs.at[WGPEER_A_PUBLIC_KEY], key, WG_KEY_LEN))
		return -EBADMSG;
	goes_on = dump->peer_told && !memcmp(key, dump->peer, WG_KEY_LEN);
	memcpy(dump->peer, key, WG_KEY_LEN);
	dump->peer_told = true;
	if (!goes_on)
		err = read_settings(dump, &attrs);
	if (err || !attrs.at[WGPEER_A_ALLOWEDIPS])
		return err;
	mnl_attr_for_each_nested(prefix, attrs.at[WGPEER_A_ALLOWEDIPS])
	{
		err = err ?: read_prefix(dump, prefix);
	}
	return err;
}

void tp_netlink_wireguard_read(struct tp_netlink_wireguard_dump *dump, const struct nlmsghdr *nlh)
{
	struct tp_netlink_attrs attrs;
	struct nlattr *peer;

	if (dump->err)
		return;
	if (!tp_netlink_generic_attrs(&attrs, nlh)) {
		dump->err = -EBADMSG;
		return;
	}
	if (!dump->device_told)
		dump->err = read_device(dump, &attrs);
	dump->device_told = true;
	if (!attrs.at[WGDEVICE_A_PEERS])
		return;
	mnl_attr_for_each_nested(peer, attrs.at[WGDEVICE_A_PEERS])
	{
		dump->err = dump->err ?: read_peer(dump, peer);
	}
}
