// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/connect_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#define CHUNK_LINE_MAX 256
#define TRAILER_MAX    4096

enum state {
	START, /* between requests: nothing, or blank lines */
	BODY,
	CHUNK_SIZE,
	CHUNK_DATA,
	CHUNK_END,
	TRAILER,
	DONE,
	REFUSED,
};

int connect_reader_init(struct connect_reader *r)
{
	memset(r, 0, sizeof(*r));
	r->body = evbuffer_new();
	return r->body ? 0 : -ENOMEM;
}

void connect_reader_fini(struct connect_reader *r)
{
	if (r->body)
		evbuffer_free(r->body);
	explicit_bzero(&r->request, sizeof(r->request));
}

void connect_reader_reset(struct connect_reader *r)
{
	struct evbuffer *body = r->body;

	evbuffer_drain(body, evbuffer_get_length(body));
	explicit_bzero(&r->request, sizeof(r->request));
	memset(r, 0, sizeof(*r));
	r->body = body;
}

bool connect_reader_busy(const struct connect_reader *r, const struct evbuffer *in)
{
	return r->state != START || evbuffer_get_length(in) > 0;
}

static enum connect_read refuse(struct connect_reader *r, int status)
{
	r->state = REFUSED;
	r->status = status;
	return CONNECT_REFUSED;
}

/* --- the head ------------------------------------------------------------------------------- */

/* tchar of RFC 9110, 5.6.2 */
static bool is_token(const char *s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	if (!*s)
		return false;
	for (; *s; s++) {
		bool alnum = (*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= 'a' && *s <= 'z');

		if (!alnum && !strchr(marks, *s))
			return false;
	}
	return true;
}

/* 0, or the status to refuse with. */
static int parse_request_line(struct connect_request *q, char *line)
{
	char *target = strchr(line, ' '), *version, *query;

	if (!target)
		return 400;
	*target++ = '\0';
	version = strchr(target, ' ');
	if (!version)
		return 400;
	*version++ = '\0';
	if (!is_token(line) || strlen(line) >= sizeof(q->method))
		return 400;
	if (strcmp(version, "HTTP/1.1") && strcmp(version, "HTTP/1.0"))
		return strncmp(version, "HTTP/", 5) ? 400 : 505;
	query = strchr(target, '?');
	if (query)
		*query = '\0';
	if (*target != '/')
		return 400;
	if (strlen(target) >= sizeof(q->path))
		return 414;
	strcpy(q->method, line);
	strcpy(q->path, target);
	q->keep_alive = version[7] == '1';
	return 0;
}

static int parse_length(struct connect_reader *r, const char *value)
{
	size_t n = 0;

	if (!*value)
		return 400;
	for (const char *c = value; *c; c++) {
		if (*c < '0' || *c > '9')
			return 400;
		if (n > (size_t)1 << 40)
			return 413;
		n = n * 10 + (size_t)(*c - '0');
	}
	if (r->has_length && r->left != n)
		return 400;
	r->has_length = true;
	r->left = n;
	return 0;
}

/* Is `word` one of the comma-separated values? */
static bool lists(const char *value, const char *word)
{
	size_t len = strlen(word);

	while (*value) {
		value += strspn(value, " \t,");
		if (!strncasecmp(value, word, len) && strchr(" \t,", value[len]))
			return true; /* also at the end: strchr() finds the NUL */
		value += strcspn(value, ",");
	}
	return false;
}

static int parse_framing(struct connect_reader *r, const char *name, const char *value)
{
	if (!strcasecmp(name, "content-length"))
		return parse_length(r, value);
	if (!strcasecmp(name, "transfer-encoding")) {
		if (strcasecmp(value, "chunked") || r->chunked)
			return 501;
		r->chunked = true;
	} else if (!strcasecmp(name, "connection")) {
		if (lists(value, "close"))
			r->request.keep_alive = false;
		else if (lists(value, "keep-alive"))
			r->request.keep_alive = true;
	} else if (!strcasecmp(name, "expect")) {
		r->request.expect_continue = !strcasecmp(value, "100-continue");
	}
	return 0;
}

