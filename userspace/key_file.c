/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"

static int write_key(int fd, const uint8_t secret[32])
{
	char text[TP_KEY_STRLEN + 1];
	int err = 0;

	tp_key_format(secret, text);
	text[TP_KEY_STRLEN - 1] = '\n';
	if (write(fd, text, TP_KEY_STRLEN) != TP_KEY_STRLEN)
		err = errno ? -errno : -EIO;
	else if (fsync(fd))
		err = -errno;
	tp_wipe(text, sizeof(text));
	return err;
}

/* The name in the directory is on disk, too. */
static int sync_parent(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd, err = 0;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

/* Another process may have made one meanwhile, and that one stays. */
static int put_in_place(const char *temporary, const char *path)
{
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	/* A file system that can't do that can link; the daemons' filter of system calls knows only
	 * the former. */
	if (errno != EINVAL)
		return -errno;
	return link(temporary, path) ? -errno : 0;
}

static int make_file(const char *path, const char *temporary, const uint8_t secret[32])
{
	int fd, err;

	unlink(temporary); /* left by a crash */
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_key(fd, secret);
	close(fd);
	if (!err)
		err = put_in_place(temporary, path);
	unlink(temporary);
	return err ? err : sync_parent(path);
}

int tp_key_file_get(const char *path, uint8_t secret[32])
{
	char temporary[PATH_MAX];
	int err = tp_key_load(path, secret);

	if (err != -ENOENT)
		return err;
	if (snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid()) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	tp_secret_key(secret);
	err = make_file(path, temporary, secret);
	if (err == -EEXIST)
		err = tp_key_load(path, secret);
	if (err)
		tp_wipe(secret, 32);
	return err;
}
