/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "log.h"

static char text[8192];

/* Everything written to stderr between capture() and captured(). */
static int saved_stderr, reader;

static void capture(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	reader = ends[0];
}

static const char *captured(void)
{
	ssize_t n = read(reader, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
	return text;
}

static void test_priority(void **state)
{
	(void)state;
	capture();
	tp_err("no such %s: %d", "thing", 7);
	tp_info("fine");
	assert_string_equal(captured(), "<3>no such thing: 7\n<6>fine\n");
}

static void test_level(void **state)
{
	(void)state;
	assert_true(tp_log_wants(LOG_INFO));
	assert_false(tp_log_wants(LOG_DEBUG));
	capture();
	tp_debug("hidden");
	tp_log_level(LOG_DEBUG);
	tp_debug("shown");
	tp_log_level(LOG_ERR);
	tp_warn("hidden");
	tp_log_level(LOG_INFO);
	assert_string_equal(captured(), "<7>shown\n");
}

static void test_one_line(void **state)
{
	(void)state;
	capture();
	tp_warn("name '%s'", "x\n<0>forged\x1b[2J");
	assert_string_equal(captured(), "<4>name 'x?<0>forged?[2J'\n");
}

static void test_long_line(void **state)
{
	char longer[4000];
	size_t len;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	capture();
	tp_warn("%s", longer);
	len = strlen(captured());
	assert_in_range(len, 1000, 1100);
	assert_int_equal(text[len - 1], '\n');
	assert_int_equal(text[len - 2], 'x');
}

static void test_errno_kept(void **state)
{
	(void)state;
	errno = ENOENT;
	capture();
	errno = ENOENT;
	tp_warn("text");
	assert_int_equal(errno, ENOENT);
	captured();
}

static void test_limit(void **state)
{
	struct tp_log_limit limit = {0};

	(void)state;
	assert_true(tp_log_allow(&limit));
	limit.next_ns = UINT64_MAX; /* the second never ends */
	assert_false(tp_log_allow(&limit));
	assert_false(tp_log_allow(&limit));
	limit.next_ns = 0;
	capture();
	assert_true(tp_log_allow(&limit));
	tp_warn("again");
	tp_warn("other");
	assert_string_equal(captured(), "<4>again (2 more left out)\n<4>other\n");
	assert_true(limit.next_ns > tp_now());
	assert_int_equal(limit.suppressed, 0);
}

static void test_limit_is_per_place(void **state)
{
	(void)state;
	capture();
	for (int i = 0; i < 3; i++)
		tp_log_limited(LOG_WARNING, "here %d", i);
	tp_log_limited(LOG_WARNING, "there");
	tp_log_limited(LOG_DEBUG, "hidden");
	assert_non_null(strstr(captured(), "<4>here 0\n"));
	assert_non_null(strstr(text, "<4>there\n"));
	assert_null(strstr(text, "hidden"));
}

static void test_first_error_is_kept(void **state)
{
	char kept[12];

	(void)state;
	capture();
	tp_err("before");
	tp_log_keep(kept, sizeof(kept));
	tp_warn("no error");
	assert_string_equal(kept, "");
	tp_err("wg0\tgr\xc3\xb6\xc3\x9f is gone");
	tp_err("so nothing works");
	assert_string_equal(kept, "wg0?gr???? ");
	tp_log_keep(NULL, 0);
	tp_err("after");
	assert_string_equal(kept, "wg0?gr???? ");
	assert_non_null(strstr(captured(), "<3>wg0?gr\xc3\xb6\xc3\x9f is gone\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_priority),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_errno_kept),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_is_per_place),
		cmocka_unit_test(test_first_error_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
