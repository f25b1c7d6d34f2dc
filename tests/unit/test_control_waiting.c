// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections before their hello, thousands at once: who is spared, who goes, who gets in. */
#include "control_agents.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/nodes_private.h"
#include "crypto.h"
#include "ncp.h"
#include "noise_ik.h"

#define CROWD 2000
#define FEW   4096 /* descriptors: a quarter of them for who is silent, a half for who has spoken */
#define ROOM  (FEW / 4)
#define MANY  (4 * CROWD + 64) /* descriptors: room for the whole crowd */

static int fds[2 * CROWD];
static unsigned int n_fds;
static uint8_t first[TP_IK_FIRST_OVERHEAD + 128];
static size_t first_len;

/* What a node sends first; control can't tell a replay of it. */
static void make_first(void)
{
	static const char payload[] = "{\"v\":1,\"time\":0,\"agent\":\"test/1\"}";
	struct tp_noise_identity id;
	struct tp_noise_ik hs;
	uint8_t secret[32];
	int len;

	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(&id, secret), 0);
	tp_noise_ik_initiator(&hs, &id, lab.identity.public_key, TP_NCP_PROLOGUE,
			      sizeof(TP_NCP_PROLOGUE) - 1);
	len = tp_noise_ik_write_first(&hs, payload, sizeof(payload) - 1, first + 2);
	assert_true(len > 0);
	first[0] = (uint8_t)(len >> 8);
	first[1] = (uint8_t)len;
	first_len = (size_t)len + 2;
}

static int allow_files(rlim_t n)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_max < n)
		return -1;
	files.rlim_cur = n;
	return setrlimit(RLIMIT_NOFILE, &files);
}

/* What control finds allowed is its own; the crowd needs more. */
static int begin_with(void **state, rlim_t files)
{
	n_fds = 0;
	if (allow_files(files) || agents_begin(state) || allow_files(MANY))
		return -1;
	lab.nodes->config.handshake_ms = 3600000; /* a slow machine is nobody's fault here */
	make_first();
	return 0;
}

static int begin(void **state)
{
	return begin_with(state, FEW);
}

static int begin_wide(void **state)
{
	return begin_with(state, MANY);
}

static int end(void **state)
{
	while (n_fds)
		close(fds[--n_fds]);
	return agents_end(state);
}

static void say(int fd, size_t len)
{
	assert_int_equal(send(fd, first, len, 0), len);
}

/* Connects and sends that much of a first message, while control does nothing. */
static void come(size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(lab.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	say(fd, len);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	fds[n_fds++] = fd;
}

static struct ctl_nodes_stats stats(void)
{
	struct ctl_nodes_stats s;

	ctl_nodes_stats(lab.nodes, &s);
	return s;
}

static bool answered(int fd)
{
	uint8_t byte;

	return recv(fd, &byte, 1, MSG_PEEK) == 1;
}

static unsigned int n_answered(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_fds; i++)
		n += answered(fds[i]);
	return n;
}

static void a_node_gets_in(void)
{
	char secret[CTL_SECRET_LEN];
	struct agent a;

	agents_key(CTL_NODE, NULL, secret);
	agent_init(&a, "alice", TP_NCP_NODE, secret);
	AWAIT(!strcmp(address_of(&a), "100.64.1.1/24"));
	agent_end(&a);
}

/* As when all nodes come again after a restart. */
static void test_who_has_spoken_is_spared(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CROWD; i++)
		come(first_len);
	AWAIT(n_answered() == CROWD);
	assert_int_equal(stats().displaced, 0);
	assert_int_equal(stats().waiting, CROWD);
	a_node_gets_in();
}

/* Connected, and without a CPU to say something: like a stranger, but there is room. */
static void test_who_is_slow_stays(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CROWD; i++)
		come(0);
	AWAIT(stats().waiting + stats().displaced == CROWD);
	for (unsigned int i = 0; i < CROWD; i++)
		say(fds[i], first_len);
	AWAIT(n_answered() == CROWD);
	assert_int_equal(stats().displaced, 0);
	a_node_gets_in();
}

static void test_who_says_nothing_goes(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CROWD; i++)
		come(0);
	AWAIT(stats().displaced >= CROWD - ROOM);
	assert_int_equal(stats().waiting, ROOM);
	assert_int_equal(recv(fds[0], first, 1, 0), 0); /* the oldest has been shown out */
	a_node_gets_in();
}

/* Two thirds of the descriptors are theirs. */
static void test_nodes_leave_less_room(void **state)
{
	(void)state;
	lab.nodes->stats.connected = FEW / 3 * 2;
	for (unsigned int i = 0; i < CROWD; i++)
		come(0);
	AWAIT(stats().waiting + stats().displaced == CROWD);
	assert_int_equal(stats().waiting, (FEW - FEW / 3 * 2) / 4);
	lab.nodes->stats.connected = FEW; /* there is none, and always room for the newest */
	come(first_len);
	AWAIT(answered(fds[CROWD]));
	lab.nodes->stats.connected = 0;
	a_node_gets_in();
}

static void test_who_drips_goes(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CROWD; i++)
		come(1);
	AWAIT(stats().waiting + stats().displaced == CROWD);
	for (unsigned int i = 0; i < CROWD; i++)
		come(1);
	AWAIT(stats().waiting <= ROOM + 1 && stats().displaced >= CROWD);
	a_node_gets_in();
}

static void test_strangers_displace_no_node(void **state)
{
	unsigned int spoken = 0;

	(void)state;
	for (unsigned int i = 0; i < CROWD; i++) {
		come(i % 2 ? first_len : 0);
		spoken += i % 2;
	}
	AWAIT(n_answered() == spoken);
	for (unsigned int i = 0; i < CROWD; i++)
		come(0);
	AWAIT(stats().displaced >= CROWD - ROOM);
	assert_int_equal(n_answered(), spoken);
	for (unsigned int i = 1; i < CROWD; i += 2)
		assert_true(answered(fds[i]));
	a_node_gets_in();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_has_spoken_is_spared, begin, end),
		cmocka_unit_test_setup_teardown(test_who_is_slow_stays, begin_wide, end),
		cmocka_unit_test_setup_teardown(test_who_says_nothing_goes, begin, end),
		cmocka_unit_test_setup_teardown(test_nodes_leave_less_room, begin, end),
		cmocka_unit_test_setup_teardown(test_who_drips_goes, begin, end),
		cmocka_unit_test_setup_teardown(test_strangers_displace_no_node, begin, end),
	};

	tp_crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
