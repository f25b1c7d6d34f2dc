// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/config.h"

/* What is said about the text; "" when it is right. To be freed. */
static char *parse(const char *text, struct ctl_config **out)
{
	char *errors;
	size_t size;
	FILE *f = open_memstream(&errors, &size);

	ctl_config_parse("t", text, strlen(text), out, f);
	fclose(f);
	return errors;
}

static void presets(void **state)
{
	struct ctl_config *c;
	char *errors = parse("", &c), text[TP_ADDR_STRLEN];

	(void)state;
	assert_string_equal(errors, "");
	assert_string_equal(tp_endpoint_format(&c->listen, text), "127.0.0.1:8443");
	assert_null(c->tls.certificate);
	assert_false(c->plaintext);
	assert_int_equal(c->metrics_listen.port, 0);
	assert_string_equal(c->control_socket, "/run/turnpike/control.sock");
	assert_string_equal(c->state_dir, "/var/lib/turnpike");
	free(errors);
	ctl_config_free(c);
}

static void what_is_wrong(void **state)
{
	static const struct {
		const char *text, *error; /* "": none */
	} cases[] = {
		{"listen = \"127.9.9.9:1\";", ""},
		{"listen = \"[::1]:1\";", ""},
		{"listen = \"0.0.0.0:8443\"; plaintext = true;", ""},
		{"listen = \"0.0.0.0:8443\"; tls = { certificate = \"/a\"; key = \"/b\"; };", ""},
		{"\nlisten = \"0.0.0.0:8443\";",
		 "t:2: listen: beyond loopback it needs tls, or plaintext = true\n"},
		{"\nlisten = \"[::]:8443\";",
		 "t:2: listen: beyond loopback it needs tls, or plaintext = true\n"},
		{"tls = { key = \"/b\"; };", "t:1: tls: certificate and key are needed both\n"},
		{"tls = { certificate = \"/b\"; };",
		 "t:1: tls: certificate and key are needed both\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_config *c = NULL;
		char *errors = parse(cases[i].text, &c);

		assert_string_equal(errors, cases[i].error);
		free(errors);
		ctl_config_free(c);
	}
}

static void unknown_settings(void **state)
{
	struct ctl_config *c = NULL;
	char *errors = parse("listne = \"127.0.0.1:1\";", &c);

	(void)state;
	assert_null(c);
	assert_non_null(strstr(errors, "t:1: "));
	assert_non_null(strstr(errors, "listne"));
	free(errors);
}

/* --- files in the tree (tests run from its top) ---------------------------------------------- */

static void the_example_is_valid(void **state)
{
	struct ctl_config *c;

	(void)state;
	assert_int_equal(ctl_config_load("configs/control.conf", &c, stderr), 0);
	assert_int_not_equal(c->metrics_listen.port, 0);
	ctl_config_free(c);
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	ssize_t n = f ? getdelim(&text, &size, '\0', f) : -1;

	assert_true(n > 0);
	fclose(f);
	return text;
}

static void the_manual_page_is_current(void **state)
{
	char *page = slurp("docs/man/control.conf.5"), *settings;
	size_t n;
	FILE *f = open_memstream(&settings, &n);

	(void)state;
	ctl_config_print_manual(f);
	fclose(f);
	if (!strstr(page, settings))
		fail_msg("docs/man/control.conf.5 is not what the table says: run scripts/man.sh");
	free(settings);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(unknown_settings),
		cmocka_unit_test(the_example_is_valid),
		cmocka_unit_test(the_manual_page_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
