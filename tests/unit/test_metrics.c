// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/event.h>

#include "clock.h"
#include "metrics.h"

#define PATIENCE_S 30

struct fixture {
	struct event_base *base;
	struct tp_metrics_server *server;
	const char *reason;
	struct tp_endpoint at;
};

static void collect(void *arg, struct tp_metrics *m)
{
	(void)arg;
	tp_metrics_family(m, TP_COUNTER, "turnpike_test_packets_total",
			  "Packets \\ seen,\nby path.");
	tp_metrics_u64(m, TP_LABELS({"path", "xdp"}), UINT64_MAX);
	tp_metrics_u64(m, TP_LABELS({"path", "us\"er\\\n"}, {"node", "älice"}), 0);
	tp_metrics_family(m, TP_GAUGE, "turnpike_test_load", "Load.");
	tp_metrics_real(m, NULL, 0.25);
	tp_metrics_family(m, TP_GAUGE, "turnpike_test_odd", "Odd values.");
	tp_metrics_real(m, TP_LABELS({"v", "nan"}), NAN);
	tp_metrics_real(m, TP_LABELS({"v", "inf"}), INFINITY);
	tp_metrics_real(m, TP_LABELS({"v", "-inf"}), -INFINITY);
}

static const char expected_page[] =
	"# HELP turnpike_test_packets_total Packets \\\\ seen,\\nby path.\n"
	"# TYPE turnpike_test_packets_total counter\n"
	"turnpike_test_packets_total{path=\"xdp\"} 18446744073709551615\n"
	"turnpike_test_packets_total{path=\"us\\\"er\\\\\\n\",node=\"älice\"} 0\n"
	"# HELP turnpike_test_load Load.\n"
	"# TYPE turnpike_test_load gauge\n"
	"turnpike_test_load 0.25\n"
	"# HELP turnpike_test_odd Odd values.\n"
	"# TYPE turnpike_test_odd gauge\n"
	"turnpike_test_odd{v=\"nan\"} NaN\n"
	"turnpike_test_odd{v=\"inf\"} +Inf\n"
	"turnpike_test_odd{v=\"-inf\"} -Inf\n";

static const char *not_ready(void *arg)
{
	return ((struct fixture *)arg)->reason;
}

static const struct tp_metrics_ops ops = {.collect = collect, .not_ready = not_ready};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->base = event_base_new();
	assert_int_equal(tp_endpoint_parse("127.0.0.1:0", &f->at), 0);
	assert_int_equal(tp_metrics_server_new(&f->server, f->base, &f->at, &ops, f), 0);
	f->at = tp_metrics_server_endpoint(f->server);
	assert_int_not_equal(f->at.port, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tp_metrics_server_free(f->server);
	event_base_free(f->base);
	free(f);
	return 0;
}