/* The fields that calls look at: each may stand once, and must fit. */
static int parse_known(struct connect_request *q, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *at;
		size_t size;
	} known[] = {
		{"content-type", q->content_type, sizeof(q->content_type)},
		{"content-encoding", q->content_encoding, sizeof(q->content_encoding)},
		{"connect-protocol-version", q->protocol_version, sizeof(q->protocol_version)},
		{"connect-timeout-ms", q->timeout, sizeof(q->timeout)},
		{"authorization", q->authorization, sizeof(q->authorization)},
		{"x-tenant-id", q->tenant, sizeof(q->tenant)},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcasecmp(name, known[i].name))
			continue;
		if (*known[i].at)
			return 400;
		if (strlen(value) >= known[i].size)
			return 431;
		strcpy(known[i].at, value);
	}
	return 0;
}

static int parse_field(struct connect_reader *r, char *line)
{
	char *colon = strchr(line, ':'), *value, *end;

	if (!colon)
		return 400;
	*colon = '\0';
	if (!is_token(line)) /* also a folded line, which begins with a blank */
		return 400;
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	return parse_framing(r, line, value) ?: parse_known(&r->request, line, value);
}

/* `head`: lines that end with CRLF or LF, NUL-terminated. */
static int parse_head(struct connect_reader *r, char *head)
{
	char *line = head, *next;
	int status = 0;

	for (bool first = true; *line && !status; line = next, first = false) {
		char *end = strchr(line, '\n');

		next = end ? end + 1 : line + strlen(line);
		if (end)
			*end = '\0';
		if (end && end > line && end[-1] == '\r')
			end[-1] = '\0';
		if (strchr(line, '\r'))
			return 400;
		status = first ? parse_request_line(&r->request, line) : parse_field(r, line);
	}
	/* Both framings at once are how requests are smuggled (RFC 9112, 6.3). */
	if (!status && r->chunked && r->has_length)
		status = 400;
	return status;
}

/* Bytes up to and with the blank line, or 0. */
static size_t head_length(struct evbuffer *in)
{
	size_t eol;
	struct evbuffer_ptr at = {.pos = 0}, line;

	if (evbuffer_ptr_set(in, &at, 0, EVBUFFER_PTR_SET))
		return 0;
	for (;;) {
		line = evbuffer_search_eol(in, &at, &eol, EVBUFFER_EOL_CRLF);
		if (line.pos < 0)
			return 0;
		if (line.pos == at.pos)
			return (size_t)line.pos + eol;
		at = line;
		/* Fails at the very end of the buffer, where there is no line either. */
		if (evbuffer_ptr_set(in, &at, eol, EVBUFFER_PTR_ADD))
			return 0;
	}
}

/* Some clients send a blank line after a body (RFC 9112, 2.2). */
static void skip_blank_lines(struct evbuffer *in)
{
	char c[2];

	while (evbuffer_copyout(in, c, 2) >= 1) {
		if (c[0] != '\n' && !(c[0] == '\r' && evbuffer_get_length(in) > 1 && c[1] == '\n'))
			return;
		evbuffer_drain(in, c[0] == '\n' ? 1 : 2);
	}
}

static enum connect_read read_head(struct connect_reader *r, struct evbuffer *in)
{
	char head[CONNECT_HEAD_MAX + 1];
	size_t len;
	int status;

	skip_blank_lines(in);
	len = head_length(in);
	if (len > CONNECT_HEAD_MAX || (!len && evbuffer_get_length(in) > CONNECT_HEAD_MAX))
		return refuse(r, 431);
	if (!len)
		return CONNECT_MORE;
	evbuffer_remove(in, head, len);
	head[len] = '\0';
	/* The blank line ends the last field's line; a NUL inside would hide what follows it. */
	status = strlen(head) == len ? 0 : 400;
	head[len - (len > 1 && head[len - 2] == '\r' ? 2 : 1)] = '\0';
	status = status ?: parse_head(r, head);
	explicit_bzero(head, sizeof(head)); /* the Authorization among it */
	if (status)
		return refuse(r, status);
	r->state = r->chunked ? CHUNK_SIZE : BODY;
	return CONNECT_HEAD;
}

/* --- the body ------------------------------------------------------------------------------- */

