/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When round trips that were reported are told: each network once, some at a time. */
#include "control_agents.h"

#include "control/path_reports.h"
#include "control/peer.h"
#include "crypto.h"

#define MANY 150 /* networks: more than two rounds of them */

static struct ctl_path_reports *reports;
static struct ctl_network networks[MANY];
static unsigned int told[MANY], n_told, rounds;

static void on_change(void *arg, uint64_t revision, const struct ctl_change *changes, size_t n)
{
	(void)arg;
	(void)revision;
	rounds++;
	assert_in_range(n, 1, 64);
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < MANY; k++)
			if (!strcmp(networks[k].id, changes[i].network)) {
				told[k]++;
				n_told++;
			}
}

static void add_network(int number, const char *device)
{
	char name[24], subnet[32];
	const struct ctl_network_new in = {.tenant = lab.acme.id, .name = name, .subnet = subnet};
	struct ctl_peer p;

	snprintf(name, sizeof(name), "net-%d", number);
	snprintf(subnet, sizeof(subnet), "10.0.%d.0/24", number);
	DO(ctl_network_create(lab.s, &in, &networks[number], &lab.err) ||
	   ctl_peer_add(lab.s, lab.acme.id, networks[number].id, device, NULL, &p, &lab.err));
}

static int begin(void **state)
{
	agents_begin(state);
	ctl_nodes_free(lab.nodes); /* the store's listener is the test */
	lab.nodes = NULL;
	memset(told, 0, sizeof(told));
	n_told = rounds = 0;
	return ctl_path_reports_new(&reports, lab.base, lab.s);
}

static int end(void **state)
{
	ctl_path_reports_free(reports);
	return agents_end(state);
}

static void say(const struct ctl_device *d, uint32_t rtt_us)
{
	struct tp_ncp_path path = {.public_key = {7}, .rtt_us = rtt_us};
	const struct tp_ncp_stats stats = {.paths = &path, .n_paths = 1};

	assert_int_equal(ctl_path_reports_take(reports, d, &stats, &lab.err), 0);
}

static void test_each_network_once(void **state)
{
	const uint8_t key[32] = {1};
	struct ctl_device d;

	(void)state;
	DO(ctl_device_create(lab.s, lab.acme.id, "a", CTL_NODE, key, false, &d, &lab.err));
	for (int i = 0; i < MANY; i++)
		add_network(i, d.id);
	ctl_store_listen(lab.s, on_change, NULL);
	say(&d, 10000);
	say(&d, 50000); /* which is other news of the same networks */
	AWAIT(n_told >= MANY);
	assert_int_equal(rounds, 3);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(told[i], 1);
	say(&d, 90000);
	AWAIT(n_told >= 2 * MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(told[i], 2);
	say(&d, 10000); /* some are left when it ends */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_network_once, begin, end),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
