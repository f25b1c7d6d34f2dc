// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "control/commands.h"
#include "control/metrics_page.h"
#include "control/password.h"
#include "control/store.h"
#include "crypto.h"
#include "log.h"
#include "metrics.h"
#include "priv.h"
#include "sdnotify.h"
#include "tls.h"

#define BACKLOG 4096   /* all nodes come at once after a restart */
#define AWAY_MS 600000 /* until an ephemeral device goes */

/* --- signals -------------------------------------------------------------------------------- */

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct ctl_daemon *d = arg;

	(void)sig;
	(void)what;
	event_base_loopexit(d->base, NULL);
}

/* A renewed certificate. Connections that are there go on with the one they began with. */
static void on_reload(evutil_socket_t sig, short what, void *arg)
{
	struct ctl_daemon *d = arg;
	const struct ctl_config *c = d->config;

	(void)sig;
	(void)what;
	tp_sdnotify_reloading();
	if (!d->tls)
		tp_info("nothing to reload: there is no tls");
	else if (tp_tls_reload(d->tls, c->tls.certificate, c->tls.key))
		tp_err("reload refused, the former certificate stays");
	else
		tp_info("reloaded %s", c->tls.certificate);
	tp_sdnotify("READY=1");
}

static int start_signals(struct ctl_daemon *d)
{
	static const struct {
		int signal;
		event_callback_fn fn;
	} signals[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};

	for (unsigned int i = 0; i < 3; i++) {
		d->signals[i] = evsignal_new(d->base, signals[i].signal, signals[i].fn, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL))
			return -ENOMEM;
	}
	return 0;
}

/* --- opening, in order ---------------------------------------------------------------------- */

static int bind_to(const struct tp_endpoint *at, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = tp_endpoint_to_sockaddr(at, &ss);
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
			       bind(fd, (struct sockaddr *)&ss, len) || listen(fd, BACKLOG)
		       ? -errno
		       : 0;
}

static int open_listener(const char *setting, const struct tp_endpoint *at, int *fd)
{
	int family = tp_addr_is_v4(&at->addr) ? AF_INET : AF_INET6, err = 0;
	char text[TP_ADDR_STRLEN];

	*fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		err = -errno;
	err = err ?: bind_to(at, *fd);
	if (err)
		tp_err("%s %s: %s", setting, tp_endpoint_format(at, text), strerror(-err));
	return err;
}

static int open_listeners(struct ctl_daemon *d)
{
	const struct ctl_config *c = d->config;
	int err = open_listener("listen", &c->listen, &d->listen_fd);

	if (!err && c->ncp_listen.port)
		err = open_listener("ncp_listen", &c->ncp_listen, &d->ncp_fd);
	return err;
}

static int open_tls(struct ctl_daemon *d)
{
	const struct ctl_config *c = d->config;

	if (c->tls.certificate)
		return tp_tls_server(&d->tls, c->tls.certificate, c->tls.key);
	if (c->plaintext)
		tp_warn("the API has no TLS: passwords and tokens can be read on the way");
	return 0;
}

static int open_services(struct ctl_daemon *d)
{
	const struct ctl_config *c = d->config;
	char text[TP_ADDR_STRLEN];
	int err = tp_control_new(&d->control, d->base, c->control_socket, ctl_command, d);

	if (err) {
		tp_err("control socket %s: %s", c->control_socket, strerror(-err));
		return err;
	}
	if (!c->metrics_listen.port)
		return 0;
	err = tp_metrics_server_new(&d->metrics, d->base, &c->metrics_listen, &ctl_metrics_ops, d);
	if (err)
		tp_err("metrics_listen %s: %s", tp_endpoint_format(&c->metrics_listen, text),
		       strerror(-err));
	return err;
}

static int drop_privileges(struct ctl_daemon *d)
{
	int err = tp_priv_chown(d->config->state_dir, TP_PRIV_USER);

	err = err ?: tp_priv_chown(d->config->control_socket, TP_PRIV_USER);
	return err ?: tp_priv_drop(TP_PRIV_USER, NULL, 0);
}

/* The thread has no privileges because it begins after they are gone; the filter holds for all
 * threads that are there. */
static int open_api(struct ctl_daemon *d)
{
	struct ctl_api_setup setup = {
		.base = d->base,
		.listen_fd = d->listen_fd,
		.tls = d->tls,
		.store = d->state.store,
		.key = &d->state.key,
		.nodes = d->nodes,
	};
	int err = ctl_passwords_new(&d->passwords, d->base);

	err = err ?: tp_priv_seccomp(NULL, 0);
	setup.passwords = d->passwords;
	err = err ?: ctl_api_new(&d->api, &setup);
	if (!err)
		d->listen_fd = -1;
	return err;
}

static int open_nodes(struct ctl_daemon *d)
{
	char key[TP_KEY_STRLEN], text[TP_ADDR_STRLEN];
	int err;

	if (d->ncp_fd < 0)
		return 0;
	err = ctl_nodes_new(&d->nodes, d->base, d->ncp_fd, d->state.store, &d->state.ncp);
	if (err)
		return err;
	d->ncp_fd = -1;
	err = ctl_reaper_new(&d->reaper, d->base, d->state.store, d->nodes, AWAY_MS);
	if (err)
		return err;
	tp_info("nodes connect at %s, to the key %s",
		tp_endpoint_format(&d->config->ncp_listen, text),
		tp_key_format(d->state.ncp.public_key, key));
	return 0;
}

/* A descriptor a node: the soft limit is one for programs that use select(). */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		tp_warn("the limit of open files stays low: %s", strerror(errno));
}

static int daemon_open(struct ctl_daemon *d)
{
	int err;

	d->started = tp_now();
	raise_file_limit();
	d->listen_fd = d->ncp_fd = -1;
	d->state.lock = -1;
	d->base = event_base_new();
	err = d->base ? 0 : -ENOMEM;
	err = err ?: ctl_state_open(&d->state, d->config->state_dir);
	err = err ?: open_tls(d);
	err = err ?: open_listeners(d);
	err = err ?: start_signals(d);
	err = err ?: open_services(d);
	err = err ?: drop_privileges(d);
	err = err ?: open_nodes(d);
	return err ?: open_api(d);
}

/* --- closing -------------------------------------------------------------------------------- */

static void daemon_close(struct ctl_daemon *d)
{
	ctl_api_stop(d->api);
	ctl_passwords_free(d->passwords);
	ctl_api_free(d->api);
	ctl_reaper_free(d->reaper);
	ctl_nodes_free(d->nodes);
	tp_metrics_server_free(d->metrics);
	tp_control_free(d->control);
	for (unsigned int i = 0; i < 3; i++)
		if (d->signals[i])
			event_free(d->signals[i]);
	if (d->listen_fd >= 0)
		close(d->listen_fd);
	if (d->ncp_fd >= 0)
		close(d->ncp_fd);
	tp_tls_free(d->tls);
	ctl_state_close(&d->state);
	if (d->base)
		event_base_free(d->base);
	ctl_config_free(d->config);
}

int ctl_daemon_run(const char *config_path, struct ctl_config *config)
{
	struct ctl_daemon d = {.config_path = config_path, .config = config};
	char text[TP_ADDR_STRLEN];
	int err = daemon_open(&d);

	if (err)
		goto out;
	tp_info("control: API at http%s://%s", d.tls ? "s" : "",
		tp_endpoint_format(&config->listen, text));
	tp_sdnotify("READY=1");
	event_base_dispatch(d.base);
	tp_sdnotify("STOPPING=1");
out:
	daemon_close(&d);
	return err;
}
