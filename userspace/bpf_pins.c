/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf_pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_link.h"
#include "bpf_migrate.h"
#include "bpf_tc.h"
#include "log.h"
#include "priv.h"

#define NEXT	    "next"
#define VERSION_MAX 1000000
#define LOCK_TRIES  3

uid_t tp_bpf_pins_owner(void)
{
	uid_t uid = geteuid();
	gid_t gid;

	if (!uid)
		tp_priv_lookup(TP_PRIV_USER, &uid, &gid); /* whom it will be; 0 if nobody */
	return uid;
}

uint32_t tp_bpf_map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

uint32_t tp_bpf_pinned_entries(int dir, const char *name)
{
	struct tp_bpf_layout have = {0};
	int fd;

	if (tp_bpf_get(dir, name, &fd))
		return 0;
	if (tp_bpf_layout_of(fd, &have))
		have.max_entries = 0;
	close(fd);
	return have.max_entries;
}

/* --- versions ------------------------------------------------------------------------------- */

/* The version that a directory's name stands for, 0 when it stands for none. */
static unsigned int version_of(const char *name)
{
	char *end;
	long v;

	if (name[0] != 'v' || name[1] < '1' || name[1] > '9')
		return 0;
	v = strtol(name + 1, &end, 10);
	return *end || v > VERSION_MAX ? 0 : (unsigned int)v;
}

static int find_newest(void *arg, int dir, const char *name)
{
	unsigned int *newest = arg, v = version_of(name);

	(void)dir;
	if (v > *newest)
		*newest = v;
	return 0;
}

int tp_bpf_pins_source(const struct tp_bpf_pins *p, unsigned int *version, int *dir)
{
	char name[16];
	unsigned int newest = 0;
	int err;

	*version = p->version;
	err = tp_bpf_subdir_open(p->instance, p->current, tp_bpf_pins_owner(), false, dir);
	if (err != -ENOENT)
		return err;
	err = tp_bpf_dir_each(p->instance, find_newest, &newest);
	if (err || !newest)
		return err ?: -ENOENT;
	*version = newest;
	snprintf(name, sizeof(name), "v%u", newest);
	return tp_bpf_subdir_open(p->instance, name, tp_bpf_pins_owner(), false, dir);
}

/* --- an object's maps ----------------------------------------------------------------------- */

bool tp_bpf_pins_match(const struct bpf_object *obj, int dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, obj) {
		struct tp_bpf_layout want = tp_bpf_layout_wanted(map);
		int fd, err;

		if (bpf_map__is_internal(map))
			continue;
		err = tp_bpf_map_get(dir, bpf_map__name(map), &want, &fd);
		if (err) {
			tp_info("BPF map %s changed, carrying entries over to new maps",
				bpf_map__name(map));
			return false;
		}
		close(fd);
	}
	return true;
}

int tp_bpf_pins_reuse(struct bpf_object *obj, int dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, obj) {
		int fd, err;

		if (bpf_map__is_internal(map))
			continue;
		err = tp_bpf_get(dir, bpf_map__name(map), &fd);
		if (err)
			return err;
		err = bpf_map__reuse_fd(map, fd); /* takes a descriptor of its own */
		close(fd);
		if (err)
			return err;
	}
	return 0;
}

int tp_bpf_pins_copy(const struct bpf_map *map, int from)
{
	struct tp_bpf_migrated done = {0};
	int err = tp_bpf_migrate(from, bpf_map__fd(map), &done);

	if (err == -EOPNOTSUPP || err == -E2BIG) {
		tp_warn("BPF map %s: only %u entries could be carried over: %s", bpf_map__name(map),
			done.copied, strerror(-err));
		err = 0;
	}
	if (done.left_out)
		tp_warn("BPF map %s: %u entries do not fit the other layout", bpf_map__name(map),
			done.left_out);
	tp_debug("BPF map %s: %u entries carried over", bpf_map__name(map), done.copied);
	return err;
}

static int pin_maps(const struct bpf_object *obj, int dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, obj) {
		int err;

		if (bpf_map__is_internal(map))
			continue;
		err = tp_bpf_pin(dir, bpf_map__name(map), bpf_map__fd(map));
		if (err) {
			tp_err("cannot pin BPF map %s: %s", bpf_map__name(map), strerror(-err));
			return err;
		}
	}
	return 0;
}

