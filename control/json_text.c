// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/json_text.h"

#include "control/address.h"
#include "crypto.h"

json_t *ctl_key_json(const uint8_t key[32])
{
	char text[TP_KEY_STRLEN];

	return json_string(tp_key_format(key, text));
}

json_t *ctl_address_json(uint32_t ip, unsigned int bits)
{
	char text[CTL_CIDR_LEN];

	ctl_prefix_format(ip, bits, text);
	return json_string(text);
}

json_t *ctl_ip_json(uint32_t ip)
{
	char text[CTL_IP_LEN];

	ctl_ip_format(ip, text);
	return json_string(text);
}
