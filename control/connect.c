// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/connect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#define JSON_TYPE  "application/json"
#define ASTRAY_MAX 4096 /* bytes of a body that goes to no RPC, read to be able to say so */

struct connect {
	struct connect_server *server;
	const struct connect_service *service;
	void *arg;
};

/* The status of HTTP that goes with each code, as Connect's specification pairs them. */
static const int statuses[] = {
	[CTL_OK] = 200,
	[CTL_INVALID_ARGUMENT] = 400,
	[CTL_NOT_FOUND] = 404,
	[CTL_ALREADY_EXISTS] = 409,
	[CTL_PERMISSION_DENIED] = 403,
	[CTL_UNAUTHENTICATED] = 401,
	[CTL_FAILED_PRECONDITION] = 400,
	[CTL_RESOURCE_EXHAUSTED] = 429,
	[CTL_ABORTED] = 409,
	[CTL_UNIMPLEMENTED] = 501,
	[CTL_UNAVAILABLE] = 503,
	[CTL_INTERNAL] = 500,
};

/* --- answers -------------------------------------------------------------------------------- */

static int add_text(const char *data, size_t len, void *body)
{
	return evbuffer_add(body, data, len);
}

/* Takes `j` over. Its text moves into a buffer chunk by chunk: a list may be long. */
static void respond_json(struct connect_exchange *x, int status, const char *fields, json_t *j)
{
	struct evbuffer *body = evbuffer_new();
	struct connect_answer a = {status, JSON_TYPE, fields, body};

	if (!j || !body || json_dump_callback(j, add_text, body, JSON_COMPACT))
		a = (struct connect_answer){.status = 500};
	connect_respond(x, &a);
	if (body)
		evbuffer_free(body);
	json_decref(j);
}

/* A message may quote what was sent, cut anywhere: what is not UTF-8 loses all beyond ASCII. */
static json_t *message_json(const struct ctl_error *err)
{
	char ascii[sizeof(err->text)];
	json_t *j = json_string(err->text);
	size_t n = 0;

	if (j)
		return j;
	for (const char *c = err->text; *c; c++)
		ascii[n++] = *c & 0x80 ? '?' : *c;
	return json_stringn(ascii, n);
}

/* `status`: where HTTP has a better word for it than the code's own. */
static void fail_with(struct connect_exchange *x, int status, const char *fields,
		      const struct ctl_error *err)
{
	respond_json(x, status, fields,
		     json_pack("{s:s,s:o}", "code", ctl_code_name(err->code), "message",
			       message_json(err)));
}

void connect_reply(struct connect_exchange *x, json_t *out)
{
	respond_json(x, 200, NULL, out);
}

void connect_fail(struct connect_exchange *x, const struct ctl_error *err)
{
	fail_with(x, statuses[err->code],
		  err->code == CTL_UNAUTHENTICATED ? "WWW-Authenticate: Bearer\r\n" : NULL, err);
}

/* Without Connect's body, as its specification wants it: who asks may speak something else. */
static void respond_bare(struct connect_exchange *x, int status, const char *fields)
{
	const struct connect_answer a = {.status = status, .fields = fields};

	connect_respond(x, &a);
}

/* --- what is a call ------------------------------------------------------------------------- */

/* The RPC that the path names, or NULL. */
static const char *rpc_of(const struct connect *c, const char *path)
{
	size_t len = strlen(c->service->name);

	if (*path != '/' || strncmp(path + 1, c->service->name, len) || path[1 + len] != '/')
		return NULL;
	return path + 1 + len + 1;
}

/* application/json, of which there is only UTF-8. */
static bool is_json(const char *type)
{
	size_t len = strlen(JSON_TYPE);
	const char *rest = type + len;

	if (strncasecmp(type, JSON_TYPE, len))
		return false;
	rest += strspn(rest, " \t");
	if (!*rest)
		return true;
	if (*rest++ != ';')
		return false;
	rest += strspn(rest, " \t");
	return !strcasecmp(rest, "charset=utf-8") || !strcasecmp(rest, "charset=\"utf-8\"");
}