static bool take(struct connect_reader *r, struct evbuffer *in)
{
	int n = evbuffer_remove_buffer(in, r->body, r->left);

	if (n > 0)
		r->left -= (size_t)n;
	return r->left == 0;
}

static bool fits(const struct connect_reader *r)
{
	return r->left <= r->body_max && evbuffer_get_length(r->body) <= r->body_max - r->left;
}

static enum connect_read done(struct connect_reader *r)
{
	r->state = DONE;
	return CONNECT_DONE;
}

static enum connect_read read_body(struct connect_reader *r, struct evbuffer *in)
{
	if (evbuffer_get_length(r->body) == 0 && !fits(r))
		return refuse(r, 413);
	return take(r, in) ? done(r) : CONNECT_MORE;
}

/* A line without its end into buf: its length, -EAGAIN, or -EMSGSIZE when size is too small. */
static int take_line(struct evbuffer *in, char *buf, size_t size)
{
	size_t eol;
	struct evbuffer_ptr end = evbuffer_search_eol(in, NULL, &eol, EVBUFFER_EOL_CRLF);

	if (end.pos < 0)
		return evbuffer_get_length(in) > size ? -EMSGSIZE : -EAGAIN; /* a CR may be in */
	if ((size_t)end.pos >= size)
		return -EMSGSIZE;
	evbuffer_remove(in, buf, (size_t)end.pos);
	buf[end.pos] = '\0';
	evbuffer_drain(in, eol);
	return (int)end.pos;
}

static enum connect_read read_chunk_size(struct connect_reader *r, struct evbuffer *in)
{
	char line[CHUNK_LINE_MAX], *end;
	int len = take_line(in, line, sizeof(line));

	if (len == -EAGAIN)
		return CONNECT_MORE;
	/* strtoul() would take a sign, blanks and "0x" */
	if (len < 1 || (size_t)len != strlen(line) || !strspn(line, "0123456789abcdefABCDEF") ||
	    strspn(line, "0123456789abcdefABCDEF") > 8)
		return refuse(r, 400);
	if (line[0] == '0' && (line[1] == 'x' || line[1] == 'X'))
		return refuse(r, 400);
	r->left = strtoul(line, &end, 16);
	if (*end && !strchr("; \t", *end)) /* an extension may follow */
		return refuse(r, 400);
	if (!fits(r))
		return refuse(r, 413);
	r->state = r->left ? CHUNK_DATA : TRAILER;
	return CONNECT_MORE;
}

static enum connect_read read_chunk_end(struct connect_reader *r, struct evbuffer *in)
{
	char line[3];
	int len = take_line(in, line, sizeof(line));

	if (len == -EAGAIN)
		return CONNECT_MORE;
	if (len != 0)
		return refuse(r, 400);
	r->state = CHUNK_SIZE;
	return CONNECT_MORE;
}

/* Fields after the last chunk are nothing to us. */
static enum connect_read read_trailer(struct connect_reader *r, struct evbuffer *in)
{
	char line[CHUNK_LINE_MAX];
	int len = take_line(in, line, sizeof(line));

	if (len == -EAGAIN)
		return CONNECT_MORE;
	if (len < 0)
		return refuse(r, 431);
	r->trailer += (size_t)len;
	if (r->trailer > TRAILER_MAX)
		return refuse(r, 431);
	return len ? CONNECT_MORE : done(r);
}

static enum connect_read step(struct connect_reader *r, struct evbuffer *in)
{
	switch (r->state) {
	case START: return read_head(r, in);
	case BODY: return read_body(r, in);
	case CHUNK_SIZE: return read_chunk_size(r, in);
	case CHUNK_DATA:
		if (take(r, in))
			r->state = CHUNK_END;
		return CONNECT_MORE;
	case CHUNK_END: return read_chunk_end(r, in);
	case TRAILER: return read_trailer(r, in);
	case DONE: return CONNECT_DONE;
	default: return CONNECT_REFUSED;
	}
}

enum connect_read connect_reader_feed(struct connect_reader *r, struct evbuffer *in)
{
	enum connect_read result;
	size_t before;
	int state;

	do {
		before = evbuffer_get_length(in);
		state = r->state;
		result = step(r, in);
	} while (result == CONNECT_MORE &&
		 (r->state != state || evbuffer_get_length(in) != before));
	return result;
}
