/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's dumps of a WireGuard device: netlink messages in a row, taken for a state. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "netlink_wireguard.h"
#include "wireguard_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* mnl_nlmsg_ok() takes a length of 2^31 and more for a negative one, which the kernel never sends.
 */
static bool whole(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tp_netlink_wireguard_dump dump = {0};
	struct tp_wireguard_state *state;
	struct tp_wireguard_sink sink;
	const struct nlmsghdr *nlh;
	int left = (int)len;
	uint8_t *copy;

	if (tp_crypto_init() || !(state = tp_wireguard_state_new()))
		abort();
	copy = malloc(len + 1); /* of its exact size but one, so that reading past it is seen */
	if (!copy)
		abort();
	memcpy(copy, data, len);
	sink = tp_wireguard_state_sink(state);
	dump.sink = &sink;
	for (nlh = (void *)copy; whole(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		tp_netlink_wireguard_read(&dump, nlh);
	free(copy);
	tp_wireguard_state_free(state);
	return 0;
}
