// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Prints the settings of relay.conf as scripts/man.sh puts them into the manual page. */
#include "relay/config.h"

int main(void)
{
	relay_config_print_manual(stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}
