// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath_lab.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "log.h"
#include "priv.h"
#include "relay/datapath_private.h"

char top[] = "/tmp/tp-datapath-XXXXXX";
char pins[64];

void must(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* The path of something below the instance's directory, in one of a few buffers. */
const char *at(const char *rest)
{
	static char paths[4][192];
	static unsigned int next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/relay/%s", pins, rest);
	return p;
}

const char *in_v(const char *name)
{
	char rest[64];

	snprintf(rest, sizeof(rest), "%s/%s", ABI, name);
	return at(rest);
}

bool exists(const char *path)
{
	return !access(path, F_OK);
}

struct relay_config base_config(void)
{
	static char *interfaces[] = {"tpa"};

	return (struct relay_config){
		.interfaces = interfaces,
		.n_interfaces = 1,
		.attach = RELAY_ATTACH_NATIVE,
		.listen_port = 443,
		.limits = {.flows = FLOWS, .flows_per_node = 64, .stun_per_prefix = 20},
		.pin_path = pins,
		.instance = "relay",
	};
}

struct relay_datapath *must_open(const struct relay_config *c)
{
	struct relay_datapath *dp;

	assert_int_equal(relay_datapath_open(&dp, c), 0);
	assert_non_null(dp);
	assert_int_equal(relay_datapath_settle(dp), 0);
	return dp;
}

uint32_t program_on(const char *ifname, bool native)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	assert_int_equal(bpf_xdp_query((int)if_nametoindex(ifname), 0, &q), 0);
	return native ? q.drv_prog_id : q.skb_prog_id;
}

uint32_t link_id(const char *path)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_obj_get(path);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

uint32_t size_of_map(const char *path)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_obj_get(path);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.max_entries;
}

/* --- flows as the tests make them ----------------------------------------------------------- */

struct relay_flow make_flow(uint32_t i)
{
	return (struct relay_flow){
		.key = {.index = i + 1, .port = 7},
		.expires_at = (0x11223344ull + i) << TP_EXPIRY_SHIFT,
		.session = ~i,
	};
}

void put_flows(struct relay_datapath *dp, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct relay_flow flow = make_flow(i);

		assert_int_equal(relay_datapath_flow_put(dp, &flow, 0), 0);
	}
}

static int check_flow(void *arg, const struct relay_flow *flow)
{
	uint32_t *seen = arg, i = flow->key.index - 1;

	assert_int_equal(flow->key.port, 7);
	assert_true(flow->expires_at == (0x11223344ull + i) << TP_EXPIRY_SHIFT);
	assert_int_equal(flow->session, ~i);
	(*seen)++;
	return 0;
}

uint32_t count_flows(struct relay_datapath *dp)
{
	uint32_t seen = 0;

	relay_datapath_flows_each(dp, check_flow, &seen);
	return seen;
}

volatile struct relay_slot *slot_of(struct relay_datapath *dp, uint32_t i)
{
	struct relay_flow flow = make_flow(i);

	return relay_flow_table_find(&dp->flows, &flow.key);
}

uint64_t packets_of(struct relay_datapath *dp, uint32_t i)
{
	struct relay_flow flow = make_flow(i);

	return relay_datapath_count(dp, &flow.key).packets;
}

/* --- surroundings --------------------------------------------------------------------------- */

int each_setup(void **state)
{
	(void)state;
	return system("ip link add tpa type veth peer name tpb") ? -1 : 0;
}

int each_teardown(void **state)
{
	(void)state;
	must("ip link del tpa");
	tp_priv_chown(pins, "root");
	return relay_datapath_detach_pins(pins, "relay");
}

static int make_surroundings(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	if (!mkdtemp(top) || mount("bpf", top, "bpf", 0, NULL)) /* world-writable, as by hand */
		return -1;
	snprintf(pins, sizeof(pins), "%s/turnpike", top);
	/* libxdp keeps its own there */
	return mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700");
}

int datapath_tests(int (*run)(void))
{
	int failed;

	if (make_surroundings()) {
		printf("ok 1 - datapath # SKIP needs root and namespaces: %s\n", strerror(errno));
		return 0;
	}
	tp_log_level(getenv("VERBOSE") ? LOG_DEBUG : LOG_CRIT);
	failed = run();
	umount(top);
	rmdir(top);
	return failed;
}
