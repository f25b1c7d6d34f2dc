/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* turnpike-gateway: options, then daemon.c. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "log.h"
#include "gateway/config.h"
#include "gateway/daemon.h"
#include "gateway/membership.h"
#include "gateway/ruleset.h"

#define CONFIG_PATH "/etc/turnpike/gateway.conf"

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
	fputs("Usage: turnpike-gateway [-c FILE] [options]\n"
	      "Lets overlay nodes reach the subnets beyond this host, as its policy allows.\n\n"
	      "  -c, --config FILE   configuration (default " CONFIG_PATH ")\n"
	      "      --check         check the configuration and exit\n"
	      "      --detach-on-exit  on a clean stop, take all programs off and remove pinned "
	      "state\n"
	      "  -v, --verbose       say more\n"
	      "      --version       print the version\n"
	      "  -h, --help          print this\n\n"
	      "SIGHUP rereads the configuration; SIGTERM stops. See turnpike-gateway(8).\n",
	      out);
}

/* The file and its rules; whatever is wrong with either is told. */
static int check_config(const struct gw_config *config, const char *path)
{
	struct gw_policy_tables *policy;
	int err = gw_ruleset_compile(config, NULL, NULL, 0, path, &policy, stderr);

	gw_policy_free(policy);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A gateway that no control plane has put into a network yet has nothing to open. */
static int join_first(struct gw_daemon_options *options, struct gw_config **config, json_t **saved)
{
	int err;

	if (!(*config)->control.server || (*config)->n_overlays)
		return 0;
	err = gw_membership_join(*config);
	gw_config_free(*config);
	*config = NULL;
	json_decref(*saved);
	*saved = NULL;
	err = err ?: gw_membership_load(options->config_path, config, saved, stderr);
	return err;
}

static int start(struct gw_daemon_options *options, struct gw_config *config, json_t **saved)
{
	int err = tp_crypto_init() ?: join_first(options, &config, saved);

	options->saved = *saved;
	if (!err)
		return gw_daemon_run(options, config);
	gw_config_free(config);
	return err == -ECANCELED ? 0 : err;
}

static int run(struct gw_daemon_options *options, bool check)
{
	struct gw_config *config;
	json_t *saved;
	int err = gw_membership_load(options->config_path, &config, &saved, stderr);

	if (!err && check) {
		err = check_config(config, options->config_path);
		gw_config_free(config);
	} else if (!err) {
		err = start(options, config, &saved);
	}
	json_decref(saved);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct gw_daemon_options options = {.config_path = CONFIG_PATH};
	bool check = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "c:vh", long_options, NULL)) != -1) {
		switch (opt) {
		case 'c': options.config_path = optarg; break;
		case 'v': tp_log_level(LOG_DEBUG); break;
		case OPT_CHECK: check = true; break;
		case OPT_DETACH: options.detach_on_exit = true; break;
		case OPT_VERSION: puts("turnpike-gateway " TP_VERSION); return EXIT_SUCCESS;
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
