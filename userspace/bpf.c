/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "log.h"

#define BPFFS_DEFAULT "/sys/fs/bpf"
#define DIR_MODE      0700

/* --- libbpf's messages ---------------------------------------------------------------------- */

static int lowered_level(enum libbpf_print_level level)
{
	return level == LIBBPF_WARN ? LOG_INFO : LOG_DEBUG;
}

static int print_lines(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *text;

	/* libbpf's own debug output would drown the daemon's */
	if (level == LIBBPF_DEBUG || !tp_log_wants(lowered_level(level)))
		return 0;
	if (vasprintf(&text, fmt, args) < 0)
		return 0;
	tp_log_lines(lowered_level(level), text);
	free(text);
	return 0;
}

void tp_bpf_log_init(void)
{
	libbpf_set_print(print_lines);
}

/* --- directories ---------------------------------------------------------------------------- */

static bool on_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* Shortens path to its deepest component that exists. */
static void to_existing(char *path)
{
	struct stat st;

	while (stat(path, &st) && *path) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			strcpy(path, "/");
		else
			*slash = '\0';
	}
}

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strncmp(path, top, n) && (path[n] == '/' || path[n] == '\0');
}

static int mount_default(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME;

	if (mount("bpf", BPFFS_DEFAULT, "bpf", flags, "mode=0700"))
		return -errno;
	tp_info("mounted a BPF file system on %s", BPFFS_DEFAULT);
	return 0;
}

static int ensure_bpffs(const char *path)
{
	char there[PATH_MAX];
	int err = -EINVAL;

	if (path[0] != '/' || strlen(path) >= sizeof(there)) {
		tp_err("%s: a pin path must be absolute and shorter than %d", path, PATH_MAX);
		return -EINVAL;
	}
	strcpy(there, path);
	to_existing(there);
	if (on_bpffs(there))
		return 0;
	if (is_below(path, BPFFS_DEFAULT))
		err = mount_default();
	if (err)
		tp_err("%s is not on a BPF file system%s%s; mount one first: "
		       "mount -t bpf -o mode=0700 bpf %s",
		       path, err == -EINVAL ? "" : ", and mounting it failed: ",
		       err == -EINVAL ? "" : strerror(-err),
		       is_below(path, BPFFS_DEFAULT) ? BPFFS_DEFAULT : there);
	return err;
}

static int make_path(const char *path)
{
	char part[PATH_MAX];

	for (const char *end = path; *end;) {
		end = strchrnul(end + 1, '/');
		snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
		if (mkdir(part, DIR_MODE) && errno != EEXIST) {
			tp_err("%s: cannot create: %s", part, strerror(errno));
			return -errno;
		}
	}
	return 0;
}

static int check_owner(const struct stat *st, uid_t owner, bool sticky_ok, const char *name)
{
	if (st->st_uid != 0 && st->st_uid != owner) {
		tp_err("%s belongs to uid %u; a pin directory must belong to root or uid %u", name,
		       st->st_uid, owner);
		return -EPERM;
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) && !(sticky_ok && (st->st_mode & S_ISVTX))) {
		tp_err("%s has mode %04o: others may write to it; chmod 0700 it", name,
		       st->st_mode & 07777);
		return -EPERM;
	}
	return 0;
}

/* The directory and what is above it, up to the root of the file system. */
static int check_upwards(int dir, uid_t owner, const char *path)
{
	struct stat st, below = {0};
	int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), err = 0;

	while (at >= 0 && !fstat(at, &st)) {
		int up;

		if (below.st_ino && (st.st_dev != below.st_dev || st.st_ino == below.st_ino))
			break;
		err = check_owner(&st, owner, true, path);
		if (err)
			break;
		below = st;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = up;
	}
	if (at >= 0)
		close(at);
	return err;
}

int tp_bpf_dir_open(const char *path, uid_t owner, bool create, int *dir)
{
	struct statfs fs;
	int fd, err = 0;

	*dir = -1;
	if (create)
		err = ensure_bpffs(path) ?: make_path(path);
	if (err)
		return err;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT || create)
			tp_err("%s: cannot open: %s", path, strerror(errno));
		return -errno;
	}
	if (fstatfs(fd, &fs) || fs.f_type != BPF_FS_MAGIC)
		err = create ? -EINVAL : -ENOENT;
	else
		err = check_upwards(fd, owner, path);
	if (err)
		close(fd);
	else
		*dir = fd;
	return err;
}