/* Sends `request` and reads until the server closes. */
static void fetch(struct fixture *f, const char *request, char *buf, size_t size)
{
	uint64_t give_up = tp_now() + TP_SEC(PATIENCE_S);
	struct sockaddr_storage ss;
	socklen_t len = tp_endpoint_to_sockaddr(&f->at, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM, 0);
	size_t total = 0;
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	do {
		assert_true(tp_now() < give_up);
		event_base_loop(f->base, EVLOOP_NONBLOCK);
		n = recv(fd, buf + total, size - 1 - total, MSG_DONTWAIT);
		if (n > 0)
			total += (size_t)n;
		else if (n < 0)
			usleep(1000);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	assert_int_equal(n, 0);
	buf[total] = '\0';
	close(fd);
}

static void assert_response(struct fixture *f, const char *request, const char *status,
			    const char *body)
{
	char buf[16384], length[64];
	char *end;

	fetch(f, request, buf, sizeof(buf));
	if (strncmp(buf, status, strlen(status)) != 0)
		fail_msg("%s: answered %s", request, buf);
	end = strstr(buf, "\r\n\r\n");
	assert_non_null(end);
	assert_string_equal(end + 4, body);
	assert_non_null(strstr(buf, "\r\nConnection: close\r\n"));
	snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", strlen(body));
	if (strncmp(request, "HEAD", 4) != 0)
		assert_non_null(strstr(buf, length));
}

static void test_text_format(void **state)
{
	struct evbuffer *out = evbuffer_new();
	struct tp_metrics m;

	(void)state;
	tp_metrics_init(&m, out);
	collect(NULL, &m);
	assert_false(m.failed);
	assert_int_equal(evbuffer_get_length(out), strlen(expected_page));
	assert_memory_equal(evbuffer_pullup(out, -1), expected_page, strlen(expected_page));
	evbuffer_free(out);
}

static void test_promtool(void **state)
{
	FILE *p;

	(void)state;
	if (system("command -v promtool >/dev/null") != 0) {
		print_message("# promtool is not installed\n");
		skip();
	}
	p = popen("promtool check metrics", "w");
	assert_non_null(p);
	assert_int_equal(fwrite(expected_page, 1, strlen(expected_page), p), strlen(expected_page));
	assert_int_equal(pclose(p), 0);
}

static void test_pages(void **state)
{
	struct fixture *f = *state;

	assert_response(f, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ",
			expected_page);
	assert_response(f, "GET /metrics?name=x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", expected_page);
	assert_response(f, "GET http://relay:9586/healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ",
			"ok\n");
	assert_response(f, "HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "");
	assert_response(f, "GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ",
			"see /metrics, /healthz, /readyz\n");
}

static void test_readiness(void **state)
{
	struct fixture *f = *state;

	assert_response(f, "GET /readyz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "ready\n");
	f->reason = "eth0 is gone";
	assert_response(f, "GET /readyz HTTP/1.1\r\n\r\n", "HTTP/1.1 503 ", "eth0 is gone\n");
	assert_response(f, "GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "ok\n");
}

static void test_bad_requests(void **state)
{
	static const char *const bad[] = {
		"\r\n\r\n",
		"GET\r\n\r\n",
		"GET /metrics\r\n\r\n",
		"GET /metrics HTTP/2.0\r\n\r\n",
		"GET /metrics HTTP/1.1 x\r\n\r\n",
		"GET metrics HTTP/1.1\r\n\r\n",
		"GET http://x HTTP/1.1\r\n\r\n",
		" \r\n\r\n",
		"\x16\x03\x01\x02 \r\n\r\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_response(f, bad[i], "HTTP/1.1 400 ", "not an HTTP/1 request\n");
	assert_response(f, "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
			"HTTP/1.1 405 ", "only GET and HEAD\n");
}

static void test_endless_header(void **state)
{
	char *request = malloc(100001);

	memset(request, 'x', 100000);
	request[100000] = '\0';
	memcpy(request, "GET / HTTP/1.1\r\n", 16);
	assert_response(*state, request, "HTTP/1.1 431 ", "request too long\n");
	free(request);
}

static void test_ipv6_and_taken_port(void **state)
{
	struct fixture *f = *state;
	struct tp_metrics_server *second;
	struct tp_endpoint v6;

	assert_int_equal(tp_metrics_server_new(&second, f->base, &f->at, &ops, f), -EADDRINUSE);
	assert_null(second);
	assert_int_equal(tp_endpoint_parse("[::1]:0", &v6), 0);
	if (tp_metrics_server_new(&second, f->base, &v6, &ops, f) == -EADDRNOTAVAIL) {
		print_message("# no IPv6 loopback here\n");
		skip();
	}
	f->at = tp_metrics_server_endpoint(second);
	assert_response(f, "GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "ok\n");
	tp_metrics_server_free(second);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_format),
		cmocka_unit_test(test_promtool),
		T(test_pages),
		T(test_readiness),
		T(test_bad_requests),
		T(test_endless_header),
		T(test_ipv6_and_taken_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
