/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* tc attachments that outlive their process, by tcx and by clsact. In a network and a mount
 * namespace of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_tc.h"
#include "log.h"

static char top[] = "/tmp/tp-tc-XXXXXX";
static int dir;

static int program(int verdict)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "verdict", "GPL", code, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

static int lo(void)
{
	return (int)if_nametoindex("lo");
}

/* Does a packet to ourselves come through? */
static bool passes(void)
{
	return !system("ping -c1 -W1 127.0.0.1 >/dev/null 2>&1");
}

static void replaced_and_detached(enum tp_tc_side side, enum tp_tc_kind kind)
{
	int drop = program(2), pass = program(-1);

	assert_false(tp_tc_attached(dir, "lo", lo(), side));
	assert_int_equal(tp_tc_attach(dir, "lo", lo(), side, drop, kind), 0);
	close(drop);
	assert_true(tp_tc_attached(dir, "lo", lo(), side));
	assert_false(passes());
	assert_int_equal(tp_tc_attach(dir, "lo", lo(), side, pass, kind), 0);
	close(pass);
	assert_true(tp_tc_attached(dir, "lo", lo(), side));
	assert_true(passes());
	if (kind == TP_TC_CLSACT)
		assert_string_equal(tp_tc_how(dir, "lo", side), "clsact");
	assert_int_equal(tp_tc_detach(dir, NULL, NULL), 0);
	assert_false(tp_tc_attached(dir, "lo", lo(), side));
	assert_string_equal(tp_tc_how(dir, "lo", side), "none");
}

static void by_the_best_way(void **state)
{
	(void)state;
	replaced_and_detached(TP_TC_INGRESS, TP_TC_BEST);
	replaced_and_detached(TP_TC_EGRESS, TP_TC_BEST);
}

static void by_clsact(void **state)
{
	(void)state;
	replaced_and_detached(TP_TC_INGRESS, TP_TC_CLSACT);
	replaced_and_detached(TP_TC_EGRESS, TP_TC_CLSACT);
}

/* What runs as a filter is replaced as one, also where links could be had. */
static void a_filter_stays_one(void **state)
{
	int drop = program(2), pass = program(-1);

	(void)state;
	assert_int_equal(tp_tc_attach(dir, "lo", lo(), TP_TC_INGRESS, drop, TP_TC_CLSACT), 0);
	assert_int_equal(tp_tc_attach(dir, "lo", lo(), TP_TC_INGRESS, pass, TP_TC_BEST), 0);
	assert_string_equal(tp_tc_how(dir, "lo", TP_TC_INGRESS), "clsact");
	assert_true(passes());
	assert_int_equal(tp_tc_detach(dir, NULL, NULL), 0);
	close(drop);
	close(pass);
}

static bool keep_lo(void *arg, const char *ifname)
{
	(void)arg;
	return !strcmp(ifname, "lo");
}

static void a_device_that_is_gone(void **state)
{
	int drop = program(2);

	(void)state;
	assert_int_equal(system("ip link add a.1 type veth peer name b"), 0);
	assert_int_equal(tp_tc_attach(dir, "a.1", (int)if_nametoindex("a.1"), TP_TC_INGRESS, drop,
				      TP_TC_BEST),
			 0);
	assert_true(tp_tc_attached(dir, "a.1", (int)if_nametoindex("a.1"), TP_TC_INGRESS));
	assert_int_equal(system("ip link del a.1; ip link add a.1 type veth peer name b"), 0);
	assert_false(tp_tc_attached(dir, "a.1", (int)if_nametoindex("a.1"), TP_TC_INGRESS));
	assert_int_equal(tp_tc_attach(dir, "a.1", (int)if_nametoindex("a.1"), TP_TC_INGRESS, drop,
				      TP_TC_BEST),
			 0);
	assert_true(tp_tc_attached(dir, "a.1", (int)if_nametoindex("a.1"), TP_TC_INGRESS));
	assert_int_equal(tp_tc_detach(dir, keep_lo, NULL), 0);
	assert_false(tp_tc_attached(dir, "a.1", (int)if_nametoindex("a.1"), TP_TC_INGRESS));
	close(drop);
}

static int set_up(void **state)
{
	(void)state;
	tp_log_level(LOG_ERR);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || !mkdtemp(top) ||
	    mount("bpf", top, "bpf", 0, "mode=0700") || system("ip link set lo up"))
		return -1;
	return tp_bpf_dir_open(top, 0, false, &dir);
}

static int tear_down(void **state)
{
	(void)state;
	close(dir);
	umount(top);
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_best_way),
		cmocka_unit_test(by_clsact),
		cmocka_unit_test(a_filter_stays_one),
		cmocka_unit_test(a_device_that_is_gone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