/* Gives "next" the current name. What had that name is "next" afterwards. */
static int swap_in(const struct tp_bpf_pins *p)
{
	int at = p->instance;

	if (!renameat2(at, NEXT, at, p->current, RENAME_EXCHANGE))
		return 0;
	if (errno == ENOENT && !renameat2(at, NEXT, at, p->current, RENAME_NOREPLACE))
		return 0;
	tp_err("cannot rename pin directory " NEXT " to %s: %s", p->current, strerror(errno));
	return -errno;
}

int tp_bpf_pins_replace(struct tp_bpf_pins *p, const struct bpf_object *obj, int (*fill)(void *arg),
			void *arg)
{
	int next, err;

	err = tp_bpf_subdir_open(p->instance, NEXT, tp_bpf_pins_owner(), true, &next);
	if (err)
		return err;
	if (fill)
		err = fill(arg);
	err = err ?: pin_maps(obj, next);
	close(next);
	return err ?: swap_in(p);
}

/* --- links and leftovers -------------------------------------------------------------------- */

static bool is_leftover(const struct tp_bpf_pins *p, const char *name)
{
	return strcmp(name, p->current) && (!strcmp(name, NEXT) || version_of(name));
}

static bool is_attachment(const char *name)
{
	return !strncmp(name, "link_", strlen("link_")) || !strncmp(name, "tc_", strlen("tc_"));
}

static int move_one(void *arg, int dir, const char *name)
{
	int to = *(int *)arg;

	if (!is_attachment(name))
		return 0;
	if (!faccessat(to, name, F_OK, AT_SYMLINK_NOFOLLOW))
		return tp_bpf_unpin(dir, name);
	return renameat(dir, name, to, name) ? -errno : 0;
}

/* Moves what is attached to another directory; one that is already there stands, and the other is
 * dropped. */
static int move_links(int from, int to)
{
	return tp_bpf_dir_each(from, move_one, &to);
}

/* Brings the links of another directory into the current one. */
static int take_links(void *arg, int dir, const char *name)
{
	const struct tp_bpf_pins *p = arg;
	int old, err;

	if (!is_leftover(p, name))
		return 0;
	err = tp_bpf_subdir_open(dir, name, tp_bpf_pins_owner(), false, &old);
	if (err)
		return err;
	err = move_links(old, p->dir);
	close(old);
	return err;
}

int tp_bpf_pins_settle(struct tp_bpf_pins *p)
{
	int err = tp_bpf_subdir_open(p->instance, p->current, tp_bpf_pins_owner(), false, &p->dir);

	return err ?: tp_bpf_dir_each(p->instance, take_links, p);
}

static int remove_leftover(void *arg, int dir, const char *name)
{
	int err = is_leftover(arg, name) ? tp_bpf_dir_remove(dir, name) : 0;

	if (err)
		tp_warn("pin directory %s cannot be removed: %s", name, strerror(-err));
	return 0;
}

void tp_bpf_pins_cleanup(const struct tp_bpf_pins *p)
{
	tp_bpf_dir_each(p->instance, remove_leftover, (void *)p);
}

/* After a start that was cut short, "next" is either unfinished, and then no links are in it, or
 * the predecessor of v<N>, which may have them. */
static int recover(struct tp_bpf_pins *p)
{
	int next, current, err;

	err = tp_bpf_subdir_open(p->instance, NEXT, tp_bpf_pins_owner(), false, &next);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = tp_bpf_subdir_open(p->instance, p->current, tp_bpf_pins_owner(), false, &current);
	if (!err) {
		err = move_links(next, current);
		close(current);
	} else if (err == -ENOENT) {
		err = 0;
	}
	close(next);
	return err ?: tp_bpf_dir_remove(p->instance, NEXT);
}

/* --- one daemon an instance ----------------------------------------------------------------- */

