/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses, prefixes and endpoints as text: what is accepted survives being printed and read. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
	if (!so)
		abort();
}

static void try_addr(const char *text)
{
	char buf[TP_ADDR_STRLEN];
	struct tp_addr a, back;

	if (tp_addr_parse(text, &a))
		return;
	must(!tp_addr_parse(tp_addr_format(&a, buf), &back));
	must(tp_addr_equal(&a, &back));
}

static void try_cidr(const char *text)
{
	struct tp_addr a, network, host;
	unsigned int bits;

	if (tp_addr_parse_cidr(text, &a, &bits))
		return;
	must(bits <= (tp_addr_is_v4(&a) ? 32 : 128));
	network = tp_addr_prefix(&a, bits);
	must(!tp_addr_is_v4(&a) || tp_addr_is_v4(&network));
	host = tp_addr_prefix(&network, bits);
	must(tp_addr_equal(&network, &host));
}

static void try_endpoint(const char *text)
{
	struct sockaddr_storage sa;
	struct tp_endpoint e, back;
	char buf[TP_ADDR_STRLEN];

	if (tp_endpoint_parse(text, &e))
		return;
	must(!tp_endpoint_parse(tp_endpoint_format(&e, buf), &back));
	must(tp_endpoint_equal(&e, &back));
	tp_endpoint_to_sockaddr(&e, &sa);
	must(!tp_endpoint_from_sockaddr((void *)&sa, &back));
	must(tp_endpoint_equal(&e, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* of its exact size, so that reading past it is seen */

	must(text);
	memcpy(text, data, size);
	text[size] = '\0';
	try_addr(text);
	try_cidr(text);
	try_endpoint(text);
	free(text);
	return 0;
}
