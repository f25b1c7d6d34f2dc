/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Starts of the data path that must not harm what runs: a second daemon on the same instance, and a
 * start that ends in an error after interfaces were changed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "priv.h"
#include "relay/datapath.h"

static char top[] = "/tmp/tp-start-XXXXXX";
static char pins[64];

static void must(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

static struct relay_config base_config(char **interfaces, size_t n)
{
	return (struct relay_config){
		.interfaces = interfaces,
		.n_interfaces = n,
		.attach = RELAY_ATTACH_NATIVE,
		.listen_port = 443,
		.limits = {.flows = 500, .flows_per_node = 64, .stun_per_prefix = 20},
		.pin_path = pins,
		.instance = "relay",
	};
}

static struct relay_datapath *must_open(const struct relay_config *c)
{
	struct relay_datapath *dp;

	assert_int_equal(relay_datapath_open(&dp, c), 0);
	return dp;
}

static uint32_t program_on(const char *ifname)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	assert_int_equal(bpf_xdp_query((int)if_nametoindex(ifname), 0, &q), 0);
	return q.drv_prog_id;
}

/* --- one daemon an instance ----------------------------------------------------------------- */

static char *tpa[] = {"tpa"}, *tpc[] = {"tpc"}, *both[] = {"tpa", "tpc"};

static void expect_busy(struct relay_config c)
{
	struct relay_datapath *dp;

	assert_int_equal(relay_datapath_open(&dp, &c), -EBUSY);
	assert_null(dp);
	c.attach = RELAY_ATTACH_OFF; /* would remove the pins */
	assert_int_equal(relay_datapath_open(&dp, &c), -EBUSY);
	assert_null(dp);
	assert_int_equal(relay_datapath_detach_pins(c.pin_path, c.instance), -EBUSY);
}

static void test_second_is_refused(void **state)
{
	struct relay_config c = base_config(tpa, 1), other = base_config(tpc, 1);
	struct relay_datapath *dp = must_open(&c), *beside;
	uint32_t prog = program_on("tpa");

	(void)state;
	other.listen_port = 444;
	expect_busy(other);
	assert_int_equal(program_on("tpa"), prog);
	assert_int_equal(program_on("tpc"), 0);
	other.instance = "other";
	beside = must_open(&other);
	assert_int_not_equal(program_on("tpc"), 0);
	relay_datapath_close(beside);
	assert_int_equal(relay_datapath_detach_pins(pins, "other"), 0);
	relay_datapath_close(dp);
	relay_datapath_close(must_open(&c));
}

