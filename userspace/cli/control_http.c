// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One call of Connect's unary JSON, over HTTP or HTTPS. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "control_cli.h"
#include "tls.h"

#define SERVICE	   "/turnpike.v1.AdminService/"
#define TIMEOUT_S  30
#define ANSWER_MAX (64 << 20)

struct post {
	struct event_base *base;
	struct tp_tls *tls;
	struct bufferevent *bev;
	struct evhttp_uri *uri;
	struct evhttp_connection *connection;
	json_t *reply;
	bool answered;
	struct control_failure *why;
};

__attribute__((format(printf, 3, 4))) static void fail(struct control_failure *why,
						       const char *code, const char *fmt, ...)
{
	va_list ap;

	snprintf(why->code, sizeof(why->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(why->message, sizeof(why->message), fmt, ap);
	va_end(ap);
}

/* --- the answer ----------------------------------------------------------------------------- */

static json_t *body_json(struct evhttp_request *req)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(req);
	size_t len = evbuffer_get_length(body);

	return json_loadb((const char *)evbuffer_pullup(body, -1), len, 0, NULL);
}

static void on_answer(struct evhttp_request *req, void *arg)
{
	struct post *p = arg;
	int status = req ? evhttp_request_get_response_code(req) : 0;
	json_t *j = status ? body_json(req) : NULL;
	const char *code = json_string_value(json_object_get(j, "code")),
		   *message = json_string_value(json_object_get(j, "message"));

	p->answered = status;
	if (status == 200 && json_is_object(j)) {
		p->reply = json_incref(j);
	} else if (status && code) {
		fail(p->why, code, "%s", message ? message : code);
	} else if (status) {
		fail(p->why, "unknown", "the server answered with status %d", status);
	} else if (p->bev && *tp_tls_error(p->bev)) {
		fail(p->why, "unavailable", "TLS: %s", tp_tls_error(p->bev));
	}
	json_decref(j);
	event_base_loopexit(p->base, NULL);
}

/* --- the request ---------------------------------------------------------------------------- */

static int open_connection(struct post *p, const struct control_session *s)
{
	const char *scheme, *host;
	int port;

	p->uri = evhttp_uri_parse(s->server);
	scheme = p->uri ? evhttp_uri_get_scheme(p->uri) : NULL;
	host = p->uri ? evhttp_uri_get_host(p->uri) : NULL;
	if (!scheme || !host || !*host ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
		fail(p->why, "invalid_argument", "\"%s\" is no http:// or https:// address",
		     s->server);
		return -1;
	}
	port = evhttp_uri_get_port(p->uri);
	if (!strcmp(scheme, "https")) {
		if (tp_tls_client(&p->tls, s->ca)) {
			fail(p->why, "unavailable", "no certificates to trust");
			return -1;
		}
		p->bev = tp_tls_bufferevent(p->tls, p->base, -1, host);
	}
	p->connection = evhttp_connection_base_bufferevent_new(p->base, NULL, p->bev, host,
							       (unsigned short)(port > 0 ? port
										: p->tls ? 443
											 : 80));
	return p->connection ? 0 : -1;
}

static void add_fields(struct post *p, struct evhttp_request *req, const struct control_session *s)
{
	struct evkeyvalq *fields = evhttp_request_get_output_headers(req);
	struct evbuffer *token = evbuffer_new();

	evhttp_add_header(fields, "Host", evhttp_uri_get_host(p->uri));
	evhttp_add_header(fields, "Content-Type", "application/json");
	evhttp_add_header(fields, "Connect-Protocol-Version", "1");
	evhttp_add_header(fields, "Connection", "close");
	if (s->tenant)
		evhttp_add_header(fields, "X-Tenant-ID", s->tenant);
	if (s->token) {
		evbuffer_add_printf(token, "Bearer %s%c", s->token, 0);
		evhttp_add_header(fields, "Authorization",
				  (const char *)evbuffer_pullup(token, -1));
	}
	evbuffer_free(token);
}

static void send_request(struct post *p, const struct control_session *s, const char *rpc,
			 const char *body)
{
	struct evhttp_request *req = evhttp_request_new(on_answer, p);
	char path[128];

	snprintf(path, sizeof(path), SERVICE "%s", rpc);
	add_fields(p, req, s);
	evbuffer_add(evhttp_request_get_output_buffer(req), body, strlen(body));
	evhttp_connection_set_timeout(p->connection, TIMEOUT_S);
	evhttp_connection_set_max_body_size(p->connection, ANSWER_MAX);
	if (!evhttp_make_request(p->connection, req, EVHTTP_REQ_POST, path))
		event_base_dispatch(p->base);
}

static void post_fini(struct post *p)
{
	if (p->connection)
		evhttp_connection_free(p->connection);
	if (p->uri)
		evhttp_uri_free(p->uri);
	tp_tls_free(p->tls);
	if (p->base)
		event_base_free(p->base);
}

json_t *control_post(const struct control_session *s, const char *rpc, json_t *in,
		     struct control_failure *why)
{
	struct post p = {.base = event_base_new(), .why = why};
	char *body = in ? json_dumps(in, JSON_COMPACT) : NULL;

	json_decref(in);
	signal(SIGPIPE, SIG_IGN);
	fail(why, "unavailable", "%s does not answer", s->server);
	if (!body)
		fail(why, "invalid_argument", "a name that is not UTF-8");
	else if (p.base && !open_connection(&p, s))
		send_request(&p, s, rpc, body);
	post_fini(&p);
	free(body);
	return p.reply;
}
