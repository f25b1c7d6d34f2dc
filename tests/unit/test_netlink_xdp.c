// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the running kernel tells of XDP and devices, in a network namespace of the test's own.
 * Kernels before 6.3 tell nothing: there, just that is tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <cap-ng.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "netlink_change.h"
#include "netlink_generic.h"
#include "netlink_xdp.h"

#define NEAR	 "near"
#define FAR	 "veth0"
#define LOOPBACK 1
#define NO_INDEX 999999

static struct tp_netlink *nl;
static struct tp_netlink_xdp *xdp;

static bool kernel_tells(void)
{
	unsigned int major, minor;
	struct utsname name;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 3);
}

static void want_answers(void)
{
	if (xdp)
		return;
	print_message("needs Linux 6.3\n");
	skip();
}

/* The far end gets FAR, the kernel's own name for it. */
static void make_veth(int *near, int *far)
{
	struct tp_netlink_device device;

	assert_int_equal(tp_netlink_link_create(nl, NEAR, "veth", near), 0);
	assert_int_equal(tp_netlink_link_find(nl, FAR, &device), 0);
	*far = device.ifindex;
	assert_int_equal(tp_netlink_link_set_up(nl, *near, true), 0);
	assert_int_equal(tp_netlink_link_set_up(nl, *far, true), 0);
}

static void set_gro(const char *name, bool on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = on};
	struct ifreq request = {.ifr_data = (char *)&value};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(request.ifr_name, name);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
	close(fd);
}

/* A far end without GRO and without a program has no place to put the frames. */
static void a_veth_takes_when_its_far_end_can(void **state)
{
	int near, far;

	(void)state;
	want_answers();
	make_veth(&near, &far);
	set_gro(FAR, false);
	assert_int_equal(tp_netlink_xdp_takes(xdp, near), 0);

	set_gro(FAR, true);
	assert_int_equal(tp_netlink_xdp_takes(xdp, near), 1);
	assert_int_equal(tp_netlink_xdp_takes(xdp, far), 0);
	assert_int_equal(tp_netlink_xdp_redirects(xdp, near), 1);

	set_gro(FAR, false);
	assert_int_equal(tp_netlink_xdp_takes(xdp, near), 0);
	assert_int_equal(tp_netlink_link_delete(nl, near), 0);
	assert_int_equal(tp_netlink_xdp_takes(xdp, near), -ENODEV);
}

static void loopback_takes_none(void **state)
{
	(void)state;
	want_answers();
	assert_int_equal(tp_netlink_xdp_takes(xdp, LOOPBACK), 0);
}

static void no_such_device(void **state)
{
	(void)state;
	want_answers();
	assert_int_equal(tp_netlink_xdp_takes(xdp, NO_INDEX), -ENODEV);
	assert_int_equal(tp_netlink_xdp_redirects(xdp, LOOPBACK), 0);
	assert_int_equal(tp_netlink_xdp_takes(xdp, LOOPBACK), 0); /* and the next question */
}

static void no_such_family(void **state)
{
	struct tp_netlink *generic = nl;
	uint16_t family = 1;

	(void)state;
	assert_int_equal(tp_netlink_generic_open(&generic, "no-such-family", &family), -ENOENT);
	assert_null(generic);
	assert_int_equal(family, 0);
}

/* Comes last: there is no way back. */
static void questions_need_no_privileges(void **state)
{
	int ifindex;

	(void)state;
	want_answers();
	capng_clear(CAPNG_SELECT_CAPS);
	assert_int_equal(capng_apply(CAPNG_SELECT_CAPS), 0);
	assert_int_equal(tp_netlink_link_create(nl, NEAR, "veth", &ifindex), -EPERM);
	assert_int_equal(tp_netlink_xdp_takes(xdp, LOOPBACK), 0);
}

static int set_up(void **state)
{
	int err;

	(void)state;
	err = tp_netlink_open(&nl) ?: tp_netlink_xdp_open(&xdp);
	return err == (kernel_tells() ? 0 : -EOPNOTSUPP) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	tp_netlink_xdp_close(xdp);
	tp_netlink_close(nl);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_veth_takes_when_its_far_end_can),
		cmocka_unit_test(loopback_takes_none),
		cmocka_unit_test(no_such_device),
		cmocka_unit_test(no_such_family),
		cmocka_unit_test(questions_need_no_privileges),
	};

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET)) {
		printf("ok 1 - netlink_xdp # SKIP no network namespace to be had: %s\n",
		       strerror(errno));
		return 0;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
