/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What nodes send inside their tunnel with the relay: an echo request to the service address is
 * turned into its reply, and anything else is left as it is. */
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

/* Ones' complement sum of big-endian words; 0xffff when a checksum is among them and right. */
static uint32_t sum(const uint8_t *p, size_t len, uint32_t more)
{
	uint64_t total = more;

	for (size_t i = 0; i < len; i++)
		total += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint32_t)total;
}

static void check_v4(const uint8_t *in, const uint8_t *out, size_t n)
{
	demand(n >= 28 && out[0] == 0x45 && n == ((size_t)out[2] << 8 | out[3]));
	demand(!memcmp(out + 12, in + 16, 4) && !memcmp(out + 16, in + 12, 4));
	demand(out[20] == ICMP_ECHOREPLY && in[20] == ICMP_ECHO);
	demand(sum(out, 20, 0) == 0xffff && sum(out + 20, n - 20, 0) == 0xffff);
	demand(!memcmp(out + 24, in + 24, n - 24)); /* id, sequence, data */
}

static void check_v6(const uint8_t *in, const uint8_t *out, size_t n)
{
	uint32_t pseudo = sum(out + 8, 32, (uint32_t)(n - 40) + IPPROTO_ICMPV6);

	demand(n >= 48 && n - 40 == ((size_t)out[4] << 8 | out[5]));
	demand(!memcmp(out + 8, in + 24, 16) && !memcmp(out + 24, in + 8, 16));
	demand(out[40] == ICMP6_ECHO_REPLY && in[40] == ICMP6_ECHO_REQUEST);
	demand(sum(out + 40, n - 40, pseudo) == 0xffff);
	demand(!memcmp(out + 44, in + 44, n - 44));
}

static void try_service(const uint8_t *data, size_t len, const struct tp_addr *service)
{
	uint8_t *inner = malloc(len); /* its end is guarded */
	size_t n;

	if (len && !inner)
		abort();
	memcpy(inner, data, len);
	n = tunnel_echo(inner, len, service);
	demand(n <= len);
	demand(!memcmp(inner + n, data + n, len - n));
	if (n && tp_addr_is_v4(service))
		check_v4(data, inner, n);
	else if (n)
		check_v6(data, inner, n);
	free(inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct tp_addr none,
		v4 = {{[10] = 0xff, [11] = 0xff, [12] = 100, [13] = 127, [14] = 255, [15] = 1}},
		v6 = {{0xfd, 0, [15] = 1}};

	try_service(data, len, &none);
	try_service(data, len, &v4);
	try_service(data, len, &v6);
	return 0;
}
