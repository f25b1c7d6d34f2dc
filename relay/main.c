/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* turnpike-relay: options, then daemon.c. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "log.h"
#include "relay/config.h"
#include "relay/daemon.h"
#include "relay/membership.h"

#define CONFIG_PATH "/etc/turnpike/relay.conf"

enum { OPT_CHECK = 256, OPT_VERSION, OPT_DETACH };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, OPT_CHECK},
	{"detach-on-exit", no_argument, NULL, OPT_DETACH},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void usage(FILE *out)
{
	fputs("Usage: turnpike-relay [-c FILE] [options]\n"
	      "Relays WireGuard packets between the nodes named in its configuration.\n\n"
	      "  -c, --config FILE   configuration (default " CONFIG_PATH ")\n"
	      "      --check         check the configuration and exit\n"
	      "      --detach-on-exit  on a clean stop, take XDP off and remove all pinned state\n"
	      "  -v, --verbose       say more\n"
	      "      --version       print the version\n"
	      "  -h, --help          print this\n\n"
	      "SIGHUP rereads the configuration; SIGTERM stops. See turnpike-relay(8).\n",
	      out);
}

static int run(struct daemon_options *options, bool check)
{
	struct relay_config *config;
	json_t *saved;
	int err = relay_member_load(options->config_path, &config, &saved, stderr);

	options->saved = saved;
	if (err || check)
		relay_config_free(config);
	else
		err = tp_crypto_init() ? (relay_config_free(config), -1)
				       : daemon_run(options, config);
	json_decref(saved);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct daemon_options options = {.config_path = CONFIG_PATH};
	bool check = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "c:vh", long_options, NULL)) != -1) {
		switch (opt) {
		case 'c': options.config_path = optarg; break;
		case 'v': tp_log_level(LOG_DEBUG); break;
		case OPT_CHECK: check = true; break;
		case OPT_DETACH: options.detach_on_exit = true; break;
		case OPT_VERSION: puts("turnpike-relay " TP_VERSION); return EXIT_SUCCESS;
		case 'h': usage(stdout); return EXIT_SUCCESS;
		default: usage(stderr); return 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	return run(&options, check);
}
