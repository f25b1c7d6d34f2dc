// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "control/connect_request.h"

#define BODY_MAX 16

/* The head is looked at when it comes, as the server does. */
static enum connect_read feed(struct connect_reader *r, struct evbuffer *in)
{
	enum connect_read result = connect_reader_feed(r, in);

	if (result != CONNECT_HEAD)
		return result;
	r->body_max = BODY_MAX;
	return connect_reader_feed(r, in);
}

/* `step` bytes at a time; what is left over stays in *rest. */
static enum connect_read read_text(struct connect_reader *r, const char *text, size_t step,
				   size_t *rest)
{
	struct evbuffer *in = evbuffer_new();
	enum connect_read result = CONNECT_MORE;
	size_t len = strlen(text), at = 0;

	assert_int_equal(connect_reader_init(r), 0);
	while (at < len && result == CONNECT_MORE) {
		size_t n = len - at < step ? len - at : step;

		evbuffer_add(in, text + at, n);
		at += n;
		result = feed(r, in);
	}
	*rest = len - at + evbuffer_get_length(in);
	evbuffer_free(in);
	return result;
}

static void assert_body(const struct connect_reader *r, const char *body)
{
	assert_int_equal(evbuffer_get_length(r->body), strlen(body));
	assert_memory_equal(evbuffer_pullup(r->body, -1), body, strlen(body));
}

#define WHOLE                                                                                 \
	"POST /turnpike.v1.AdminService/Login?x=1 HTTP/1.1\r\nHost: a\r\n"                    \
	"Content-Type: application/json\r\nAuthorization:  Bearer abc \r\nx-tenant-id: t\r\n" \
	"Connect-Protocol-Version: 1\r\n"

static void check_whole(const char *text, const char *body)
{
	for (size_t step = 1; step < 400; step += step < 20 ? 1 : 97) {
		struct connect_reader r;
		size_t rest;

		assert_int_equal(read_text(&r, text, step, &rest), CONNECT_DONE);
		assert_int_equal(rest, 0);
		assert_string_equal(r.request.method, "POST");
		assert_string_equal(r.request.path, "/turnpike.v1.AdminService/Login");
		assert_string_equal(r.request.content_type, "application/json");
		assert_string_equal(r.request.authorization, "Bearer abc");
		assert_string_equal(r.request.tenant, "t");
		assert_string_equal(r.request.protocol_version, "1");
		assert_true(r.request.keep_alive);
		assert_body(&r, body);
		connect_reader_fini(&r);
	}
}

static void body_of_a_length(void **state)
{
	(void)state;
	check_whole(WHOLE "Content-Length: 5\r\n\r\nhello", "hello");
	check_whole("\r\n" WHOLE "Content-Length: 0\r\n\r\n", "");
	check_whole(WHOLE "\r\n", "");
}