static int check_protocol(const struct connect_request *q, struct ctl_error *err)
{
	if (*q->protocol_version && strcmp(q->protocol_version, "1"))
		return ctl_fail(err, CTL_INVALID_ARGUMENT,
				"Connect-Protocol-Version must be \"1\"");
	if (*q->content_encoding && strcasecmp(q->content_encoding, "identity"))
		return ctl_fail(err, CTL_UNIMPLEMENTED,
				"Content-Encoding \"%s\" is not supported, only identity",
				q->content_encoding);
	return 0;
}

/* A new reference; NULL with *err filled. An empty body is a message without fields. */
static json_t *parse_message(struct evbuffer *body, struct ctl_error *err)
{
	size_t len = evbuffer_get_length(body);
	json_error_t why;
	json_t *j;

	if (len == 0)
		return json_object();
	j = json_loadb((const char *)evbuffer_pullup(body, -1), len, JSON_REJECT_DUPLICATES, &why);
	if (!j)
		ctl_fail(err, CTL_INVALID_ARGUMENT, "not JSON: line %d, column %d: %s", why.line,
			 why.column, why.text);
	else if (!json_is_object(j))
		ctl_fail(err, CTL_INVALID_ARGUMENT, "the message must be a JSON object");
	else
		return j;
	json_decref(j);
	return NULL;
}

static void call(struct connect *c, struct connect_exchange *x, const char *rpc)
{
	struct ctl_error err;
	json_t *in = NULL;

	if (!check_protocol(connect_exchange_request(x), &err))
		in = parse_message(connect_exchange_body(x), &err);
	if (in)
		c->service->call(c->arg, x, rpc, in);
	else
		connect_fail(x, &err);
	json_decref(in);
}

static void on_request(void *arg, struct connect_exchange *x)
{
	struct connect *c = arg;
	const struct connect_request *q = connect_exchange_request(x);
	const char *rpc = rpc_of(c, q->path);
	struct ctl_error err;

	if (!rpc) {
		respond_bare(x, 404, NULL);
	} else if (!c->service->knows(rpc)) {
		ctl_fail(&err, CTL_UNIMPLEMENTED, "%s has no RPC %.64s", c->service->name, rpc);
		fail_with(x, 404, NULL, &err);
	} else if (strcmp(q->method, "POST")) {
		respond_bare(x, 405, "Allow: POST\r\n");
	} else if (!is_json(q->content_type)) {
		respond_bare(x, 415, "Accept-Post: " JSON_TYPE "\r\n");
	} else {
		call(c, x, rpc);
	}
}

static void on_refused(void *arg, struct connect_exchange *x, int status)
{
	struct ctl_error err;

	(void)arg;
	if (status == 413 || status == 431)
		ctl_fail(&err, CTL_RESOURCE_EXHAUSTED, "the request is too large");
	else
		ctl_fail(&err, CTL_INVALID_ARGUMENT, "not a request of HTTP/1.1");
	fail_with(x, status, NULL, &err);
}

static size_t body_max(void *arg, const struct connect_request *head)
{
	struct connect *c = arg;
	const char *rpc = rpc_of(c, head->path);

	return rpc && c->service->knows(rpc) ? c->service->body_max(c->arg, head, rpc) : ASTRAY_MAX;
}

int connect_new(struct connect **out, struct event_base *base, int listen_fd, struct tp_tls *tls,
		const struct connect_limits *limits, const struct connect_service *service,
		void *arg)
{
	static const struct connect_ops ops = {body_max, on_request, on_refused};
	struct connect *c = calloc(1, sizeof(*c));
	int err;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->service = service;
	c->arg = arg;
	err = connect_server_new(&c->server, base, listen_fd, tls, limits, &ops, c);
	if (err) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void connect_free(struct connect *c)
{
	if (!c)
		return;
	connect_server_free(c->server);
	free(c);
}

unsigned int connect_connections(const struct connect *c)
{
	return connect_server_connections(c->server);
}