/* The lock is the open directory's: it needs no right to keep, and ends with the process. */
static int lock_dir(int dir, const char *instance)
{
	struct stat st;

	if (flock(dir, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return -errno;
		tp_err("pins of %s: another daemon runs on them; stop it, or set another "
		       "`instance` or `pin_path` for this one",
		       instance);
		return -EBUSY;
	}
	if (fstat(dir, &st))
		return -errno;
	return st.st_nlink ? 0 : -ESTALE; /* its last owner has removed it meanwhile */
}

static int open_locked(int top, const char *instance, bool create, int *dir)
{
	int err = -ESTALE;

	for (int i = 0; err == -ESTALE && i < LOCK_TRIES; i++) {
		err = tp_bpf_subdir_open(top, instance, tp_bpf_pins_owner(), create, dir);
		if (err)
			return err;
		err = lock_dir(*dir, instance);
		if (!err)
			return 0;
		close(*dir);
		*dir = -1;
	}
	return err;
}

/* --- opening, closing, removing ------------------------------------------------------------- */

void tp_bpf_pins_init(struct tp_bpf_pins *p)
{
	*p = (struct tp_bpf_pins){.top = -1, .instance = -1, .dir = -1};
}

static int open_dirs(struct tp_bpf_pins *p, const char *pin_path, const char *instance, bool create)
{
	int err = tp_bpf_dir_open(pin_path, tp_bpf_pins_owner(), create, &p->top);

	if (err)
		return err;
	p->name = strdup(instance);
	return p->name ? open_locked(p->top, instance, create, &p->instance) : -ENOMEM;
}

int tp_bpf_pins_open(struct tp_bpf_pins *p, const char *pin_path, const char *instance,
		     unsigned int version)
{
	p->version = version;
	snprintf(p->current, sizeof(p->current), "v%u", version);
	return open_dirs(p, pin_path, instance, true) ?: recover(p);
}

int tp_bpf_pins_find(struct tp_bpf_pins *p, const char *pin_path, const char *instance)
{
	return open_dirs(p, pin_path, instance, false);
}

void tp_bpf_pins_fini(struct tp_bpf_pins *p)
{
	int dirs[] = {p->dir, p->instance, p->top};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (dirs[i] >= 0)
			close(dirs[i]);
	free(p->name);
	tp_bpf_pins_init(p);
}

struct emptying {
	int (*empty)(void *arg, int dir);
	void *arg;
};

static int empty_version(void *arg, int instance, const char *name)
{
	const struct emptying *e = arg;
	int dir, err;

	err = tp_bpf_subdir_open(instance, name, tp_bpf_pins_owner(), false, &dir);
	if (err)
		return err;
	err = tp_xdp_detach(dir, NULL, NULL) ?: tp_tc_detach(dir, NULL, NULL);
	if (!err && e->empty)
		err = e->empty(e->arg, dir);
	close(dir);
	return err ?: tp_bpf_dir_remove(instance, name);
}

static int empty_instance(int top, const char *instance, struct emptying *e)
{
	int dir, err;

	err = tp_bpf_subdir_open(top, instance, tp_bpf_pins_owner(), false, &dir);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = tp_bpf_dir_each(dir, empty_version, e);
	close(dir);
	if (!err && unlinkat(top, instance, AT_REMOVEDIR))
		err = -errno;
	if (err)
		tp_err("pins of %s: cannot be removed: %s", instance, strerror(-err));
	else
		tp_info("pins of %s: removed", instance);
	return err;
}

int tp_bpf_pins_detach_open(const struct tp_bpf_pins *p, int (*empty)(void *arg, int dir),
			    void *arg)
{
	struct emptying e = {empty, arg};

	return p->instance < 0 ? 0 : empty_instance(p->top, p->name, &e);
}

int tp_bpf_pins_detach(const char *pin_path, const char *instance, int (*empty)(void *arg, int dir),
		       void *arg)
{
	struct tp_bpf_pins p;
	int err;

	tp_bpf_pins_init(&p);
	err = tp_bpf_pins_find(&p, pin_path, instance);
	err = err ?: tp_bpf_pins_detach_open(&p, empty, arg);
	tp_bpf_pins_fini(&p);
	if (err && err != -ENOENT)
		return err;
	rmdir(pin_path); /* stays when other instances live there */
	return 0;
}
