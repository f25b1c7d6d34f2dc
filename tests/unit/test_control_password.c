// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "control/password.h"
#include "crypto.h"

static struct event_base *base;
static struct ctl_passwords *passwords;
static unsigned int answers;
static bool last_good;
static char last_hash[CTL_PASSWORD_HASH];

static void on_done(void *arg, bool good, const char *hash)
{
	assert_ptr_equal(arg, &base);
	answers++;
	last_good = good;
	strcpy(last_hash, hash);
	event_base_loopbreak(base);
}

static int setup(void **state)
{
	(void)state;
	if (tp_crypto_init())
		return -1;
	answers = 0;
	base = event_base_new();
	return ctl_passwords_new(&passwords, base);
}

static int teardown(void **state)
{
	(void)state;
	ctl_passwords_free(passwords);
	event_base_free(base);
	return 0;
}

static bool verify(const char *password, const char *hash)
{
	assert_int_equal(ctl_passwords_verify(passwords, password, hash, on_done, &base), 0);
	assert_int_equal(event_base_dispatch(base), 0);
	return last_good;
}

static void hash_and_verify(void **state)
{
	char hash[CTL_PASSWORD_HASH], second[CTL_PASSWORD_HASH];

	(void)state;
	assert_int_equal(ctl_passwords_hash(passwords, "correct horse", on_done, &base), 0);
	assert_int_equal(answers, 0); /* not while the caller waits */
	event_base_dispatch(base);
	assert_int_equal(answers, 1);
	assert_true(last_good);
	strcpy(hash, last_hash);
	assert_memory_equal(hash, "$argon2id$", 10);
	assert_true(verify("correct horse", hash));
	assert_false(verify("correct horsf", hash));
	assert_false(verify("", hash));
	assert_false(verify("correct horse", ""));
	assert_false(verify("correct horse", "nonsense"));
	assert_int_equal(ctl_password_hash_now("correct horse", second), 0);
	assert_string_not_equal(hash, second); /* salted */
	assert_true(verify("correct horse", second));
}

/* The queue has an end, and whoever waits when it all ends is told so. */
static void bounded(void **state)
{
	unsigned int accepted = 0;
	int err = 0;

	(void)state;
	while (!err && accepted < 1000) {
		err = ctl_passwords_hash(passwords, "password", on_done, &base);
		accepted += !err;
	}
	assert_int_equal(err, -EBUSY);
	assert_int_equal(accepted, 64);
	ctl_passwords_free(passwords);
	passwords = NULL;
	assert_int_equal(answers, accepted);
	assert_false(last_good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hash_and_verify, setup, teardown),
		cmocka_unit_test_setup_teardown(bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
