/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Giving up root, each time in a child. The parent reads the child's exit status. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "priv.h"

#define SOME_USER "nobody" /* exists everywhere, unlike ours */
#define NO_USER	  "no-such-user-here"

static const int keep[] = {CAP_BPF, CAP_NET_ADMIN};

/* A line of /proc/self/status as a number. */
static unsigned long long status_of(const char *name, int base)
{
	char line[256];
	unsigned long long value = ~0ull;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			value = strtoull(line + strlen(name), NULL, base);
	if (f)
		fclose(f);
	return value;
}

static bool only_kept(void)
{
	const unsigned long long want = 1ull << CAP_BPF | 1ull << CAP_NET_ADMIN;

	return status_of("CapEff:", 16) == want && status_of("CapPrm:", 16) == want &&
	       status_of("CapInh:", 16) == 0 && status_of("CapAmb:", 16) == 0 &&
	       status_of("CapBnd:", 16) == 0 && status_of("NoNewPrivs:", 10) == 1;
}

/* Runs fn in a child; returns what it returned, negative when it ended otherwise. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void need_root(void)
{
	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
}

static int drop_to_user(void)
{
	uid_t uid, ruid, euid, suid;
	gid_t gid, rgid, egid, sgid;

	if (tp_priv_lookup(SOME_USER, &uid, &gid) || tp_priv_drop(SOME_USER, keep, 2))
		return 1;
	if (getresuid(&ruid, &euid, &suid) || ruid != uid || euid != uid || suid != uid)
		return 2;
	if (getresgid(&rgid, &egid, &sgid) || rgid != gid || egid != gid || sgid != gid)
		return 3;
	if (getgroups(0, NULL) != 0)
		return 4;
	if (!only_kept())
		return 5;
	if (!setuid(0) || !seteuid(0))
		return 6;
	return prctl(PR_GET_DUMPABLE) == 0 ? 0 : 7;
}

static void test_drop_to_user(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(drop_to_user), 0);
}

static int drop_without_user(void)
{
	if (tp_priv_drop(NO_USER, keep, 2) || geteuid() != 0)
		return 1;
	if (!only_kept() || getgroups(0, NULL) != 0)
		return 2;
	return chroot("/") && errno == EPERM ? 0 : 3;
}

static void test_drop_without_user(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(drop_without_user), 0);
}

static int drop_twice(void)
{
	if (tp_priv_drop(SOME_USER, NULL, 0) || status_of("CapEff:", 16) != 0)
		return 1;
	return tp_priv_drop(SOME_USER, keep, 2); /* no root any more: nothing to do */
}

static void test_drop_twice(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(drop_twice), 0);
}

static int filtered(void)
{
	static const char *const extra[] = {"getpgid"};
	struct stat st;

	if (tp_priv_seccomp(extra, 1))
		return 1;
	if (getpgid(0) < 0) /* was asked for */
		return 2;
	if (stat("/", &st) || getpid() <= 0) /* in the base */
		return 3;
	if (execl("/bin/true", "true", NULL) != -1 || errno != EPERM)
		return 4;
	if (chroot("/") != -1 || errno != EPERM)
		return 5;
	if (fork() != -1 || errno != EPERM)
		return 6;
	return status_of("Seccomp:", 10) == 2 && status_of("NoNewPrivs:", 10) == 1 ? 0 : 7;
}

static void test_seccomp(void **state)
{
	(void)state;
	assert_int_equal(in_child(filtered), 0);
}

static int filter_of_unknown_call(void)
{
	static const char *const extra[] = {"no_such_call"};

	return tp_priv_seccomp(extra, 1) == -EINVAL && status_of("Seccomp:", 10) == 0 ? 0 : 1;
}

static void test_seccomp_unknown_call(void **state)
{
	(void)state;
	assert_int_equal(in_child(filter_of_unknown_call), 0);
}

static void test_lookup(void **state)
{
	uid_t uid = 5;
	gid_t gid = 5;

	(void)state;
	assert_int_equal(tp_priv_lookup(NO_USER, &uid, &gid), -ENOENT);
	assert_int_equal(uid, 0);
	assert_int_equal(tp_priv_lookup("root", &uid, &gid), 0);
	assert_int_equal(uid, 0);
}

static void test_chown(void **state)
{
	char top[] = "/tmp/tp-priv-XXXXXX", sub[64], link[64];
	struct stat st;
	uid_t uid;
	gid_t gid;

	(void)state;
	need_root();
	assert_int_equal(tp_priv_lookup(SOME_USER, &uid, &gid), 0);
	assert_non_null(mkdtemp(top));
	snprintf(sub, sizeof(sub), "%s/sub", top);
	snprintf(link, sizeof(link), "%s/link", top);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(symlink("/", link), 0);
	assert_int_equal(tp_priv_chown(top, NO_USER), 0);
	assert_int_equal(stat(top, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(tp_priv_chown(top, SOME_USER), 0);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(lstat(link, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(stat("/", &st), 0);
	assert_int_equal(st.st_uid, 0);
	unlink(link);
	rmdir(sub);
	rmdir(top);
	assert_int_equal(tp_priv_chown(top, SOME_USER), 0); /* gone */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop_to_user), cmocka_unit_test(test_drop_without_user),
		cmocka_unit_test(test_drop_twice),   cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_lookup),	     cmocka_unit_test(test_seccomp_unknown_call),
		cmocka_unit_test(test_chown),
	};

	tp_log_level(LOG_CRIT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