static void body_in_chunks(void **state)
{
	(void)state;
	check_whole(WHOLE "Transfer-Encoding: chunked\r\n\r\n"
			  "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n",
		    "hello");
	check_whole(WHOLE "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "");
}

static void one_after_another(void **state)
{
	static const char text[] = "POST /a HTTP/1.1\r\nContent-Length: 1\r\nX-Tenant-ID: t\r\n\r\n"
				   "xPOST /b HTTP/1.0\r\n\r\n";
	struct evbuffer *in = evbuffer_new();
	struct connect_reader r;

	(void)state;
	evbuffer_add(in, text, strlen(text));
	assert_int_equal(connect_reader_init(&r), 0);
	assert_int_equal(feed(&r, in), CONNECT_DONE);
	assert_body(&r, "x");
	connect_reader_reset(&r);
	assert_int_equal(feed(&r, in), CONNECT_DONE);
	assert_string_equal(r.request.path, "/b");
	assert_string_equal(r.request.tenant, "");
	assert_false(r.request.keep_alive);
	assert_body(&r, "");
	assert_int_equal(evbuffer_get_length(in), 0);
	connect_reader_fini(&r);
	evbuffer_free(in);
}

static void connection_field(void **state)
{
	static const struct {
		const char *text;
		bool keep;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", true},
		{"GET / HTTP/1.0\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct connect_reader r;
		size_t rest;

		assert_int_equal(read_text(&r, cases[i].text, 1000, &rest), CONNECT_DONE);
		assert_int_equal(r.request.keep_alive, cases[i].keep);
		connect_reader_fini(&r);
	}
}

static void check_refused(const char *text, int status)
{
	for (size_t step = 1; step < 300; step += 149) {
		struct connect_reader r;
		size_t rest;

		assert_int_equal(read_text(&r, text, step, &rest), CONNECT_REFUSED);
		assert_int_equal(r.status, status);
		connect_reader_fini(&r);
	}
}

#define REQUEST "POST / HTTP/1.1\r\n"

static void what_is_refused(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"garbage\r\n\r\n", 400},
		{"POST /\r\n\r\n", 400},
		{"P\x01ST / HTTP/1.1\r\n\r\n", 400},
		{"POST a HTTP/1.1\r\n\r\n", 400},
		{"POST / FTP/1.1\r\n\r\n", 400},
		{"POST / HTTP/2.0\r\n\r\n", 505},
		{REQUEST "no colon\r\n\r\n", 400},
		{REQUEST "a: b\r\n folded\r\n\r\n", 400},
		{REQUEST "a : b\r\n\r\n", 400},
		{REQUEST "a: b\rc: d\r\n\r\n", 400},
		{REQUEST "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
		{REQUEST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		{REQUEST "Content-Length: +1\r\n\r\n", 400},
		{REQUEST "Content-Length: \r\n\r\n", 400},
		{REQUEST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{REQUEST "Content-Length: 17\r\n\r\n", 413},
		{REQUEST "Content-Length: 99999999999999999999999999999999\r\n\r\n", 413},
		{REQUEST "Transfer-Encoding: gzip\r\n\r\n", 501},
		{REQUEST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
		{REQUEST "Transfer-Encoding: chunked\r\n\r\n11\r\n", 413},
		{REQUEST "Transfer-Encoding: chunked\r\n\r\nf\r\n123456789012345\r\n2\r\n", 413},
		{REQUEST "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 400},
		{REQUEST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
		{REQUEST "Transfer-Encoding: chunked\r\n\r\n0x1\r\n", 400},
		{REQUEST "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
		{REQUEST "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_refused(cases[i].text, cases[i].status);
}

/* "a: aaaa…" of `len` bytes, in a line of its own. */
static char *with_long_field(const char *name, size_t len)
{
	char *text = malloc(len + 200);
	int n = sprintf(text, REQUEST "%s: ", name);

	memset(text + n, 'a', len);
	strcpy(text + n + len, "\r\n\r\n");
	return text;
}

static void what_is_too_long(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		int status;
	} cases[] = {{"a", CONNECT_HEAD_MAX, 431}, {"authorization", 1024, 431}};
	char path[400] = "POST /";

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *text = with_long_field(cases[i].name, cases[i].len);

		check_refused(text, cases[i].status);
		free(text);
	}
	memset(path + 6, 'p', 200);
	strcpy(path + 206, " HTTP/1.1\r\n\r\n");
	check_refused(path, 414);
}

static void nul_hides_nothing(void **state)
{
	static const char text[] = "POST / HTTP/1.1\r\na: b\0\r\nContent-Length: 1\r\n\r\nx";
	struct evbuffer *in = evbuffer_new();
	struct connect_reader r;

	(void)state;
	evbuffer_add(in, text, sizeof(text) - 1);
	assert_int_equal(connect_reader_init(&r), 0);
	assert_int_equal(feed(&r, in), CONNECT_REFUSED);
	assert_int_equal(r.status, 400);
	connect_reader_fini(&r);
	evbuffer_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_of_a_length),  cmocka_unit_test(body_in_chunks),
		cmocka_unit_test(one_after_another), cmocka_unit_test(connection_field),
		cmocka_unit_test(what_is_refused),   cmocka_unit_test(what_is_too_long),
		cmocka_unit_test(nul_hides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
