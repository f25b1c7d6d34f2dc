// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * As much of HTTP/1.1 (RFC 9112) as three pages need. Not evhttp: it bounds neither the number of
 * connections nor the time that a request may take in all.
 */
#include "metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "oneshot.h"

#define BACKLOG 64

struct tp_metrics_server {
	struct tp_oneshot *server;
	const struct tp_metrics_ops *ops;
	void *arg;
	struct tp_endpoint endpoint;
};

struct response {
	const char *status;
	const char *type;
	const char *header; /* one more, with its CRLF */
	struct evbuffer *body;
};

static void respond_text(struct response *r, const char *status, const char *text)
{
	r->status = status;
	evbuffer_add_printf(r->body, "%s\n", text);
}

static void show_metrics(struct tp_metrics_server *s, struct response *r)
{
	struct tp_metrics m;

	tp_metrics_init(&m, r->body);
	s->ops->collect(s->arg, &m);
	r->type = "text/plain; version=0.0.4; charset=utf-8";
	if (m.failed) {
		evbuffer_drain(r->body, evbuffer_get_length(r->body));
		respond_text(r, "500 Internal Server Error", "out of memory");
	}
}

static void show_readiness(struct tp_metrics_server *s, struct response *r)
{
	const char *reason = s->ops->not_ready(s->arg);

	if (reason)
		respond_text(r, "503 Service Unavailable", reason);
	else
		respond_text(r, "200 OK", "ready");
}

static void route(struct tp_metrics_server *s, const char *method, const char *path,
		  struct response *r)
{
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		r->header = "Allow: GET, HEAD\r\n";
		respond_text(r, "405 Method Not Allowed", "only GET and HEAD");
	} else if (!strcmp(path, "/metrics")) {
		show_metrics(s, r);
	} else if (!strcmp(path, "/healthz")) {
		respond_text(r, "200 OK", "ok");
	} else if (!strcmp(path, "/readyz")) {
		show_readiness(s, r);
	} else {
		respond_text(r, "404 Not Found", "see /metrics, /healthz, /readyz");
	}
}

/* "GET /path?query HTTP/1.1" in place, into method and path. The target may also be absolute
 * (RFC 9112, 3.2.2); the header fields do not matter here. */
static bool parse_request_line(char *head, char **method, char **path)
{
	char *save, *version;

	head[strcspn(head, "\r\n")] = '\0';
	*method = strtok_r(head, " ", &save);
	*path = strtok_r(NULL, " ", &save);
	version = strtok_r(NULL, " ", &save);
	if (!version || strncmp(version, "HTTP/1.", 7) != 0 || strtok_r(NULL, " ", &save))
		return false;
	if (!strncmp(*path, "http://", 7)) {
		*path = strchr(*path + 7, '/');
		if (!*path)
			return false;
	}
	(*path)[strcspn(*path, "?")] = '\0';
	return **path == '/';
}

static void write_response(struct evbuffer *reply, const struct response *r, bool head_only)
{
	evbuffer_add_printf(reply,
			    "HTTP/1.1 %s\r\n"
			    "Content-Type: %s\r\n"
			    "Content-Length: %zu\r\n"
			    "Cache-Control: no-store\r\n"
			    "%s"
			    "Connection: close\r\n"
			    "\r\n",
			    r->status, r->type, evbuffer_get_length(r->body), r->header);
	if (!head_only)
		evbuffer_add_buffer(reply, r->body);
}

static void on_request(void *arg, enum tp_oneshot_status status, char *request, size_t len,
		       struct evbuffer *reply)
{
	struct response r = {
		.status = "200 OK",
		.type = "text/plain; charset=utf-8",
		.header = "",
		.body = evbuffer_new(),
	};
	char *method = NULL, *path;

	(void)len;
	if (!r.body)
		return; /* closing is all that is left */
	if (status == TP_ONESHOT_TOO_LONG)
		respond_text(&r, "431 Request Header Fields Too Large", "request too long");
	else if (status == TP_ONESHOT_BUSY)
		respond_text(&r, "503 Service Unavailable", "busy with other clients");
	else if (!parse_request_line(request, &method, &path))
		respond_text(&r, "400 Bad Request", "not an HTTP/1 request");
	else
		route(arg, method, path, &r);
	write_response(reply, &r, method && !strcmp(method, "HEAD"));
	evbuffer_free(r.body);
}

static const struct tp_oneshot_ops http_ops = {
	.end = "\r\n\r\n",
	.request_max = 8192,
	.unsent_max = 16u << 20,
	.clients_max = 32,
	.request_ms = 10000,
	.answer_ms = 30000,
	.answer = on_request,
};

static int listen_at(const struct tp_endpoint *at, struct tp_endpoint *actual)
{
	struct sockaddr_storage ss;
	socklen_t len = tp_endpoint_to_sockaddr(at, &ss);
	int fd, one = 1, err;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&ss, len) || listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&ss, &len)) {
		err = -errno;
		close(fd);
		return err;
	}
	err = tp_endpoint_from_sockaddr((struct sockaddr *)&ss, actual);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int tp_metrics_server_new(struct tp_metrics_server **out, struct event_base *base,
			  const struct tp_endpoint *listen, const struct tp_metrics_ops *ops,
			  void *arg)
{
	struct tp_metrics_server *s = calloc(1, sizeof(*s));
	int fd, err;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->ops = ops;
	s->arg = arg;
	fd = listen_at(listen, &s->endpoint);
	err = fd < 0 ? fd : tp_oneshot_new(&s->server, base, fd, &http_ops, s);
	if (err) {
		if (fd >= 0)
			close(fd);
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

struct tp_endpoint tp_metrics_server_endpoint(const struct tp_metrics_server *s)
{
	return s->endpoint;
}

void tp_metrics_server_free(struct tp_metrics_server *s)
{
	if (!s)
		return;
	tp_oneshot_free(s->server);
	free(s);
}
