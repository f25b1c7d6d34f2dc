// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway/punt.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "bpf/abi/gateway.h"
#include "bpf/lib/mapped.h"
#include "clock.h"
#include "gateway/fragment.h"
#include "log.h"

#define TRY_MS 20 /* how often those that are held are looked at */

struct held {
	uint64_t since; /* tp_now(); 0: free */
	struct gw_punt punt;
};

struct gw_punts {
	struct gw_datapath *dp;
	struct event *readable, *again;
	int socket;
	unsigned int n_held;
	struct gw_punt_stats stats;
	struct held held[GW_PUNT_HELD];
};

/* --- sending -------------------------------------------------------------------------------- */

struct out {
	struct gw_punts *p;
	int ifindex;
};

static int send_part(void *arg, const uint8_t *part, size_t len)
{
	const struct out *out = arg;
	struct sockaddr_in to = {.sin_family = AF_INET};
	union {
		char buf[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)part, len};
	struct msghdr msg = {&to, sizeof(to), &iov, 1, control.buf, sizeof(control.buf), 0};
	struct in_pktinfo info = {.ipi_ifindex = out->ifindex};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	memcpy(&to.sin_addr, part + 16, sizeof(to.sin_addr));
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return sendmsg(out->p->socket, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void cut(struct gw_punts *p, const struct gw_punt *punt)
{
	struct out out = {p, punt->ifindex};
	int err = gw_fragment_cut(punt->packet, punt->len, punt->mtu, send_part, &out);

	if (err) {
		tp_log_limited(LOG_WARNING, "a packet to be fragmented was not sent: %s",
			       strerror(-err));
		p->stats.failed++;
	} else {
		p->stats.cut++;
	}
}

/* --- early fragments ------------------------------------------------------------------------ */

static int way_of(struct gw_punts *p, const struct held *h, const struct gw_flow_key *key,
		  struct gw_flow *flow, uint32_t *ifindex, uint32_t *mtu)
{
	struct gw_overlay overlay;
	struct gw_uplink uplink;
	int err = gw_datapath_flow_get(p->dp, key, flow);

	if (err)
		return err;
	if (h->punt.key.role == GW_OVERLAY && flow->kind != GW_FLOW_OVERLAY) {
		err = gw_datapath_uplink_get(p->dp, flow->uplink, &uplink);
		*ifindex = uplink.ifindex;
		*mtu = uplink.mtu;
	} else {
		err = gw_datapath_overlay_get(p->dp, key->overlay, &overlay);
		*ifindex = overlay.ifindex;
		*mtu = overlay.mtu;
	}
	return err;
}

/* Sends it the way that its first fragment went. */
static int follow(struct gw_punts *p, struct held *h, const struct gw_fragment *lead)
{
	bool nat, out = h->punt.key.role == GW_OVERLAY;
	uint32_t ifindex, mtu, src = 0, dst = 0;
	struct gw_flow flow;
	struct out to = {p, 0};
	int err = way_of(p, h, &lead->flow, &flow, &ifindex, &mtu);

	if (err)
		return err;
	nat = flow.kind == GW_FLOW_NAT;
	if (flow.kind == GW_FLOW_LOCAL || flow.kind == GW_FLOW_HAIRPIN)
		return -EOPNOTSUPP;
	if (nat && out)
		src = flow.ext_addr;
	else if (nat)
		dst = tp_mapped_v4(lead->flow.node);
	err = gw_fragment_readdress(h->punt.packet, h->punt.len, src, dst);
	if (err)
		return err;
	to.ifindex = ifindex;
	return gw_fragment_cut(h->punt.packet, h->punt.len, mtu, send_part, &to);
}

static void release(struct gw_punts *p, struct held *h)
{
	h->since = 0;
	p->n_held--;
}

static void try_held(struct gw_punts *p, struct held *h, uint64_t now)
{
	struct gw_fragment lead;

	if (!gw_datapath_fragment_get(p->dp, &h->punt.key, &lead) &&
	    lead.until > now >> TP_GW_TICK_SHIFT) {
		if (follow(p, h, &lead))
			p->stats.failed++;
		else
			p->stats.followed++;
		release(p, h);
	} else if (now - h->since > GW_PUNT_HOLD_MS * 1000000ull) {
		p->stats.lone++;
		release(p, h);
	}
}

static void schedule(struct gw_punts *p)
{
	struct timeval soon = {.tv_usec = TRY_MS * 1000};

	if (p->n_held && !evtimer_pending(p->again, NULL))
		evtimer_add(p->again, &soon);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct gw_punts *p = arg;
	uint64_t now = tp_now();

	(void)fd;
	(void)what;
	for (unsigned int i = 0; i < GW_PUNT_HELD; i++)
		if (p->held[i].since)
			try_held(p, &p->held[i], now);
	schedule(p);
}

static void hold(struct gw_punts *p, const struct gw_punt *punt)
{
	for (unsigned int i = 0; i < GW_PUNT_HELD; i++) {
		struct held *h = &p->held[i];

		if (h->since)
			continue;
		h->since = tp_now();
		h->punt = *punt;
		p->n_held++;
		return;
	}
	p->stats.full++;
}

/* --- the ring ------------------------------------------------------------------------------- */

static void on_punt(void *arg, const struct gw_punt *punt)
{
	struct gw_punts *p = arg;

	if (punt->len > TP_GW_PUNT)
		return;
	if (punt->kind == GW_PUNT_LARGE)
		cut(p, punt);
	else
		hold(p, punt);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct gw_punts *p = arg;

	(void)fd;
	(void)what;
	gw_datapath_punts_read(p->dp);
	schedule(p);
}

/* A raw socket that sends whole IPv4 packets and receives none. The mark is that of the programs:
 * what goes into an overlay has been judged. */
static int open_socket(uint32_t mark)
{
	int s = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	int err;

	if (s < 0)
		return -errno;
	if (!setsockopt(s, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return s;
	err = -errno;
	close(s);
	return err;
}

int gw_punts_new(struct gw_punts **out, struct event_base *base, struct gw_datapath *dp)
{
	struct gw_punts *p = calloc(1, sizeof(*p));
	int fd, err;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->dp = dp;
	p->socket = open_socket(gw_datapath_mark(dp));
	err = p->socket < 0 ? p->socket : gw_datapath_punts_open(dp, on_punt, p, &fd);
	if (!err) {
		p->again = evtimer_new(base, on_again, p);
		p->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, p);
		if (!p->again || !p->readable || event_add(p->readable, NULL))
			err = -ENOMEM;
	}
	if (err) {
		tp_err("fragments: %s", strerror(-err));
		gw_punts_free(p);
		return err;
	}
	*out = p;
	return 0;
}

void gw_punts_free(struct gw_punts *p)
{
	if (!p)
		return;
	if (p->readable)
		event_free(p->readable);
	if (p->again)
		event_free(p->again);
	gw_datapath_punts_close(p->dp);
	if (p->socket >= 0)
		close(p->socket);
	free(p);
}

const struct gw_punt_stats *gw_punts_stats(const struct gw_punts *p)
{
	return &p->stats;
}
