// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The config engine: what is wrong is told, with its line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "config_thing.h"

/* --- errors ---------------------------------------------------------------------------------- */

static void structure_is_checked(void **state)
{
	(void)state;
	bad("", "t.conf:1: port: is required\n");
	bad("port = 1;\nnonsense = 2;", "t.conf:2: nonsense: unknown setting\n");
	bad("port = 1;\ninner = {\n  nonsense = 2; };",
	    "t.conf:3: inner.nonsense: unknown setting\n");
	bad("port = 1;\nitems = (\n  { name = \"a\"; },\n  { weight = 2; colour = 1; } );",
	    "t.conf:4: items.colour: unknown setting\n"
	    "t.conf:4: items.name: is required\n");
	bad("port = 1;\nitems = ( 1,\n 2 );", "t.conf:2: items: must be a list of groups\n"
					      "t.conf:3: items: must be a list of groups\n");
	bad("port = 1;\n\nport = 2;", "t.conf:3: duplicate setting name\n");
	bad("port = 1;\ninner = { depth = 1;\n depth = 1; };",
	    "t.conf:3: duplicate setting name\n");
	bad("port = 1;\nfoo bar\n", "t.conf:2: syntax error\n");
	bad("port = 1;\nwords = [ \"a\", 2 ];", "t.conf:2: mismatched element type in array\n");
	bad("port = 1; path = \"/a\n", "t.conf:2: syntax error\n");
}

static void includes_are_refused(void **state)
{
	(void)state;
	bad("port = 1;\n@include \"/etc/hostname\"\n", "t.conf:2: @include is not supported\n");
	bad("port = 1;\n  @include \"x\"\n", "t.conf:2: @include is not supported\n");
	drop(good("port = 1; # @include\n/*\n@include \"x\"\n*/ path = \"/\n@include\";"));
}

static void zero_bytes_are_refused(void **state)
{
	(void)state;
	bad_bytes("port = 1;\n\0", 11, "t.conf:2: zero byte in the text\n");
	bad("port = 1;\npath = \"/a\\x00b\";", "t.conf:2: a string cannot hold a zero byte\n");
	bad_bytes("port = 1; path = \"/a\0b\";", 24, "t.conf:1: zero byte in the text\n");
	bad_bytes("port = 1; # a\0b\n", 16, "t.conf:1: zero byte in the text\n");
}

static void types_are_checked(void **state)
{
	(void)state;
	bad("port = 1;\nflag = 1;", "t.conf:2: flag: must be true or false, not an integer\n");
	bad("port = \"1\";", "t.conf:1: port: must be an integer, not a string\n");
	bad("port = 1.0;", "t.conf:1: port: must be an integer, not a fraction\n");
	bad("port = true;", "t.conf:1: port: must be an integer, not true or false\n");
	bad("port = 1; colour = 1;", "t.conf:1: colour: must be a string, not an integer\n");
	bad("port = 1; count = false;",
	    "t.conf:1: count: must be an integer or a string with a unit, not true or false\n");
	bad("port = 1; word = [ \"a\" ];", "t.conf:1: word: must be a string, not a list\n");
	bad("port = 1; word = { };", "t.conf:1: word: must be a string, not a group\n");
	bad("port = 1; words = \"a\";", "t.conf:1: words: must be a list, not a string\n");
	bad("port = 1; words = [ 1,\n2 ];", "t.conf:1: words: must be a string, not an integer\n"
					    "t.conf:2: words: must be a string, not an integer\n");
	bad("port = 1; inner = ( );", "t.conf:1: inner: must be a group, not a list\n");
	bad("port = 1; items = { };", "t.conf:1: items: must be a list, not a group\n");
}

static void values_are_checked(void **state)
{
	(void)state;
	bad("port = 0;", "t.conf:1: port: 0 is not between 1 and 65535\n");
	bad("port = 65536;", "t.conf:1: port: 65536 is not between 1 and 65535\n");
	bad("port = 1; colour = \"pink\";",
	    "t.conf:1: colour: \"pink\" is not one of red, green, blue\n");
	bad("port = 1; word = \"\";", "t.conf:1: word: must not be empty\n");
	bad("port = 1; word = \"a\";", "t.conf:1: word: has 1 characters, 2 to 4 are allowed\n");
	bad("port = 1; word = \"abcde\";",
	    "t.conf:1: word: has 5 characters, 2 to 4 are allowed\n");
	bad("port = 1; word = \"a b\";", "t.conf:1: word: must not hold a space\n");
	bad("port = 1; path = \"a/b\";", "t.conf:1: path: \"a/b\" is not an absolute path\n");
	bad("port = 1; key = \"AAAA\";",
	    "t.conf:1: key: not a WireGuard key (44 characters of base64)\n");
	bad("port = 1; key = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\";",
	    "t.conf:1: key: not a WireGuard key (44 characters of base64)\n");
	bad("port = 1; addr = \"1.2.3\";", "t.conf:1: addr: \"1.2.3\" is not an IP address\n");
	bad("port = 1; net = \"1.2.3.4/33\";", "t.conf:1: net: \"1.2.3.4/33\" is not an IP address "
					       "with an optional prefix length\n");
	bad("port = 1; at = \"off\";", "t.conf:1: at: \"off\" is not an IP address and port\n");
	bad("port = 1; at = \"1.2.3.4:0\";",
	    "t.conf:1: at: \"1.2.3.4:0\" is not an IP address and port\n");
	bad("port = 1; maybe = \"on\";",
	    "t.conf:1: maybe: \"on\" is not an IP address and port, nor \"off\"\n");
	bad("port = 1; words = [ \"a\", \"b\", \"c\", \"d\" ];",
	    "t.conf:1: words: has 4 elements, at most 3 are allowed\n");
	bad("port = 1; words = [ \"a\",\n\"b c\" ];", "t.conf:2: words: must not hold a space\n");
}

static void all_errors_are_told_in_order_of_lines(void **state)
{
	(void)state;
	bad("items = ( { name = \"a\"; weight = 99; } );\n"
	    "typo = 1;\n"
	    "inner = { depth = 11; };\n"
	    "flag = \"yes\";\n",
	    "t.conf:1: items.weight: 99 is not between 1 and 9\n"
	    "t.conf:1: port: is required\n"
	    "t.conf:2: typo: unknown setting\n"
	    "t.conf:3: inner.depth: 11 is not between 0 and 10\n"
	    "t.conf:4: flag: must be true or false, not a string\n");
}

static void complain_about_everything(const void *object, struct tp_config_report *report)
{
	(void)object;
	tp_config_error(report, tp_config_line(report, "inner.depth"), "deep");
	tp_config_error(report, tp_config_line(report, "path"), "absent");
}

static void validation_sees_lines(void **state)
{
	static const char text[] = "port = 1;\ninner = {\n depth = 1; };";
	void *object;
	char *errors;
	size_t n;
	FILE *f = open_memstream(&errors, &n);

	(void)state;
	assert_int_equal(tp_config_parse("t.conf", text, strlen(text), &thing_table,
					 complain_about_everything, &object, f),
			 -EINVAL);
	fclose(f);
	assert_null(object);
	assert_string_equal(errors, "t.conf:1: absent\nt.conf:3: deep\n");
	free(errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure_is_checked),
		cmocka_unit_test(includes_are_refused),
		cmocka_unit_test(zero_bytes_are_refused),
		cmocka_unit_test(types_are_checked),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(all_errors_are_told_in_order_of_lines),
		cmocka_unit_test(validation_sees_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
