/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "priv.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "log.h"

#define FTW_FDS 8

int tp_priv_lookup(const char *user, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(user);

	*uid = 0;
	*gid = 0;
	if (!pw)
		return -ENOENT;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

/* nftw hands nothing through. */
static struct {
	uid_t uid;
	gid_t gid;
} chown_to;

static int chown_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return lchown(path, chown_to.uid, chown_to.gid) ? -errno : 0;
}

int tp_priv_chown(const char *path, const char *user)
{
	int err;

	if (tp_priv_lookup(user, &chown_to.uid, &chown_to.gid))
		return 0;
	errno = 0;
	err = nftw(path, chown_one, FTW_FDS, FTW_PHYS);
	if (err == -1) /* nftw's own; ours are errnos, of which EPERM is -1 too */
		err = errno ? -errno : -EPERM;
	if (err == -ENOENT)
		return 0;
	if (err)
		tp_err("%s: cannot be handed to user %s: %s", path, user, strerror(-err));
	return err;
}

static int no_way_back(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
		tp_err("prctl: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

static int choose_capabilities(const int *keep, size_t n)
{
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				 (unsigned int)keep[i])) {
			tp_err("capability %d is unknown here", keep[i]);
			return -EINVAL;
		}
	return 0;
}

static int become(const char *user, uid_t uid, gid_t gid)
{
	int err = capng_change_id((int)uid, (int)gid,
				  CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);

	if (!err)
		return 0;
	tp_err("cannot become user %s (libcap-ng error %d): CAP_SETUID, CAP_SETGID and CAP_SETPCAP "
	       "are needed",
	       user, err);
	return -EPERM;
}

static int stay_root(const char *user)
{
	tp_warn("there is no user \"%s\": staying uid 0, with fewer capabilities", user);
	if (setgroups(0, NULL)) {
		tp_err("cannot leave the supplementary groups: %s", strerror(errno));
		return -errno;
	}
	/* the bounding set first: shrinking it takes CAP_SETPCAP */
	if (capng_apply(CAPNG_SELECT_BOUNDS) || capng_apply(CAPNG_SELECT_CAPS)) {
		tp_err("cannot drop capabilities: %s", strerror(errno));
		return -EPERM;
	}
	return 0;
}

int tp_priv_drop(const char *user, const int *keep, size_t n)
{
	uid_t uid;
	gid_t gid;
	int err;

	if (geteuid() == 0) {
		err = choose_capabilities(keep, n);
		if (!err && tp_priv_lookup(user, &uid, &gid))
			err = stay_root(user);
		else if (!err)
			err = become(user, uid, gid);
		if (err)
			return err;
	}
	return no_way_back();
}