int tp_bpf_subdir_open(int parent, const char *name, uid_t owner, bool create, int *dir)
{
	struct stat st;
	int fd, err;

	*dir = -1;
	if (create && mkdirat(parent, name, DIR_MODE) && errno != EEXIST)
		goto failed;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		goto failed;
	err = fstat(fd, &st) ? -errno : check_owner(&st, owner, false, name);
	if (err)
		close(fd);
	else
		*dir = fd;
	return err;
failed:
	err = -errno;
	if (err != -ENOENT || create)
		tp_err("pin directory %s: %s", name, strerror(-err));
	return err;
}

int tp_bpf_dir_each(int dir, int (*fn)(void *arg, int dir, const char *name), void *arg)
{
	struct dirent **names;
	int n = scandirat(dir, ".", &names, NULL, alphasort), err = 0;

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;

		if (!err && strcmp(name, ".") && strcmp(name, ".."))
			err = fn(arg, dir, name);
		free(names[i]);
	}
	free(names);
	return err;
}

static int remove_entry(void *arg, int dir, const char *name)
{
	(void)arg;
	return tp_bpf_unpin(dir, name);
}

int tp_bpf_dir_remove(int parent, const char *name)
{
	int err, fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = tp_bpf_dir_each(fd, remove_entry, NULL);
	close(fd);
	if (!err && unlinkat(parent, name, AT_REMOVEDIR))
		err = -errno;
	return err;
}

/* --- pins ----------------------------------------------------------------------------------- */

/* bpf(2) takes paths; this one leads through the descriptor. */
static int pin_path(int dir, const char *name, char *buf, size_t size)
{
	int n = snprintf(buf, size, "/proc/self/fd/%d/%s", dir, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int tp_bpf_pin(int dir, const char *name, int fd)
{
	char path[PATH_MAX];
	int err = pin_path(dir, name, path, sizeof(path));

	return err ?: bpf_obj_pin(fd, path);
}

int tp_bpf_unpin(int dir, const char *name)
{
	return unlinkat(dir, name, 0) && errno != ENOENT ? -errno : 0;
}

int tp_bpf_get(int dir, const char *name, int *fd)
{
	char path[PATH_MAX];
	int err = pin_path(dir, name, path, sizeof(path)), got;

	*fd = -1;
	if (err)
		return err;
	got = bpf_obj_get(path);
	if (got < 0)
		return got;
	*fd = got;
	return 0;
}

struct tp_bpf_layout tp_bpf_layout_wanted(const struct bpf_map *map)
{
	return (struct tp_bpf_layout){
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.flags = bpf_map__map_flags(map),
	};
}

int tp_bpf_layout_of(int fd, struct tp_bpf_layout *out)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int err;

	memset(out, 0, sizeof(*out));
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (err)
		return err;
	*out = (struct tp_bpf_layout){
		.type = info.type,
		.key_size = info.key_size,
		.value_size = info.value_size,
		.max_entries = info.max_entries,
		.flags = info.map_flags,
	};
	return 0;
}

bool tp_bpf_layout_equal(const struct tp_bpf_layout *a, const struct tp_bpf_layout *b)
{
	const uint32_t by_kernel = BPF_F_RDONLY_PROG; /* device maps get it */

	return a->type == b->type && a->key_size == b->key_size && a->value_size == b->value_size &&
	       a->max_entries == b->max_entries && !((a->flags ^ b->flags) & ~by_kernel);
}

int tp_bpf_map_get(int dir, const char *name, const struct tp_bpf_layout *want, int *fd)
{
	struct tp_bpf_layout have;
	int err = tp_bpf_get(dir, name, fd);

	if (err)
		return err;
	err = tp_bpf_layout_of(*fd, &have);
	if (!err && !tp_bpf_layout_equal(&have, want))
		err = -ESTALE;
	if (err) {
		close(*fd);
		*fd = -1;
	}
	return err;
}
