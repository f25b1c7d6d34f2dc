// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway/loopback.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/sysctl.h"
#include "log.h"

#define FORWARDING "/proc/sys/net/ipv4/conf/lo/forwarding"

bool gw_loopback_forward(bool *ours)
{
	char *text;
	int err = gw_sysctl_read(FORWARDING, &text);
	bool on = !err && text[0] == '1';

	free(text);
	if (on)
		return true;
	err = err ?: gw_sysctl_write(FORWARDING, "1");
	if (err)
		tp_warn(FORWARDING
			": %s; next hops are looked up for each packet, which costs some speed",
			strerror(-err));
	else
		*ours = true;
	return !err;
}

void gw_loopback_release(void)
{
	int err = gw_sysctl_write(FORWARDING, "0");

	if (err)
		tp_warn(FORWARDING ": cannot be switched off again: %s", strerror(-err));
}
