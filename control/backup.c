// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/state.h"
#include "control/store.h"
#include "log.h"

/* --- making --------------------------------------------------------------------------------- */

int ctl_backup_make(const char *state_dir, const char *path)
{
	char *database = ctl_state_path(state_dir, CTL_STATE_DATABASE);
	struct ctl_db *db = NULL;
	mode_t mask = umask(0077);
	int err = database ? 0 : -ENOMEM;

	/* Opening would make one. */
	if (!err && access(database, F_OK)) {
		err = -errno;
		tp_err("%s: %s", database, strerror(-err));
	}
	err = err ?: ctl_db_open(&db, database);
	if (!err) {
		err = ctl_db_backup(db, path);
		if (err)
			tp_err("%s: %s", path, strerror(-err));
	}
	ctl_db_close(db);
	umask(mask);
	free(database);
	return err;
}

/* --- restoring ------------------------------------------------------------------------------ */

static int copy_bytes(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return errno ? -errno : -EIO;
	if (n < 0 || fsync(to))
		return -errno;
	return 0;
}

/* As the directory's owner has it, who is whom the daemon becomes. */
static int own_as(const char *dir, int fd)
{
	struct stat st;

	if (stat(dir, &st))
		return -errno;
	return fchown(fd, st.st_uid, st.st_gid) && geteuid() == 0 ? -errno : 0;
}

static int copy_file(const char *dir, const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, err;

	if (in < 0) {
		err = -errno;
		tp_err("%s: %s", from, strerror(-err));
		return err;
	}
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	err = out < 0 ? -errno : (copy_bytes(in, out) ?: own_as(dir, out));
	if (err)
		tp_err("%s: %s", to, strerror(-err));
	if (out >= 0)
		close(out);
	close(in);
	return err;
}

/* A database of ours and sound; then its epoch is a new one. */
static int begin_anew(const char *path)
{
	struct ctl_store *store;
	struct ctl_error why;
	int err = ctl_store_open(&store, path);

	if (err)
		return err;
	err = ctl_db_check(ctl_store_db(store));
	if (!err && ctl_store_new_epoch(store, &why)) {
		tp_err("%s: %s", path, why.text);
		err = -EIO;
	}
	ctl_store_close(store);
	return err;
}

/* What belongs to the database that goes must not be taken for the new one's. */
static void remove_journals(const char *database)
{
	static const char *const endings[] = {"-wal", "-shm"};

	for (int i = 0; i < 2; i++) {
		char *path;

		if (asprintf(&path, "%s%s", database, endings[i]) < 0)
			continue;
		unlink(path);
		free(path);
	}
}

static int sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* The present database, closed properly so that nothing of it is in a journal, is kept. */
static int swap(const char *dir, const char *fresh, const char *database, const char *kept)
{
	struct ctl_store *store;
	int err = 0;

	if (!access(database, F_OK)) {
		if (ctl_store_open(&store, database))
			tp_warn("%s is kept as it is, damaged", database);
		else
			ctl_store_close(store);
		if (rename(database, kept))
			err = -errno;
	}
	if (!err) {
		remove_journals(database);
		err = rename(fresh, database) ? -errno : sync_directory(dir);
	}
	if (err)
		tp_err("%s: %s", database, strerror(-err));
	return err;
}

int ctl_backup_restore(const char *state_dir, const char *path)
{
	char *database = ctl_state_path(state_dir, CTL_STATE_DATABASE),
	     *fresh = ctl_state_path(state_dir, CTL_STATE_DATABASE ".restoring"),
	     *kept = ctl_state_path(state_dir, CTL_STATE_DATABASE ".before-restore");
	int lock = ctl_state_lock(state_dir), err = lock < 0 ? lock : 0;

	if (!database || !fresh || !kept)
		err = err ?: -ENOMEM;
	err = err ?: copy_file(state_dir, path, fresh);
	err = err ?: begin_anew(fresh);
	err = err ?: swap(state_dir, fresh, database, kept);
	if (err && lock >= 0 && fresh) {
		unlink(fresh);
		remove_journals(fresh);
	}
	if (lock >= 0)
		close(lock);
	free(database);
	free(fresh);
	free(kept);
	return err;
}
