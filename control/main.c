// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike-control: options, then daemon.c or backup.c. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/backup.h"
#include "control/config.h"
#include "control/daemon.h"
#include "crypto.h"
#include "log.h"

#define CONFIG_PATH "/etc/turnpike/control.conf"

enum { OPT_CHECK = 256, OPT_VERSION, OPT_BACKUP, OPT_RESTORE };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, OPT_CHECK},
	{"backup", required_argument, NULL, OPT_BACKUP},
	{"restore", required_argument, NULL, OPT_RESTORE},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	const char *config_path, *backup, *restore;
	bool check;
};

static void usage(FILE *out)
{
	fputs("Usage: turnpike-control [-c FILE] [options]\n"
	      "Keeps the networks, their nodes and what they may do, and serves the API.\n\n"
	      "  -c, --config FILE   configuration (default " CONFIG_PATH ")\n"
	      "      --check         check the configuration and exit\n"
	      "      --backup FILE   copy the database into a new file, also while the daemon "
	      "runs\n"
	      "      --restore FILE  put such a copy in its place, while the daemon is stopped\n"
	      "  -v, --verbose       say more\n"
	      "      --version       print the version\n"
	      "  -h, --help          print this\n\n"
	      "SIGHUP rereads certificate and key; SIGTERM stops. See turnpike-control(8).\n",
	      out);
}

/* Takes the config over. */
static int work(const struct options *o, struct ctl_config *config)
{
	int err = tp_crypto_init();

	if (!err && !o->backup && !o->restore)
		return ctl_daemon_run(o->config_path, config);
	if (!err && o->backup)
		err = ctl_backup_make(config->state_dir, o->backup);
	if (!err && o->restore)
		err = ctl_backup_restore(config->state_dir, o->restore);
	ctl_config_free(config);
	return err;
}

static int run(const struct options *o)
{
	struct ctl_config *config;

	if (ctl_config_load(o->config_path, &config, stderr))
		return EXIT_FAILURE;
	if (o->check) {
		ctl_config_free(config);
		return EXIT_SUCCESS;
	}
	return work(o, config) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = {.config_path = CONFIG_PATH};
	int opt;

	while ((opt = getopt_long(argc, argv, "c:vh", long_options, NULL)) != -1) {
		switch (opt) {
		case 'c': o.config_path = optarg; break;
		case 'v': tp_log_level(LOG_DEBUG); break;
		case OPT_CHECK: o.check = true; break;
		case OPT_BACKUP: o.backup = optarg; break;
		case OPT_RESTORE: o.restore = optarg; break;
		case OPT_VERSION: puts("turnpike-control " TP_VERSION); return EXIT_SUCCESS;
		case 'h': usage(stdout); return EXIT_SUCCESS;
		default: usage(stderr); return 2;
		}
	}
	if (optind != argc || (o.backup && o.restore)) {
		usage(stderr);
		return 2;
	}
	return run(&o);
}
