/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>

#include "log.h"
#include "priv.h"

/* What libc, libevent (epoll) and libcrypto call in a running daemon. None starts a program, opens
 * a way to another process, or changes what this one is. Names that an architecture lacks are
 * skipped. */
static const char *const base[] = {
	/* memory */
	"brk",
	"mmap",
	"mmap2",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"membarrier",
	"mlock",
	"mlock2",
	"munlock",
	/* descriptors */
	"read",
	"readv",
	"pread64",
	"preadv",
	"write",
	"writev",
	"pwrite64",
	"pwritev",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"fcntl",
	"fcntl64",
	"ioctl",
	"lseek",
	"_llseek",
	"pipe",
	"pipe2",
	"eventfd",
	"eventfd2",
	"ftruncate",
	"fsync",
	"fdatasync",
	"flock",
	"sendfile",
	/* files */
	"open",
	"openat",
	"access",
	"faccessat",
	"faccessat2",
	"stat",
	"stat64",
	"lstat",
	"lstat64",
	"fstat",
	"fstat64",
	"newfstatat",
	"fstatat64",
	"statx",
	"statfs",
	"fstatfs",
	"readlink",
	"readlinkat",
	"getdents",
	"getdents64",
	"getcwd",
	"unlink",
	"unlinkat",
	"rename",
	"renameat",
	"renameat2",
	"mkdir",
	"mkdirat",
	"rmdir",
	"umask",
	"chmod",
	"fchmod",
	"fchmodat",
	/* waiting and time */
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"poll",
	"ppoll",
	"select",
	"pselect6",
	"_newselect",
	"timerfd_create",
	"timerfd_settime",
	"timerfd_gettime",
	"nanosleep",
	"clock_nanosleep",
	"clock_gettime",
	"clock_getres",
	"gettimeofday",
	"time",
	"clock_gettime64",
	"clock_nanosleep_time64",
	/* sockets */
	"socket",
	"socketpair",
	"bind",
	"listen",
	"accept",
	"accept4",
	"connect",
	"shutdown",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"sendto",
	"sendmsg",
	"sendmmsg",
	"recvfrom",
	"recvmsg",
	"recvmmsg",
	/* signals, threads, exit */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigtimedwait",
	"sigaltstack",
	"sigreturn",
	"signalfd",
	"signalfd4",
	"restart_syscall",
	"futex",
	"futex_time64",
	"set_robust_list",
	"rseq",
	"sched_yield",
	"sched_getaffinity",
	"tgkill",
	"exit",
	"exit_group",
	/* asking */
	"getpid",
	"gettid",
	"getppid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getrandom",
	"getrlimit",
	"ugetrlimit",
	"prlimit64",
	"getrusage",
	"sysinfo",
	"uname",
	"getcpu",
	"times",
};

static int allow(scmp_filter_ctx filter, const char *name, bool must_exist)
{
	int nr = seccomp_syscall_resolve_name(name), err;

	if (nr == __NR_SCMP_ERROR) {
		if (!must_exist)
			return 0;
		tp_err("seccomp: unknown system call %s", name);
		return -EINVAL;
	}
	err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
	return err == -EEXIST || err == -EDOM ? 0 : err; /* EDOM: not on this architecture */
}

static int fill(scmp_filter_ctx filter, const char *const *extra, size_t n)
{
	/* before the rules: how the filter behaves */
	int err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1) ?:
		  seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) ?:
		  seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1) ?:
		  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);

	for (size_t i = 0; !err && i < sizeof(base) / sizeof(base[0]); i++)
		err = allow(filter, base[i], false);
	for (size_t i = 0; !err && i < n; i++)
		err = allow(filter, extra[i], true);
	return err;
}

int tp_priv_seccomp(const char *const *extra, size_t n)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (!filter)
		return -ENOMEM;
	err = fill(filter, extra, n) ?: seccomp_load(filter);
	seccomp_release(filter);
	if (err)
		tp_err("cannot set the system call filter: %s", strerror(-err));
	return err;
}
