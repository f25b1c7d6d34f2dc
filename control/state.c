// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/password.h"
#include "control/store.h"
#include "control/user.h"
#include "crypto.h"
#include "key_file.h"
#include "log.h"

#define ADMIN "admin"

char *ctl_state_path(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int ctl_state_lock(const char *dir)
{
	char *path = ctl_state_path(dir, CTL_STATE_LOCK);
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1, err;

	if (fd < 0) {
		err = path ? -errno : -ENOMEM;
	} else if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
	} else {
		err = fd;
	}
	if (err == -EBUSY)
		tp_err("%s: another turnpike-control runs with this state_dir", path);
	else if (err < 0)
		tp_err("%s: %s", path ? path : dir, strerror(-err));
	free(path);
	return err;
}

/* --- the first administrator ---------------------------------------------------------------- */

static bool note_user(void *arg, const struct ctl_user *user)
{
	(void)user;
	*(bool *)arg = true;
	return false;
}

/* 1: there are super_admins; 0: none; or -1. */
static int any_admin(struct ctl_store *store, struct ctl_error *err)
{
	bool any = false;

	return ctl_user_list(store, NULL, "", 1, note_user, &any, err) ? -1 : any;
}

static int create_admin(struct ctl_store *store, const char *password, struct ctl_error *err)
{
	char hash[CTL_PASSWORD_HASH];
	struct ctl_user_new in = {.name = ADMIN, .role = CTL_SUPER_ADMIN, .password = hash};
	struct ctl_user user;

	if (ctl_password_hash_now(password, hash))
		return ctl_fail(err, CTL_INTERNAL, "out of memory for a password's hash");
	if (ctl_begin(store, "system", err))
		return -1;
	if (ctl_user_create(store, &in, &user, err) || ctl_commit(store, err)) {
		ctl_rollback(store);
		return -1;
	}
	return 0;
}

/* Replaces one that a start left that did not get as far as the user. */
static int write_credentials(const char *path, const char *password)
{
	json_t *j = json_pack("{s:s,s:s}", "username", ADMIN, "password", password);
	char *text = json_dumps(j, JSON_INDENT(2));
	int fd, err = text ? 0 : -ENOMEM;

	json_decref(j);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		err = err ?: -errno;
	if (!err && (dprintf(fd, "%s\n", text) < 0 || fsync(fd)))
		err = -EIO;
	if (fd >= 0)
		close(fd);
	if (text)
		tp_wipe(text, strlen(text));
	free(text);
	return err;
}

/* The file first: a user whose password nobody has would be the worse remainder of a crash. */
static int first_admin(struct ctl_store *store, const char *dir)
{
	char *path = ctl_state_path(dir, CTL_STATE_ADMIN), password[TP_KEY_STRLEN];
	struct ctl_error why;
	uint8_t secret[32];
	int any = any_admin(store, &why), err = path ? 0 : -ENOMEM;

	if (any == 0 && !err) {
		tp_random(secret, sizeof(secret));
		tp_key_format(secret, password);
		err = write_credentials(path, password);
		if (err)
			tp_err("%s: %s", path, strerror(-err));
		else
			any = create_admin(store, password, &why);
		if (!err && !any)
			tp_info("first start: the super_admin's name and password are in %s", path);
		tp_wipe(secret, sizeof(secret));
		tp_wipe(password, sizeof(password));
	}
	if (any < 0)
		tp_err("the first administrator: %s", why.text);
	free(path);
	return any < 0 ? -EIO : err;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int make_directory(const char *dir)
{
	if (!mkdir(dir, 0700) || errno == EEXIST)
		return 0;
	tp_err("%s: cannot be made: %s", dir, strerror(errno));
	return -errno;
}

static int open_store(struct ctl_state *s, const char *dir)
{
	char *path = ctl_state_path(dir, CTL_STATE_DATABASE);
	int err = path ? ctl_store_open(&s->store, path) : -ENOMEM;

	if (err)
		tp_err("%s: %s", path ? path : dir, strerror(-err));
	free(path);
	return err;
}

static int open_key(struct ctl_state *s, const char *dir)
{
	char *path = ctl_state_path(dir, CTL_STATE_KEY);
	int err = path ? ctl_jwt_key_open(path, &s->key) : -ENOMEM;

	free(path);
	return err;
}

static int open_ncp(struct ctl_state *s, const char *dir)
{
	char *path = ctl_state_path(dir, CTL_STATE_NCP);
	uint8_t secret[WG_KEY_LEN];
	int err = path ? tp_key_file_get(path, secret) : -ENOMEM;

	err = err ?: tp_noise_identity_init(&s->ncp, secret);
	if (err)
		tp_err("%s: %s", path ? path : dir, strerror(-err));
	tp_wipe(secret, sizeof(secret));
	free(path);
	return err;
}

int ctl_state_open(struct ctl_state *out, const char *dir)
{
	int err;

	*out = (struct ctl_state){.lock = -1};
	err = make_directory(dir);
	if (err)
		return err;
	out->lock = ctl_state_lock(dir);
	err = out->lock < 0 ? out->lock : open_store(out, dir);
	err = err ?: open_key(out, dir);
	err = err ?: open_ncp(out, dir);
	err = err ?: first_admin(out->store, dir);
	if (err)
		ctl_state_close(out);
	return err;
}

void ctl_state_close(struct ctl_state *s)
{
	if (s->store)
		ctl_store_close(s->store);
	s->store = NULL;
	tp_wipe(&s->key, sizeof(s->key));
	tp_noise_identity_wipe(&s->ncp);
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}
