// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The config engine: values, settings from elsewhere, files, differences, the manual page. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "config_thing.h"

static void presets_fill_what_is_absent(void **state)
{
	struct thing *t = good("port = 1;");
	struct tp_endpoint maybe;

	(void)state;
	tp_endpoint_parse("127.0.0.1:9", &maybe);
	assert_true(t->flag);
	assert_int_equal(t->colour, GREEN);
	assert_int_equal(t->count, 10000);
	assert_int_equal(t->rate, 0);
	assert_null(t->word);
	assert_string_equal(t->path, "/tmp");
	assert_true(tp_addr_is_zero(&t->addr));
	assert_int_equal(t->at.port, 0);
	assert_true(tp_endpoint_equal(&t->maybe, &maybe));
	assert_null(t->words);
	assert_int_equal(t->n_items, 0);
	assert_int_equal(t->depth, 3);
	drop(t);
}

static void every_type_is_read(void **state)
{
	struct thing *t =
		good("flag = false; colour = \"blue\"; port = 65535; count = 4000000000;\n"
		     "rate = \"200Mbit\"; word = \"abcd\"; path = \"/a b\";\n"
		     "key = \"" KEY "\"; addr = \"2001:db8::1\"; net = \"10.0.0.1/8\";\n"
		     "at = \"[::1]:53\"; maybe = \"off\"; words = [ \"a\", \"b\" ];\n"
		     "peers = ( \"1.2.3.4:5\" );\n"
		     "items = ( { name = \"x\"; },\n"
		     "          { name = \"y\"; weight = 0x9; } );\n"
		     "inner = { depth = 7; };");

	(void)state;
	assert_false(t->flag);
	assert_int_equal(t->colour, BLUE);
	assert_int_equal(t->port, 65535);
	assert_int_equal(t->count, 4000000000);
	assert_int_equal(t->rate, 200000000);
	assert_string_equal(t->word, "abcd");
	assert_string_equal(t->path, "/a b");
	assert_int_equal(t->key[31], 1);
	assert_int_equal(t->addr.b[0], 0x20);
	assert_int_equal(t->net.b[12], 10);
	assert_int_equal(t->net_bits, 8);
	assert_int_equal(ntohs(t->at.port), 53);
	assert_int_equal(t->maybe.port, 0);
	assert_int_equal(t->n_words, 2);
	assert_string_equal(t->words[1], "b");
	assert_int_equal(t->n_peers, 1);
	assert_int_equal(ntohs(t->peers[0].port), 5);
	assert_int_equal(t->n_items, 2);
	assert_int_equal(t->items[0].weight, 5);
	assert_int_equal(t->items[0].line, 6);
	assert_int_equal(t->items[1].weight, 9);
	assert_int_equal(t->items[1].line, 7);
	assert_int_equal(t->depth, 7);
	drop(t);
}

static uint64_t rate_of(const char *value)
{
	char text[80];
	struct thing *t;
	uint64_t rate;

	snprintf(text, sizeof(text), "port = 1; rate = %s;", value);
	t = good(text);
	rate = t->rate;
	drop(t);
	return rate;
}

static void quantities_have_units(void **state)
{
	(void)state;
	assert_int_equal(rate_of("7"), 7);
	assert_int_equal(rate_of("\"7\""), 7);
	assert_int_equal(rate_of("\"7bit\""), 7);
	assert_int_equal(rate_of("\"10k\""), 10000);
	assert_int_equal(rate_of("\"10K\""), 10000);
	assert_int_equal(rate_of("\"1M\""), 1000000);
	assert_int_equal(rate_of("\"1Gbit\""), 1000000000);
	assert_int_equal(rate_of("\"2T\""), 2000000000000);
	bad("port = 1;\nrate = \"1 M\";", "t.conf:2: rate: \"1 M\" has an unknown unit \" M\"\n");
	bad("port = 1;\ncount = \"1bit\";",
	    "t.conf:2: count: \"1bit\" has an unknown unit \"bit\"\n");
	bad("port = 1;\nrate = \"-1\";",
	    "t.conf:2: rate: \"-1\" is not a number with k, M, G or T\n");
	bad("port = 1;\nrate = \"M\";",
	    "t.conf:2: rate: \"M\" is not a number with k, M, G or T\n");
	bad("port = 1;\nrate = \"99999999T\";", "t.conf:2: rate: \"99999999T\" is too large\n");
	bad("port = 1;\nrate = \"99999999999999999999\";",
	    "t.conf:2: rate: \"99999999999999999999\" is too large\n");
	bad("port = 1;\nrate = \"11T\";",
	    "t.conf:2: rate: 11000000000000 is not between 0 and 10000000000000\n");
}