/* A daemon that has given up root, until it is killed, or for half a minute. */
static void hold(int ready)
{
	static const int keep[] = {CAP_BPF, CAP_NET_ADMIN};
	static const char *const calls[] = {"bpf"};
	struct relay_config c = base_config(tpa, 1);
	struct relay_datapath *dp;

	alarm(30);
	if (relay_datapath_open(&dp, &c) || tp_priv_chown(pins, "nobody") ||
	    tp_priv_drop("nobody", keep, 2) || tp_priv_seccomp(calls, 1) ||
	    write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void test_lock_ends_with_its_holder(void **state)
{
	struct relay_config c = base_config(tpa, 1);
	int ready[2], status;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		hold(ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	tp_priv_chown(pins, "root");
	expect_busy(c);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	relay_datapath_close(must_open(&c));
}

/* --- a start that fails --------------------------------------------------------------------- */

static void run_once(char **interfaces, size_t n)
{
	struct relay_config c = base_config(interfaces, n);
	struct relay_datapath *dp = must_open(&c);

	assert_int_equal(relay_datapath_settle(dp), 0);
	relay_datapath_close(dp);
}

static bool port_in_use(const char *ifname)
{
	char path[128];
	int fd;
	bool found = false;

	snprintf(path, sizeof(path), "%s/relay/v%d/tx_ports", pins, TP_RELAY_ABI);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	for (uint32_t slot = 0; slot < TP_PORTS; slot++) {
		struct bpf_devmap_val val = {0};

		if (!bpf_map_lookup_elem(fd, &slot, &val))
			found |= val.ifindex == if_nametoindex(ifname);
	}
	close(fd);
	return found;
}

static void test_interfaces_go_last(void **state)
{
	struct relay_config c = base_config(tpc, 1);
	struct relay_datapath *dp;
	uint32_t prog;

	(void)state;
	run_once(tpa, 1);
	prog = program_on("tpa");
	dp = must_open(&c);
	assert_int_not_equal(program_on("tpc"), 0);
	relay_datapath_close(dp); /* something else of that start has failed */
	assert_int_equal(program_on("tpa"), prog);
	assert_true(port_in_use("tpa"));
	assert_true(port_in_use("tpc"));

	run_once(tpc, 1);
	assert_int_equal(program_on("tpa"), 0);
	assert_false(port_in_use("tpa"));
	assert_true(port_in_use("tpc"));
}

static void test_attach_that_fails(void **state)
{
	char *names[] = {"tpc", "lo"}; /* which has no native XDP */
	struct relay_config c = base_config(names, 2);
	struct relay_datapath *dp;

	(void)state;
	run_once(tpa, 1);
	assert_int_equal(relay_datapath_open(&dp, &c), -EOPNOTSUPP);
	assert_int_not_equal(program_on("tpa"), 0);
	run_once(both, 2);
}

static void test_off_goes_last(void **state)
{
	struct relay_config c = base_config(tpa, 1);
	struct relay_datapath *dp;

	(void)state;
	run_once(tpa, 1);
	c.attach = RELAY_ATTACH_OFF;
	dp = must_open(&c);
	assert_int_not_equal(program_on("tpa"), 0);
	assert_int_equal(relay_datapath_settle(dp), 0);
	assert_int_equal(program_on("tpa"), 0);
	relay_datapath_close(dp);
}

/* The device is the same under another name, and so is its link. */
static void test_renamed_device(void **state)
{
	(void)state;
	run_once(both, 2);
	must("ip link set tpa down && ip link set tpa name tpx && ip link set tpx up");
	must("ip link set tpc down && ip link set tpc name tpa && ip link set tpa up");
	must("ip link set tpx down && ip link set tpx name tpc && ip link set tpc up");
	run_once(both, 2);
	assert_int_not_equal(program_on("tpa"), 0);
	assert_int_not_equal(program_on("tpc"), 0);
	must("ip link set tpc down && ip link set tpc name tpx && ip link set tpx up");
	run_once(tpa, 1);
	assert_int_equal(program_on("tpx"), 0);
	must("ip link set tpx down && ip link set tpx name tpc && ip link set tpc up");
}

/* --- surroundings --------------------------------------------------------------------------- */

static int each_setup(void **state)
{
	(void)state;
	return system("ip link add tpa type veth peer name tpb && "
		      "ip link add tpc type veth peer name tpd")
		       ? -1
		       : 0;
}

static int each_teardown(void **state)
{
	(void)state;
	must("ip link del tpb && ip link del tpd");
	tp_priv_chown(pins, "root");
	return relay_datapath_detach_pins(pins, "relay");
}

static int make_surroundings(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	if (!mkdtemp(top) || mount("bpf", top, "bpf", 0, NULL))
		return -1;
	snprintf(pins, sizeof(pins), "%s/turnpike", top);
	return 0;
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_second_is_refused),  CASE(test_lock_ends_with_its_holder),
		CASE(test_interfaces_go_last), CASE(test_attach_that_fails),
		CASE(test_off_goes_last),      CASE(test_renamed_device),
	};
	int failed;

	if (make_surroundings()) {
		printf("ok 1 - datapath starts # SKIP needs root and namespaces: %s\n",
		       strerror(errno));
		return 0;
	}
	tp_log_level(getenv("VERBOSE") ? LOG_DEBUG : LOG_CRIT);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	umount(top);
	rmdir(top);
	return failed;
}
