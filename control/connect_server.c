// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/connect_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "acceptor.h"
#include "log.h"
#include "tls.h"

#define READ_AHEAD   65536 /* unread bytes that a connection may have here */
#define LINGER_MS    2000
#define LINGER_BYTES (2u << 20)

const struct connect_limits connect_default_limits = {
	.connections = 512,
	.per_host = 64,
	.idle_ms = 60000,
	.request_ms = 15000,
	.answer_ms = 30000,
};

enum conn_state { IDLE, READING, WORKING, ANSWERING, LINGERING };

struct conn {
	TAILQ_ENTRY(conn) entry; /* of the server's idle, or busy ones */
	struct connect_server *server;
	struct bufferevent *bev;
	struct event *deadline;
	enum conn_state state;
	struct connect_reader reader;
	struct connect_exchange *exchange;
	struct tp_endpoint peer;
	size_t discarded;
	bool close; /* after the answer */
	bool eof;   /* nothing more will come */
};

TAILQ_HEAD(conn_list, conn);

struct connect_exchange {
	struct conn *conn; /* NULL: gone */
	struct connect_request request;
	struct tp_endpoint peer;
	struct evbuffer *body;
};

struct connect_server {
	struct event_base *base;
	struct tp_acceptor *acceptor;
	struct tp_tls *tls;
	const struct connect_limits *limits;
	const struct connect_ops *ops;
	void *arg;
	struct conn_list idle, busy; /* idle: the one that has been longest is first */
	unsigned int n;
};

static void set_timer(struct event *e, unsigned int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	evtimer_add(e, &tv);
}

/* --- connections come and go ---------------------------------------------------------------- */

/* When full, an idle connection makes way for a new one; without one, those wait in the backlog. */
static void accept_if_room(struct connect_server *s)
{
	tp_acceptor_want(s->acceptor, s->n < s->limits->connections || !TAILQ_EMPTY(&s->idle));
}

static void enter(struct conn *c, enum conn_state state)
{
	struct connect_server *s = c->server;

	if ((c->state == IDLE) != (state == IDLE)) {
		TAILQ_REMOVE(c->state == IDLE ? &s->idle : &s->busy, c, entry);
		TAILQ_INSERT_TAIL(state == IDLE ? &s->idle : &s->busy, c, entry);
	}
	c->state = state;
	accept_if_room(s);
}

static void conn_free(struct conn *c)
{
	struct connect_server *s = c->server;

	TAILQ_REMOVE(c->state == IDLE ? &s->idle : &s->busy, c, entry);
	s->n--;
	if (c->exchange)
		c->exchange->conn = NULL;
	if (c->bev)
		bufferevent_free(c->bev);
	if (c->deadline)
		event_free(c->deadline);
	connect_reader_fini(&c->reader);
	free(c);
	accept_if_room(s);
}

static void wait_for_request(struct conn *c)
{
	connect_reader_reset(&c->reader);
	c->close = false;
	enter(c, IDLE);
	set_timer(c->deadline, c->server->limits->idle_ms);
}

/* Closing with unread input resets the connection, which can take the answer with it: only our
 * direction is shut, and the client closes. */
static void linger(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	if (c->eof) {
		conn_free(c);
		return;
	}
	enter(c, LINGERING);
	evbuffer_drain(in, evbuffer_get_length(in)); /* else it reads no further */
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	set_timer(c->deadline, LINGER_MS);
}

/* --- answering ------------------------------------------------------------------------------ */

static const char *phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}

static void write_answer(struct conn *c, const struct connect_answer *a)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	c->close = c->close || !c->reader.request.keep_alive;
	enter(c, ANSWERING);
	set_timer(c->deadline, c->server->limits->answer_ms);
	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n", a->status,
			    phrase(a->status), a->body ? evbuffer_get_length(a->body) : (size_t)0);
	if (a->type)
		evbuffer_add_printf(out, "Content-Type: %s\r\n", a->type);
	evbuffer_add_printf(out, "Cache-Control: no-store\r\n%s%s\r\n", a->fields ? a->fields : "",
			    c->close ? "Connection: close\r\n" : "");
	if (a->body)
		evbuffer_add_buffer(out, a->body);
}

void connect_respond(struct connect_exchange *x, const struct connect_answer *answer)
{
	if (x->conn) {
		x->conn->exchange = NULL;
		write_answer(x->conn, answer);
	}
	evbuffer_free(x->body);
	explicit_bzero(x, sizeof(*x)); /* a token among it */
	free(x);
}

const struct connect_request *connect_exchange_request(const struct connect_exchange *x)
{
	return &x->request;
}

bool connect_exchange_gone(const struct connect_exchange *x)
{
	return !x->conn || x->conn->eof;
}

struct evbuffer *connect_exchange_body(const struct connect_exchange *x)
{
	return x->body;
}

const struct tp_endpoint *connect_exchange_peer(const struct connect_exchange *x)
{
	return &x->peer;
}

/* --- reading -------------------------------------------------------------------------------- */

static struct connect_exchange *exchange_new(struct conn *c)
{
	struct connect_exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->body = evbuffer_new();
	if (!x->body) {
		free(x);
		return NULL;
	}
	x->conn = c;
	x->request = c->reader.request;
	x->peer = c->peer;
	evbuffer_add_buffer(x->body, c->reader.body);
	c->exchange = x;
	enter(c, WORKING);
	evtimer_del(c->deadline);
	return x;
}

static void on_request(struct conn *c)
{
	struct connect_exchange *x = exchange_new(c);

	if (x)
		c->server->ops->request(c->server->arg, x);
	else
		conn_free(c);
}

