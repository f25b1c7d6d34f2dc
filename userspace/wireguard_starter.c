// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wireguard_starter.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config_checks.h"
#include "wireguard_backend.h"

struct tp_wireguard_starter {
	int fd;
	pid_t pid;
};

/* --- the process ---------------------------------------------------------------------------- */

/* What the parent says may be anybody's word by then. */
static int start(const char *program, char *name)
{
	const char *member = name;

	return tp_config_check_interface(&member) ? -EINVAL : tp_wireguard_go_start(program, name);
}

/* Until the parent is gone; the signals that end the parent are none of its business. */
static void serve(int fd, const char *program)
{
	char name[IFNAMSIZ + 1];
	ssize_t len;
	int err;

	prctl(PR_SET_NAME, "tp-starter");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while ((len = recv(fd, name, IFNAMSIZ, 0)) > 0) {
		name[len] = '\0';
		err = start(program, name);
		if (send(fd, &err, sizeof(err), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* --- its parent ----------------------------------------------------------------------------- */

int tp_wireguard_starter_new(struct tp_wireguard_starter **out, const char *program)
{
	struct tp_wireguard_starter *s = calloc(1, sizeof(*s));
	int fds[2], err;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
		err = -errno;
		free(s);
		return err;
	}
	s->pid = fork();
	if (!s->pid) {
		close(fds[0]);
		serve(fds[1], program);
	}
	err = s->pid < 0 ? -errno : 0;
	close(fds[1]);
	s->fd = fds[0];
	if (err)
		tp_wireguard_starter_free(s);
	else
		*out = s;
	return err;
}

void tp_wireguard_starter_free(struct tp_wireguard_starter *s)
{
	if (!s)
		return;
	close(s->fd);
	if (s->pid > 0)
		waitpid(s->pid, NULL, 0);
	free(s);
}

int tp_wireguard_starter_start(struct tp_wireguard_starter *s, const char *name)
{
	int result;

	if (send(s->fd, name, strlen(name), MSG_NOSIGNAL) < 0)
		return -errno;
	if (recv(s->fd, &result, sizeof(result), 0) != sizeof(result))
		return -ECHILD;
	return result;
}