/* What libconfig would cut to 32 bits: 5000000000 to 705032704, 0x100000001 to 1. */
static void large_numbers_keep_their_value(void **state)
{
	(void)state;
	assert_int_equal(rate_of("5000000000"), 5000000000);
	assert_int_equal(rate_of("5000000000L"), 5000000000);
	assert_int_equal(rate_of("0x100000001"), 0x100000001);
	assert_int_equal(rate_of("0X100000001LL"), 0x100000001);
	assert_int_equal(rate_of("2147483648"), 2147483648);
	assert_int_equal(rate_of("0xffffffff"), 0xffffffff);
	assert_int_equal(rate_of("12L"), 12);
	bad("port = 4294967297;", "t.conf:1: port: 4294967297 is not between 1 and 65535\n");
	bad("port = -4294967295;", "t.conf:1: port: -4294967295 is not between 1 and 65535\n");
	bad("port = 18446744073709551617;",
	    "t.conf:1: port: 9223372036854775807 is not between 1 and 65535\n");
	bad("port = 0x10000000000000001;",
	    "t.conf:1: port: 9223372036854775807 is not between 1 and 65535\n");
}

/* Digits that are no numbers stay as they are. */
static void digits_elsewhere_are_left_alone(void **state)
{
	struct thing *t = good("# 5000000000\n// 5000000000\n/* 5000000000 \" */ port = 1;\n"
			       "path = \"/5000000000\\\"5000000000\";");

	(void)state;
	assert_string_equal(t->path, "/5000000000\"5000000000");
	drop(t);
	bad("port = 1;\na5000000000 = 1;", "t.conf:2: a5000000000: unknown setting\n");
	bad("port = 5000000000.5;", "t.conf:1: port: must be an integer, not a fraction\n");
	bad("port = 5000000000e1;", "t.conf:1: port: must be an integer, not a fraction\n");
	bad("port = .5000000000;", "t.conf:1: port: must be an integer, not a fraction\n");
}

/* --- settings from elsewhere ----------------------------------------------------------------- */

static struct thing *with(const char *text, const char *json, char **errors)
{
	json_t *more = json_loads(json, 0, NULL);
	void *object;
	size_t n;
	FILE *f = open_memstream(errors, &n);
	int err = tp_config_parse_with("t.conf", text, strlen(text), more, &thing_table, NULL,
				       &object, f);

	fclose(f);
	json_decref(more);
	assert_int_equal(err == 0, object != NULL);
	return object;
}

static void with_bad(const char *text, const char *json, const char *expected)
{
	char *errors;

	assert_null(with(text, json, &errors));
	assert_string_equal(errors, expected);
	free(errors);
}

static void settings_from_elsewhere(void **state)
{
	char *errors;
	struct thing *t = with("port = 1;\ninner = { };",
			       "{\"flag\": true, \"rate\": 5000000000, \"words\": [\"a\", \"b\"],"
			       " \"colour\": \"blue\", \"word\": null, \"inner\": {\"depth\": 7},"
			       " \"items\": [{\"name\": \"x\", \"weight\": 3}, {\"name\": \"y\"}]}",
			       &errors);

	(void)state;
	assert_non_null(t);
	assert_string_equal(errors, "");
	assert_true(t->flag);
	assert_int_equal(t->port, 1);
	assert_int_equal(t->rate, 5000000000);
	assert_int_equal(t->colour, BLUE);
	assert_int_equal(t->n_words, 2);
	assert_string_equal(t->words[1], "b");
	assert_int_equal(t->n_items, 2);
	assert_int_equal(t->items[0].weight, 3);
	assert_int_equal(t->depth, 7);
	free(errors);
	drop(t);
}

static void bad_settings_from_elsewhere(void **state)
{
	(void)state;
	with_bad("port = 1;\nport2 = 2;", "{\"port\": 3}",
		 "t.conf:1: port: is set by the control plane, take it out of the file\n"
		 "t.conf:2: port2: unknown setting\n");
	with_bad("port = 1; inner = { depth = 1; };", "{\"inner\": {\"depth\": 2}}",
		 "t.conf:1: depth: is set by the control plane, take it out of the file\n");
	with_bad("port = 1;", "{\"prt\": 3}", "t.conf:1: prt: unknown setting\n");
	with_bad("port = 1;", "{\"a b\": 3}",
		 "t.conf:1: a b: what the control plane says is no setting\n");
	with_bad("", "{\"port\": 70000}", "t.conf:1: port: 70000 is not between 1 and 65535\n");
	with_bad("port = 1;", "{\"flag\": [[[[[[[[[[[[1]]]]]]]]]]]]}",
		 "t.conf:1: flag: what the control plane says is no setting\n"
		 "t.conf:1: flag: must be true or false, not a list\n");
	with_bad("port = 1;", "{\"items\": [{\"weight\": 3}]}",
		 "t.conf:1: items.name: is required\n");
}

static void load_expecting(const char *path, int expected, const char *message)
{
	void *object;
	char *errors;
	size_t n;
	FILE *f = open_memstream(&errors, &n);

	assert_int_equal(tp_config_load(path, &thing_table, NULL, &object, f), expected);
	fclose(f);
	assert_string_equal(errors, message);
	free(errors);
	drop(object);
}

