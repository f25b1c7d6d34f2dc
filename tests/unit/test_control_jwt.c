// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "control/jwt.h"
#include "crypto.h"

#define NOW 1700000000

static const struct ctl_claims claims = {
	.sub = "018b-user",
	.tenant = "018b-tenant",
	.role = "operator",
	.jti = "018b-token",
	.iat = NOW,
	.exp = NOW + CTL_JWT_SECONDS,
};

static struct ctl_jwt_key key;

static void make_token(char token[CTL_JWT_STRLEN])
{
	assert_int_equal(ctl_jwt_sign(&key, &claims, token, CTL_JWT_STRLEN), 0);
}

static void comes_back_as_it_was(void **state)
{
	char token[CTL_JWT_STRLEN];
	struct ctl_claims got;

	(void)state;
	make_token(token);
	assert_int_equal(ctl_jwt_verify(&key, token, NOW, &got), 0);
	assert_memory_equal(&got, &claims, sizeof(got));
}

static void lasts_an_hour(void **state)
{
	char token[CTL_JWT_STRLEN];
	struct ctl_claims got;

	(void)state;
	make_token(token);
	assert_int_equal(ctl_jwt_verify(&key, token, claims.exp - 1, &got), 0);
	assert_int_equal(ctl_jwt_verify(&key, token, claims.exp, &got), -EKEYEXPIRED);
	assert_int_equal(ctl_jwt_verify(&key, token, NOW - 61, &got), -EKEYEXPIRED);
}

/* Another character at each place, and each way to cut it short. */
static void every_change_is_seen(void **state)
{
	char token[CTL_JWT_STRLEN], changed[CTL_JWT_STRLEN];
	struct ctl_claims got;

	(void)state;
	make_token(token);
	for (size_t i = 0; token[i]; i++) {
		strcpy(changed, token);
		changed[i] = token[i] == 'A' ? 'B' : 'A';
		assert_int_not_equal(ctl_jwt_verify(&key, changed, NOW, &got), 0);
		changed[i] = '\0';
		assert_int_not_equal(ctl_jwt_verify(&key, changed, NOW, &got), 0);
	}
}

static void of_another_key(void **state)
{
	struct ctl_jwt_key other;
	char token[CTL_JWT_STRLEN];
	struct ctl_claims got;

	(void)state;
	crypto_sign_keypair(other.public, other.secret);
	make_token(token);
	assert_int_equal(ctl_jwt_verify(&other, token, NOW, &got), -EBADMSG);
}

/* A token with this header and these claims, signed properly with our key. */
static void forge(const char *header, const char *text, char token[CTL_JWT_STRLEN])
{
	uint8_t signature[crypto_sign_BYTES];
	char *at = token;

	sodium_bin2base64(at, 300, (const uint8_t *)header, strlen(header),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	strcat(at, ".");
	at += strlen(at);
	sodium_bin2base64(at, 300, (const uint8_t *)text, strlen(text),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	crypto_sign_detached(signature, NULL, (const uint8_t *)token, strlen(token), key.secret);
	strcat(at, ".");
	at += strlen(at);
	sodium_bin2base64(at, 100, signature, sizeof(signature),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

#define CLAIMS                                                                           \
	"{\"sub\":\"u\",\"tenant_id\":\"\",\"role\":\"viewer\",\"jti\":\"j\",\"iat\":1," \
	"\"exp\":2000000000}"

static void only_eddsa(void **state)
{
	static const struct {
		const char *header, *claims;
		int err;
	} cases[] = {
		{"{\"alg\":\"EdDSA\"}", CLAIMS, 0},
		{"{\"alg\":\"none\"}", CLAIMS, -EINVAL},
		{"{\"alg\":\"HS256\"}", CLAIMS, -EINVAL},
		{"{\"alg\":\"EdDSA\",\"crit\":[\"b64\"]}", CLAIMS, -EINVAL},
		{"{}", CLAIMS, -EINVAL},
		{"[]", CLAIMS, -EINVAL},
		{"nonsense", CLAIMS, -EINVAL},
		{"{\"alg\":\"EdDSA\"}", "{}", -EINVAL},
		{"{\"alg\":\"EdDSA\"}", "{\"sub\":\"u\",\"exp\":2000000000}", -EINVAL},
		{"{\"alg\":\"EdDSA\"}", "nonsense", -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char token[CTL_JWT_STRLEN];
		struct ctl_claims got;

		forge(cases[i].header, cases[i].claims, token);
		assert_int_equal(ctl_jwt_verify(&key, token, NOW, &got), cases[i].err);
	}
}

/* RFC 8037, appendix A.4: its key signs its message as it says there. */
static void the_rfcs_example(void **state)
{
	static const char
		seed_text[] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
		message[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
		expected[] = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5Bh"
			     "VsPt9g7sVvpAr_MuM0KAg";
	uint8_t seed[32], signature[crypto_sign_BYTES];
	struct ctl_jwt_key k;
	char text[100];

	(void)state;
	assert_int_equal(sodium_base642bin(seed, 32, seed_text, strlen(seed_text), NULL, NULL, NULL,
					   sodium_base64_VARIANT_URLSAFE_NO_PADDING),
			 0);
	crypto_sign_seed_keypair(k.public, k.secret, seed);
	crypto_sign_detached(signature, NULL, (const uint8_t *)message, strlen(message), k.secret);
	sodium_bin2base64(text, sizeof(text), signature, sizeof(signature),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	assert_string_equal(text, expected);
}

static void key_file(void **state)
{
	char dir[] = "/tmp/jwt.XXXXXX", path[64], token[CTL_JWT_STRLEN];
	struct ctl_jwt_key first, again;
	struct ctl_claims got;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	assert_int_equal(ctl_jwt_key_open(path, &first), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ctl_jwt_key_open(path, &again), 0);
	assert_int_equal(ctl_jwt_sign(&first, &claims, token, sizeof(token)), 0);
	assert_int_equal(ctl_jwt_verify(&again, token, NOW, &got), 0);
	chmod(path, 0644);
	assert_int_equal(ctl_jwt_key_open(path, &again), -EPERM);
	unlink(path);
	rmdir(dir);
}

static int setup(void **state)
{
	(void)state;
	if (tp_crypto_init())
		return -1;
	return crypto_sign_keypair(key.public, key.secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(lasts_an_hour),
		cmocka_unit_test(every_change_is_seen),
		cmocka_unit_test(of_another_key),
		cmocka_unit_test(only_eddsa),
		cmocka_unit_test(the_rfcs_example),
		cmocka_unit_test(key_file),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
