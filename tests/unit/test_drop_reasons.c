// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* docs/drop-reasons.md and docs/gateway-drop-reasons.md tell of every reason, and are what
 * scripts/drop-reasons.sh makes. Each of the gateway's is demanded by a test. */
#include <ctype.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bpf/abi/gateway_reasons.h"
#include "bpf/abi/reasons.h"

#define RELAY_PAGE   "docs/drop-reasons.md"
#define GATEWAY_PAGE "docs/gateway-drop-reasons.md"

struct reason {
	const char *name, *text;
};

#define REASON(kind, name, text) {#name, text},

static const struct reason of_relay[] = {TP_REASONS(REASON)};
static const struct reason of_gateway[] = {TP_GW_REASONS(REASON)};

/* By reference, since gcc 12 takes a pointer got from getdelim() for one to the local variable. */
static void read_page(const char *name, char **text)
{
	FILE *f = fopen(name, "r");
	size_t room = 0;

	assert_non_null(f);
	assert_true(getdelim(text, &room, '\0', f) > 0);
	fclose(f);
}

/* | `name` | ... | text | ..., in one line. */
static bool has_row(const char *page, const char *name, const char *meaning)
{
	char start[64];
	const char *row, *text;

	snprintf(start, sizeof(start), "\n| `%s` | ", name);
	row = strstr(page, start);
	text = row ? strstr(row, meaning) : NULL;
	return text && !memchr(row + 1, '\n', (size_t)(text - row - 1)) &&
	       !strncmp(text + strlen(meaning), " | ", 3);
}

static void page_tells_of(const char *name, const struct reason *reasons, size_t n)
{
	char *page = NULL;

	read_page(name, &page);
	for (size_t i = 0; i < n; i++)
		if (!has_row(page, reasons[i].name, reasons[i].text))
			fail_msg("%s lacks %s: run scripts/drop-reasons.sh", name, reasons[i].name);
	free(page);
}

static void every_reason_has_a_row_with_advice(void **state)
{
	(void)state;
	page_tells_of(RELAY_PAGE, of_relay, TP_REASON_MAX);
	page_tells_of(GATEWAY_PAGE, of_gateway, GW_REASON_MAX);
}

static void the_pages_are_current(void **state)
{
	(void)state;
	assert_int_equal(system("scripts/drop-reasons.sh --check"), 0);
}

/* --- tests of the gateway's ------------------------------------------------------------------ */

#define ENUM_NAME(kind, name, text) "GW_" #kind "_" #name,
static const char *const enum_names[] = {TP_GW_REASONS(ENUM_NAME)};

/* What no packet can bring about. */
static bool is_untestable(const char *name)
{
	return !strcmp(name, "rewrite_failed");
}

static bool has_word(const char *text, const char *word)
{
	for (const char *at = text; (at = strstr(at, word)); at++)
		if (!isalnum((unsigned char)at[strlen(word)]) && at[strlen(word)] != '_')
			return true;
	return false;
}

static void some_file_has(bool *found, const char *pattern, char *const *words)
{
	glob_t files;

	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *text = NULL;

		read_page(files.gl_pathv[i], &text);
		for (size_t r = 0; r < GW_REASON_MAX; r++)
			found[r] = found[r] || has_word(text, words[r]);
		free(text);
	}
	globfree(&files);
}

/* By a verdict in tests/bpf, or by its count in tests/net. */
static void every_gateway_reason_is_tested(void **state)
{
	char counts[GW_REASON_MAX][64], *words[GW_REASON_MAX];
	bool found[GW_REASON_MAX] = {false};

	(void)state;
	for (size_t i = 0; i < GW_REASON_MAX; i++)
		words[i] = (char *)enum_names[i];
	some_file_has(found, "tests/bpf/test_gateway_*.c", words);
	for (size_t i = 0; i < GW_REASON_MAX; i++) {
		snprintf(counts[i], sizeof(counts[i]), "gw_counts %s", of_gateway[i].name);
		words[i] = counts[i];
	}
	some_file_has(found, "tests/net/test_gateway_*.sh", words);
	for (size_t i = 0; i < GW_REASON_MAX; i++)
		if (!found[i] && !is_untestable(of_gateway[i].name))
			fail_msg("no test for %s", of_gateway[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_gateway_reason_is_tested),
		cmocka_unit_test(every_reason_has_a_row_with_advice),
		cmocka_unit_test(the_pages_are_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