static void files_are_read(void **state)
{
	char path[] = "/tmp/test-config-XXXXXX", message[80];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "port = 8;\n", 10), 10);
	load_expecting(path, 0, "");
	assert_int_equal(write(fd, "port = 8;\n", 10), 10);
	snprintf(message, sizeof(message), "%s:2: duplicate setting name\n", path);
	load_expecting(path, -EINVAL, message);
	close(fd);
	unlink(path);
	snprintf(message, sizeof(message), "%s: No such file or directory\n", path);
	load_expecting(path, -ENOENT, message);
	load_expecting("/", -EISDIR, "/: Is a directory\n");
}

/* --- what else comes from the table ---------------------------------------------------------- */

static void expect_diff(const char *a, const char *b, size_t n, const char *names)
{
	struct thing *x = good(a), *y = good(b);
	char buf[80] = "unset";

	assert_int_equal(tp_config_frozen_diff(&thing_table, x, y, buf, sizeof(buf)), n);
	assert_string_equal(buf, names);
	drop(x);
	drop(y);
}

static void frozen_settings_are_compared(void **state)
{
	(void)state;
	expect_diff("port = 1;", "port = 1; colour = \"green\"; inner = { depth = 3; };", 0, "");
	expect_diff("port = 1;", "port = 1; flag = false; path = \"/x\"; count = 1;", 0, "");
	expect_diff("port = 1;", "port = 2;", 1, "port");
	expect_diff("port = 1;", "port = 2; colour = \"red\"; inner = { depth = 4; };", 3,
		    "colour, port, inner.depth");
	expect_diff("port = 1;", "port = 1; word = \"ab\";", 1, "word");
	expect_diff("port = 1; word = \"ab\";", "port = 1; word = \"ac\";", 1, "word");
	expect_diff("port = 1; key = \"" KEY "\";", "port = 1;", 1, "key");
	expect_diff("port = 1; addr = \"::1\";", "port = 1; addr = \"::2\";", 1, "addr");
	expect_diff("port = 1; net = \"10.0.0.1/8\";", "port = 1; net = \"10.0.0.1/9\";", 1, "net");
	expect_diff("port = 1; maybe = \"off\";", "port = 1;", 1, "maybe");
	expect_diff("port = 1; words = [ \"a\" ];", "port = 1; words = [ \"b\" ];", 1, "words");
	expect_diff("port = 1; words = [ \"a\" ];", "port = 1; words = [ \"a\" ];", 0, "");
	expect_diff("port = 1; words = [ ];", "port = 1; words = [ \"a\" ];", 1, "words");
	expect_diff("port = 1; peers = [ \"1.1.1.1:1\" ];", "port = 1; peers = [ \"1.1.1.1:2\" ];",
		    1, "peers");
}

static void the_diff_is_cut_to_its_buffer(void **state)
{
	struct thing *x = good("port = 1;"), *y = good("port = 2; colour = \"red\";");
	char buf[8];

	(void)state;
	assert_int_equal(tp_config_frozen_diff(&thing_table, x, y, buf, sizeof(buf)), 2);
	assert_string_equal(buf, "colour,");
	drop(x);
	drop(y);
}

static void the_manual_has_every_setting(void **state)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	tp_config_print_manual(&thing_table, f);
	fclose(f);
	assert_non_null(strstr(text,
			       ".Bl -tag -width Ds\n.It Cm flag No = Ar boolean\nFlag a . b.\n"
			       "Default:\n.Ql true .\n"));
	assert_non_null(strstr(text, "Paint.\nOne of\n.Ql red ,\n.Ql green ,\n.Ql blue .\n"
				     "Default:\n.Ql green .\nOnly a restart changes it.\n"));
	assert_non_null(strstr(text, "First.\n\\&.Dangerous.\n\\&'Quoted' back\\eslash.\n"
				     "From 1 to 65535.\nRequired.\nOnly a restart changes it.\n"));
	assert_non_null(
		strstr(text, "A string may carry a unit: k, M, G or T, followed by bit.\n"));
	assert_non_null(strstr(text, ".It Cm words No = Ar list No of Ar string\n"));
	assert_non_null(strstr(text, ".It Cm inner No = Ar group\nInner.\n.Bl -tag -width Ds\n"
				     ".It Cm depth No = Ar integer\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_fill_what_is_absent),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(quantities_have_units),
		cmocka_unit_test(large_numbers_keep_their_value),
		cmocka_unit_test(digits_elsewhere_are_left_alone),
		cmocka_unit_test(settings_from_elsewhere),
		cmocka_unit_test(bad_settings_from_elsewhere),
		cmocka_unit_test(files_are_read),
		cmocka_unit_test(frozen_settings_are_compared),
		cmocka_unit_test(the_diff_is_cut_to_its_buffer),
		cmocka_unit_test(the_manual_has_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
