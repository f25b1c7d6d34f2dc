// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/jwt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "crypto.h"
#include "log.h"

#define B64	     sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define SIGNATURE    crypto_sign_BYTES
#define HEADER	     "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"
#define SKEW_SECONDS 60 /* a token from the future by more was signed by a broken clock */

/* --- the key -------------------------------------------------------------------------------- */

static int make_seed(const char *path, uint8_t seed[32])
{
	char text[TP_KEY_STRLEN + 1];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err = 0;

	if (fd < 0)
		return -errno;
	tp_random(seed, 32);
	tp_key_format(seed, text);
	strcat(text, "\n");
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd))
		err = -EIO;
	close(fd);
	tp_wipe(text, sizeof(text));
	if (err)
		unlink(path);
	return err;
}

int ctl_jwt_key_open(const char *path, struct ctl_jwt_key *out)
{
	uint8_t seed[32];
	int err = tp_key_load(path, seed);

	if (err == -ENOENT)
		err = make_seed(path, seed);
	if (err)
		tp_err("%s: %s", path, strerror(-err));
	else
		crypto_sign_seed_keypair(out->public, out->secret, seed);
	tp_wipe(seed, sizeof(seed));
	return err;
}

/* --- signing -------------------------------------------------------------------------------- */

static char *claims_text(const struct ctl_claims *c)
{
	json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:s}", "sub", c->sub, "tenant_id",
			      c->tenant, "role", c->role, "jti", c->jti, "iat", (json_int_t)c->iat,
			      "exp", (json_int_t)c->exp, "auth_time", (json_int_t)c->auth_time,
			      "pwd", c->password);
	char *text = json_dumps(j, JSON_COMPACT);

	json_decref(j);
	return text;
}

/* Adds base64url of data to the text in buf. */
static int append(char *buf, size_t size, const void *data, size_t len)
{
	size_t used = strlen(buf);

	if (size - used < sodium_base64_encoded_len(len, B64))
		return -ENOSPC;
	sodium_bin2base64(buf + used, size - used, data, len, B64);
	return 0;
}

static int append_dot(char *buf, size_t size)
{
	size_t used = strlen(buf);

	if (size - used < 2)
		return -ENOSPC;
	strcpy(buf + used, ".");
	return 0;
}

int ctl_jwt_sign(const struct ctl_jwt_key *key, const struct ctl_claims *claims, char *buf,
		 size_t size)
{
	char *text = claims_text(claims);
	uint8_t signature[SIGNATURE];
	int err = text ? 0 : -ENOMEM;

	buf[0] = '\0';
	err = err ?: append(buf, size, HEADER, strlen(HEADER));
	err = err ?: append_dot(buf, size);
	err = err ?: append(buf, size, text, strlen(text));
	free(text);
	if (err)
		return err;
	crypto_sign_detached(signature, NULL, (const uint8_t *)buf, strlen(buf), key->secret);
	return append_dot(buf, size) ?: append(buf, size, signature, sizeof(signature));
}

/* --- verifying ------------------------------------------------------------------------------ */

/* The JSON object that a part of the token stands for, or NULL. */
static json_t *part_json(const char *part, size_t len)
{
	char text[CTL_JWT_STRLEN];
	size_t n;

	if (sodium_base642bin((uint8_t *)text, sizeof(text), part, len, NULL, &n, NULL, B64))
		return NULL;
	return json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
}

static int check_header(const char *part, size_t len)
{
	json_t *header = part_json(part, len);
	const char *alg = json_string_value(json_object_get(header, "alg"));
	/* "crit" names extensions that must be understood (RFC 7515, 4.1.11). */
	bool ours = alg && !strcmp(alg, "EdDSA") && !json_object_get(header, "crit");

	json_decref(header);
	return ours ? 0 : -EINVAL;
}

static int copy_claim(const json_t *j, const char *name, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(j, name));

	if (!text || strlen(text) >= size)
		return -EINVAL;
	strcpy(out, text);
	return 0;
}

static int read_claims(const char *part, size_t len, struct ctl_claims *out)
{
	json_t *j = part_json(part, len), *iat = json_object_get(j, "iat"),
	       *exp = json_object_get(j, "exp"), *since = json_object_get(j, "auth_time");
	int err = json_is_integer(iat) && json_is_integer(exp) ? 0 : -EINVAL;

	err = err ?: copy_claim(j, "sub", out->sub, sizeof(out->sub));
	err = err ?: copy_claim(j, "tenant_id", out->tenant, sizeof(out->tenant));
	err = err ?: copy_claim(j, "role", out->role, sizeof(out->role));
	err = err ?: copy_claim(j, "jti", out->jti, sizeof(out->jti));
	if (json_object_get(j, "pwd"))
		err = err ?: copy_claim(j, "pwd", out->password, sizeof(out->password));
	out->iat = json_integer_value(iat);
	out->exp = json_integer_value(exp);
	out->auth_time = json_is_integer(since) ? json_integer_value(since) : out->iat;
	json_decref(j);
	return err;
}

static int check_signature(const struct ctl_jwt_key *key, const char *token, const char *signature)
{
	uint8_t sig[SIGNATURE];
	size_t n;

	if (sodium_base642bin(sig, sizeof(sig), signature, strlen(signature), NULL, &n, NULL,
			      B64) ||
	    n != sizeof(sig))
		return -EINVAL;
	if (crypto_sign_verify_detached(sig, (const uint8_t *)token,
					(size_t)(signature - 1 - token), key->public))
		return -EBADMSG;
	return 0;
}

int ctl_jwt_verify(const struct ctl_jwt_key *key, const char *token, int64_t now_s,
		   struct ctl_claims *out)
{
	const char *claims, *signature;
	int err;

	memset(out, 0, sizeof(*out));
	if (strlen(token) >= CTL_JWT_STRLEN)
		return -EINVAL;
	claims = strchr(token, '.');
	signature = claims ? strchr(claims + 1, '.') : NULL;
	if (!signature)
		return -EINVAL;
	claims++;
	signature++;
	err = check_header(token, (size_t)(claims - 1 - token));
	err = err ?: check_signature(key, token, signature);
	err = err ?: read_claims(claims, (size_t)(signature - 1 - claims), out);
	if (!err && (now_s >= out->exp || out->iat > now_s + SKEW_SECONDS))
		err = -EKEYEXPIRED;
	return err;
}
