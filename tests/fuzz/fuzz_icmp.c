/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a socket's error queue may yield: the input is a sockaddr_in6's worth of address, and then
 * ancillary data. Only "too big" errors of either family come out. */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/errqueue.h> /* wants time.h before it */

#include "udp_socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

/* Somewhere in the ancillary data there must be the error that says so. */
static bool tells_mtu(const uint8_t *control, size_t len, uint32_t mtu)
{
	struct sock_extended_err e;

	for (size_t at = 0; at + sizeof(e) <= len; at++) {
		memcpy(&e, control + at, sizeof(e));
		if (e.ee_info != mtu)
			continue;
		if (e.ee_origin == SO_EE_ORIGIN_ICMP && e.ee_type == ICMP_DEST_UNREACH &&
		    e.ee_code == ICMP_FRAG_NEEDED)
			return true;
		if (e.ee_origin == SO_EE_ORIGIN_ICMP6 && e.ee_type == ICMP6_PACKET_TOO_BIG)
			return true;
	}
	return false;
}

static void check(struct msghdr *m, const struct tp_udp_error *e)
{
	const struct sockaddr_in6 *to = m->msg_name;

	demand(tells_mtu(m->msg_control, m->msg_controllen, e->mtu));
	demand(to->sin6_family == AF_INET || to->sin6_family == AF_INET6);
	demand(e->to.port == to->sin6_port); /* at the same place in both */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sockaddr_storage to = {0};
	size_t named = sizeof(struct sockaddr_in6);
	struct tp_udp_error e = {0};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof(to)};

	if (len < named)
		return 0;
	memcpy(&to, data, named);
	m.msg_controllen = len - named;
	m.msg_control = malloc(m.msg_controllen); /* so that its end is guarded */
	if (m.msg_controllen && !m.msg_control)
		abort();
	memcpy(m.msg_control, data + named, m.msg_controllen);
	if (tp_udp_error_parse(&m, &e))
		check(&m, &e);
	free(m.msg_control);
	return 0;
}
