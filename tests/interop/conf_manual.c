// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Prints the settings of relay.conf, gateway.conf or control.conf as scripts/man.sh puts them into
 * the manual pages. */
#include <string.h>

#include "control/config.h"
#include "gateway/config.h"
#include "relay/config.h"

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "relay.conf"))
		relay_config_print_manual(stdout);
	else if (argc == 2 && !strcmp(argv[1], "gateway.conf"))
		gw_config_print_manual(stdout);
	else if (argc == 2 && !strcmp(argv[1], "control.conf"))
		ctl_config_print_manual(stdout);
	else
		return 2;
	return fflush(stdout) == 0 ? 0 : 1;
}
