// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Simulated members of a control plane (bench/lib/members.h), told by lines on stdin what to do,
 *one line of JSON each for an answer:
 *
 *	join		all of them, until each has all peers of its network
 *	change N	wait until N members were told something
 *	resync		wait until each has a view again
 *	report N	N reports of handshakes, until control has taken them
 *
 *	control_nodes -c ADDR:PORT -k KEY [-w WINDOW] NETWORKS
 *
 * NETWORKS: a file of lines "AUTH-KEY MEMBERS".
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "bench/lib/members.h"
#include "clock.h"
#include "crypto.h"

#define NETWORKS_MAX 256
#define PATIENCE     TP_SEC(1200)
#define LOOK_US	     2000

enum goal { NOTHING, COMPLETE, TOLD };

static struct members all = {.window = 64};
static char *auth_keys[NETWORKS_MAX];
static uint32_t sizes[NETWORKS_MAX];

static struct {
	char name[16];
	enum goal goal;
	uint32_t want;
	uint64_t since;
} task;

/* --- answers --- */

static double ms_since(uint64_t at)
{
	return at > task.since ? (double)(at - task.since) / 1e6 : 0;
}

static void answer(const char *error)
{
	printf("{\"phase\":\"%s\",\"done\":%u,\"ms\":%.1f,\"first_ms\":%.1f,\"last_ms\":%.1f,"
	       "\"messages\":%llu%s%s%s}\n",
	       task.name, task.goal == COMPLETE ? all.count.complete : all.count.told,
	       ms_since(tp_now()), ms_since(all.count.first), ms_since(all.count.last),
	       (unsigned long long)all.count.messages, error ? ",\"error\":\"" : "",
	       error ? error : "", error ? "\"" : "");
	fflush(stdout);
	task.goal = NOTHING;
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	uint32_t have = task.goal == COMPLETE ? all.count.complete : all.count.told;

	(void)fd;
	(void)what;
	(void)arg;
	if (task.goal == NOTHING)
		return;
	if (have >= task.want)
		answer(NULL);
	else if (all.refused)
		answer("a member was refused");
	else if (tp_now() > task.since + PATIENCE)
		answer("it takes too long");
}

/* --- commands --- */

static void begin(const char *name, enum goal goal, uint32_t want)
{
	members_mark(&all);
	snprintf(task.name, sizeof(task.name), "%s", name);
	task.goal = goal;
	task.want = want;
	task.since = tp_now();
}

static void on_line(evutil_socket_t fd, short what, void *arg)
{
	char line[64], word[16] = "";
	unsigned int n = 0;

	(void)fd;
	(void)what;
	if (!fgets(line, sizeof(line), stdin)) {
		event_base_loopexit(arg, NULL);
		return;
	}
	sscanf(line, "%15s %u", word, &n);
	if (!strcmp(word, "join")) {
		begin(word, COMPLETE, all.n);
		members_connect(&all);
	} else if (!strcmp(word, "change")) {
		begin(word, TOLD, n);
	} else if (!strcmp(word, "resync")) {
		begin(word, TOLD, all.n);
	} else if (!strcmp(word, "report")) {
		begin(word, TOLD, 1);
		members_report(&all, n, (uint64_t)time(NULL) * 1000);
	} else {
		fprintf(stderr, "unknown command: %s", line);
	}
}

/* --- start --- */

static int read_networks(const char *path)
{
	FILE *f = fopen(path, "r");
	char key[129];
	unsigned int n;

	if (!f)
		return -errno;
	while (all.n_networks < NETWORKS_MAX && fscanf(f, "%128s %u", key, &n) == 2) {
		auth_keys[all.n_networks] = strdup(key);
		sizes[all.n_networks++] = n;
	}
	fclose(f);
	return all.n_networks ? 0 : -EINVAL;
}

static int read_options(int argc, char **argv)
{
	struct tp_endpoint at;
	int option;

	all.control.sin_family = AF_INET;
	while ((option = getopt(argc, argv, "c:k:w:")) != -1) {
		if (option == 'c' && !tp_endpoint_parse(optarg, &at) && tp_addr_is_v4(&at.addr)) {
			all.control.sin_addr = tp_addr_to_v4(&at.addr);
			all.control.sin_port = at.port;
		} else if (option == 'w') {
			all.window = (uint32_t)strtoul(optarg, NULL, 10);
		} else if (option != 'k' || tp_key_parse(optarg, all.key)) {
			return -EINVAL;
		}
	}
	return optind == argc - 1 && all.control.sin_port ? read_networks(argv[optind]) : -EINVAL;
}

static int prepare(void)
{
	if (tp_crypto_init())
		return -EPERM;
	all.base = event_base_new();
	all.auth_keys = (const char *const *)auth_keys;
	all.sizes = sizes;
	return all.base ? members_new(&all) : -ENOMEM;
}

int main(int argc, char **argv)
{
	const struct timeval look = {.tv_usec = LOOK_US};
	struct event *stdin_event, *timer;
	int err = read_options(argc, argv);

	if (err) {
		fputs("usage: control_nodes -c ADDR:PORT -k KEY [-w WINDOW] NETWORKS\n", stderr);
		return 2;
	}
	err = prepare();
	if (err) {
		fprintf(stderr, "control_nodes: %s\n", strerror(-err));
		return 1;
	}
	setvbuf(stdin, NULL, _IONBF, 0); /* the event loop sees what is not read yet */
	stdin_event = event_new(all.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_line, all.base);
	timer = event_new(all.base, -1, EV_PERSIST, on_look, NULL);
	if (!stdin_event || !timer || event_add(stdin_event, NULL) || event_add(timer, &look))
		return 1;
	event_base_dispatch(all.base);
	return 0;
}
