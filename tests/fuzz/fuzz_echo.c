/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a raw ICMP socket hands out: only an answer with our id is one, and its number is read from
 * where the header says. */
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/relay_probe.h"

#define ID 0x7475

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *packet = malloc(len ? len : 1); /* so that its end is guarded */
	uint16_t seq = 0;
	size_t at;

	if (!packet)
		abort();
	memcpy(packet, data, len);
	if (!gw_relay_echo_read(packet, len, ID, &seq)) {
		at = (size_t)(packet[0] & 15) * 4;
		demand(at >= 20 && len >= at + 8 && packet[at] == ICMP_ECHOREPLY);
		demand(packet[at + 4] == ID >> 8 && packet[at + 5] == (ID & 255));
		demand(seq == (packet[at + 6] << 8 | packet[at + 7]));
	}
	free(packet);
	return 0;
}