static void on_refused(struct conn *c)
{
	struct connect_exchange *x = exchange_new(c);

	c->close = true;
	if (x)
		c->server->ops->refused(c->server->arg, x, c->reader.status);
	else
		conn_free(c);
}

static void on_head(struct conn *c)
{
	struct connect_reader *r = &c->reader;

	r->body_max = c->server->ops->body_max(c->server->arg, &r->request);
	if (r->request.expect_continue && (r->chunked || r->left <= r->body_max))
		evbuffer_add_printf(bufferevent_get_output(c->bev),
				    "HTTP/1.1 100 Continue\r\n\r\n");
}

static void read_on(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	enum connect_read result;

	if (c->state == IDLE && evbuffer_get_length(in) > 0) {
		enter(c, READING);
		set_timer(c->deadline, c->server->limits->request_ms);
	}
	if (c->state != READING)
		return;
	result = connect_reader_feed(&c->reader, in);
	if (result == CONNECT_HEAD) {
		on_head(c);
		result = connect_reader_feed(&c->reader, in);
	}
	if (result == CONNECT_DONE)
		on_request(c);
	else if (result == CONNECT_REFUSED)
		on_refused(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (c->state != LINGERING) {
		read_on(c); /* while another request is in work, what follows it stays where it is
			     */
		return;
	}
	c->discarded += evbuffer_get_length(in);
	evbuffer_drain(in, evbuffer_get_length(in));
	if (c->discarded > LINGER_BYTES)
		conn_free(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (c->state != ANSWERING || evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	if (c->close) {
		linger(c);
		return;
	}
	wait_for_request(c);
	read_on(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	if (what & BEV_EVENT_CONNECTED)
		return; /* the TLS handshake is done */
	if (what & BEV_EVENT_ERROR && *tp_tls_error(bev))
		tp_log_limited(LOG_DEBUG, "TLS: %s", tp_tls_error(bev));
	/* A client may shut its sending side and still wait for the answer. */
	c->eof = what & BEV_EVENT_EOF;
	if (c->eof && (c->state == WORKING || c->state == ANSWERING))
		c->close = true;
	else
		conn_free(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_free(arg);
}

/* --- accepting ------------------------------------------------------------------------------ */

static bool is_loopback(const struct tp_addr *a)
{
	static const uint8_t v6[16] = {[15] = 1};

	return (tp_addr_is_v4(a) && a->b[12] == 127) || !memcmp(a->b, v6, 16);
}

static unsigned int count_host(const struct conn_list *list, const struct tp_addr *host)
{
	const struct conn *c;
	unsigned int n = 0;

	TAILQ_FOREACH (c, list, entry) {
		struct tp_addr other = tp_addr_host_prefix(&c->peer.addr);

		n += tp_addr_equal(&other, host);
	}
	return n;
}

static bool too_many(const struct connect_server *s, const struct tp_endpoint *peer)
{
	struct tp_addr host = tp_addr_host_prefix(&peer->addr);

	return !is_loopback(&peer->addr) &&
	       count_host(&s->idle, &host) + count_host(&s->busy, &host) >= s->limits->per_host;
}

static int conn_open(struct conn *c, evutil_socket_t fd)
{
	struct connect_server *s = c->server;

	if (connect_reader_init(&c->reader))
		return -ENOMEM;
	c->deadline = evtimer_new(s->base, on_deadline, c);
	if (!c->deadline)
		return -ENOMEM;
	c->bev = s->tls ? tp_tls_bufferevent(s->tls, s->base, fd, NULL)
			: bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev)
		return -ENOMEM;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, READ_AHEAD);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	/* Who connects wants something: the first request has no idle time before it. */
	set_timer(c->deadline, s->limits->request_ms);
	return 0;
}

static int conn_new(struct connect_server *s, evutil_socket_t fd, const struct tp_endpoint *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->server = s;
	c->peer = *peer;
	c->state = IDLE;
	TAILQ_INSERT_TAIL(&s->idle, c, entry);
	s->n++;
	if (!conn_open(c, fd))
		return 0;
	conn_free(c);
	return -ENOMEM;
}

static void on_accept(void *arg, int fd, const struct sockaddr *from)
{
	struct connect_server *s = arg;
	struct tp_endpoint peer;

	if (tp_endpoint_from_sockaddr(from, &peer))
		memset(&peer, 0, sizeof(peer));
	if (s->n >= s->limits->connections && !TAILQ_EMPTY(&s->idle))
		conn_free(TAILQ_FIRST(&s->idle));
	if (s->n >= s->limits->connections || too_many(s, &peer) || conn_new(s, fd, &peer))
		evutil_closesocket(fd);
	accept_if_room(s);
}

int connect_server_new(struct connect_server **out, struct event_base *base, int listen_fd,
		       struct tp_tls *tls, const struct connect_limits *limits,
		       const struct connect_ops *ops, void *arg)
{
	struct connect_server *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return -ENOMEM;
	*s = (struct connect_server){
		.base = base, .tls = tls, .limits = limits, .ops = ops, .arg = arg};
	TAILQ_INIT(&s->idle);
	TAILQ_INIT(&s->busy);
	if (tp_acceptor_new(&s->acceptor, base, listen_fd, on_accept, s)) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void connect_server_free(struct connect_server *s)
{
	if (!s)
		return;
	tp_acceptor_free(s->acceptor);
	s->acceptor = NULL;
	while (!TAILQ_EMPTY(&s->idle))
		conn_free(TAILQ_FIRST(&s->idle));
	while (!TAILQ_EMPTY(&s->busy))
		conn_free(TAILQ_FIRST(&s->busy));
	free(s);
}

unsigned int connect_server_connections(const struct connect_server *s)
{
	return s->n;
}
