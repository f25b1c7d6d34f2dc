// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "udp.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "messages.h"
#include "udp_socket.h"

/* Absorbs 20 ms of a million small datagrams a second while the daemon is busy elsewhere. */
#define BUFFER_BYTES (8 << 20)

/* Of handshakes a few hundred may wait. One costs up to 0.4 ms, and what has waited for 5 s is
 * answered in vain, since its sender has begun anew: with a long queue a relay that ten thousand
 * nodes call at once works for ever on messages that are too old. */
#define CONTROL_BUFFER_BYTES (1 << 20)

struct option {
	int level, name, value;
	const char *text;
	bool required;
};

/* clang-format off */
static const struct option options_v4[] = {
	{ IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO", true },
	{ IPPROTO_IP, IP_RECVTOS, 1, "IP_RECVTOS", true },
	{ IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR", true },
	{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT, "IP_MTU_DISCOVER", true },
};

/* OMIT would keep packet-too-big out of the error queue here (IPv4's frag-needed gets there), and
 * fragment for the device instead of the path. WANT does neither. */
static const struct option options_v6[] = {
	{ IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY", true },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO", true },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "IPV6_RECVTCLASS", true },
	{ IPPROTO_IPV6, IPV6_RECVERR, 1, "IPV6_RECVERR", true },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, "IPV6_MTU_DISCOVER", true },
};

static const struct option options_udp[] = {
	{ IPPROTO_UDP, UDP_GRO, 1, "UDP_GRO", false },
};
/* clang-format on */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static int set_option(int fd, const struct option *o)
{
	int err;

	if (!setsockopt(fd, o->level, o->name, &o->value, sizeof(o->value)))
		return 0;
	err = -errno;
	if (!o->required) {
		tp_debug("udp: no %s: %s", o->text, strerror(-err));
		return 0;
	}
	tp_err("udp: %s: %s", o->text, strerror(-err));
	return err;
}

static int set_options(int fd, const struct option *options, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = set_option(fd, &options[i]);
	return err;
}

/* Only privilege gets past the system's limit; without it, what the limit allows. */
static void set_buffer(int fd, int forced, int plain, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

static int set_up(int fd, int family)
{
	int err;

	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, BUFFER_BYTES);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, BUFFER_BYTES);
	if (family == AF_INET)
		err = set_options(fd, options_v4, ARRAY_LEN(options_v4));
	else
		err = set_options(fd, options_v6, ARRAY_LEN(options_v6));
	if (err)
		return err;
	return set_options(fd, options_udp, ARRAY_LEN(options_udp));
}

static int share_port(int fd)
{
	static const struct option share = {SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", true};

	return set_option(fd, &share);
}

/*
 * Chooses the group's socket by class. The program sees the UDP payload at offset 0, loads words in
 * network order, and a load past the datagram's end makes it return 0. Attached before the first
 * socket is bound, so that the group never goes by hash; which also makes that bind fail when the
 * port has a group already, where later sockets would be members beyond our count.
 */
static int attach_split(int fd, uint8_t tag)
{
	const uint32_t data = (uint32_t)WG_DATA << 24; /* a type byte and three zeros */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, data, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, TP_UDP_CONTROL),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 7),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, tag, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, TP_UDP_SESSION),
		BPF_STMT(BPF_RET | BPF_K, TP_UDP_DATA),
	};
	struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
	int err;

	if (!setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)))
		return 0;
	err = -errno;
	tp_err("udp: SO_ATTACH_REUSEPORT_CBPF: %s", strerror(-err));
	return err;
}

static int bind_any(struct tp_udp *u, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
	bool is_v4 = u->family == AF_INET;
	struct sockaddr *sa = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t len = is_v4 ? sizeof(v4) : sizeof(v6);

	if (bind(u->fd, sa, len) || getsockname(u->fd, sa, &len)) {
		int err = -errno;

		tp_err("udp: port %u (%s): %s", ntohs(port), is_v4 ? "IPv4" : "IPv6",
		       strerror(-err));
		return err;
	}
	u->port = is_v4 ? v4.sin_port : v6.sin6_port;
	return 0;
}

/* A socket that is set up but not bound. */
static int new_socket(struct tp_udp **out, int family)
{
	struct tp_udp *u = calloc(1, sizeof(*u));
	int err;

	*out = NULL;
	if (!u)
		return -ENOMEM;
	u->family = family;
	u->gso = true;
	u->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (u->fd < 0) {
		err = -errno;
		tp_err("udp: socket: %s", strerror(-err));
		goto fail;
	}
	err = set_up(u->fd, family);
	if (err)
		goto fail;
	*out = u;
	return 0;
fail:
	tp_udp_close(u);
	return err;
}

int tp_udp_open(struct tp_udp **out, int family, uint16_t port)
{
	int err = new_socket(out, family);

	if (!err)
		err = bind_any(*out, port);
	if (err) {
		tp_udp_close(*out);
		*out = NULL;
	}
	return err;
}

static int open_member(struct tp_udp **out, int family, uint16_t port, const uint8_t *tag)
{
	int err = new_socket(out, family);

	if (!err)
		err = share_port((*out)->fd);
	if (!err && tag) {
		set_buffer((*out)->fd, SO_RCVBUFFORCE, SO_RCVBUF, CONTROL_BUFFER_BYTES);
		err = attach_split((*out)->fd, *tag);
	}
	return err ? err : bind_any(*out, port);
}

int tp_udp_open_group(struct tp_udp *out[TP_UDP_CLASSES], int family, uint16_t port, uint8_t tag)
{
	memset(out, 0, TP_UDP_CLASSES * sizeof(*out));
	for (int i = 0; i < TP_UDP_CLASSES; i++) {
		int err = open_member(&out[i], family, port, i ? NULL : &tag);

		if (err) {
			for (; i >= 0; i--) {
				tp_udp_close(out[i]);
				out[i] = NULL;
			}
			return err;
		}
		port = out[i]->port;
	}
	return 0;
}

void tp_udp_close(struct tp_udp *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}

int tp_udp_fd(const struct tp_udp *u)
{
	return u->fd;
}

uint16_t tp_udp_port(const struct tp_udp *u)
{
	return u->port;
}
