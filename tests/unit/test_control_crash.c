/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The store under processes that die and processes that compete.
 *
 * A worker joins devices, removes them and acknowledges removals until it is killed. It says on a
 * pipe what it is about to do and what it has done, so that afterwards the store must hold all that
 * was done, nothing that was never begun, and of the one thing in between all or nothing.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/address.h"
#include "control/auth_key.h"
#include "control/network.h"
#include "control/peer.h"
#include "control/tenant.h"
#include "crypto.h"
#include "store_file.h"

#define HOSTS	    126 /* of a /25 */
#define DEATHS	    100
#define CALLS	    60 /* within which a worker dies: some ten transactions */
#define WORKERS	    4
#define SHARED_JOIN 200 /* uses of the key that the workers share */

enum verb { JOIN, LEAVE, ACKNOWLEDGE };

struct word {
	enum verb verb;
	bool done;
	unsigned int host;
	char device[CTL_ID_LEN];
	uint64_t revision;
};

static struct ctl_error err;
static struct ctl_network network;
static char secret[CTL_SECRET_LEN];

static struct ctl_store *open_store(const char *path)
{
	struct ctl_store *s;

	assert_int_equal(ctl_store_open(&s, path), 0);
	return s;
}

static void make_world(const char *path, uint32_t use_limit)
{
	struct ctl_store *s = open_store(path);
	struct ctl_network_new in = {.name = "n", .subnet = "10.1.0.0/25"};
	struct ctl_auth_key_new key_in = {.name = "k", .kind = CTL_NODE, .use_limit = use_limit};
	struct ctl_tenant tenant;
	struct ctl_auth_key key;

	if (use_limit)
		in.subnet = "10.1.0.0/16";
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_tenant_create(s, "acme", &tenant, &err), 0);
	in.tenant = key_in.tenant = tenant.id;
	assert_int_equal(ctl_network_create(s, &in, &network, &err), 0);
	key_in.network = network.id;
	assert_int_equal(ctl_auth_key_create(s, &key_in, &key, secret, &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	ctl_store_close(s);
}

static int64_t count(struct ctl_store *s, const char *sql)
{
	struct sqlite3_stmt *q = ctl_db_query(ctl_store_db(s), sql, "");
	int64_t n;

	assert_int_equal(ctl_db_step(ctl_store_db(s), q), 1);
	n = ctl_db_int(q, 0);
	ctl_db_done(q);
	return n;
}

/* --- dying at a certain write: stands before libc, so SQLite calls it --- */

static unsigned int calls_left; /* 0: live on */

static long touch_file(long call, int fd, const void *buf, size_t len, off_t at)
{
	if (calls_left && !--calls_left)
		kill(getpid(), SIGKILL);
	return syscall(call, fd, buf, len, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t at)
{
	return touch_file(SYS_pwrite64, fd, buf, len, at);
}

int fdatasync(int fd)
{
	return (int)touch_file(SYS_fdatasync, fd, NULL, 0, 0);
}

int fsync(int fd)
{
	return (int)touch_file(SYS_fsync, fd, NULL, 0, 0);
}

/* --- the worker: no assertions of cmocka here, it is a process of its own --- */

/* Joined as a node that reports its key at once: the auth key's use, the device, the peer and its
 * address in one transaction. */
static int join(struct ctl_store *s, struct word *w)
{
	struct ctl_device device;
	struct ctl_peer peer;
	uint8_t key[32];
	bool joined;

	tp_random(key, sizeof(key));
	if (ctl_join(s, key, "vm", secret, &device, &joined, &err) ||
	    ctl_peer_key(s, network.id, device.id, key, 51820, &peer, &err))
		return -1;
	w->host = peer.ip - network.first;
	memcpy(w->device, device.id, sizeof(w->device));
	return 0;
}

static int act(struct ctl_store *s, struct word *w)
{
	switch (w->verb) {
	case JOIN: return join(s, w);
	case LEAVE: return ctl_device_delete(s, NULL, w->device, &err);
	case ACKNOWLEDGE:
		return ctl_address_acknowledged(s, network.id, ctl_store_revision(s), &err);
	}
	return -1;
}

static void say(int fd, const struct word *w)
{
	if (write(fd, w, sizeof(*w)) != sizeof(*w))
		_exit(2);
}

/* What is in the network: a random one of it. */
static bool pick(void *arg, const struct ctl_peer *peer)
{
	struct word *w = arg;

	memcpy(w->device, peer->device, sizeof(w->device));
	w->host = peer->ip - network.first;
	return rand() % 8;
}

static void choose(struct ctl_store *s, struct word *w)
{
	int dice = rand() % 100;

	memset(w, 0, sizeof(*w));
	w->verb = dice < 50 ? JOIN : dice < 90 ? LEAVE : ACKNOWLEDGE;
	if (w->verb == LEAVE && ctl_peer_list(s, NULL, network.id, NULL, "", 1000, pick, w, &err))
		_exit(3);
	if (w->verb == LEAVE && !w->device[0])
		w->verb = JOIN;
}

static void work(const char *path, int fd)
{
	unsigned int calls = 1 + (unsigned int)rand() % CALLS;
	struct ctl_store *s;
	struct word w;

	if (ctl_store_open(&s, path))
		_exit(4);
	calls_left = rand() % 4 ? calls : 0; /* each fourth waits to be killed */
	for (;;) {
		choose(s, &w);
		say(fd, &w);
		if (ctl_begin(s, "worker", &err))
			_exit(5);
		if (act(s, &w)) {
			ctl_rollback(s);
			if (err.code != CTL_RESOURCE_EXHAUSTED)
				_exit(6);
			continue;
		}
		if (ctl_commit(s, &err))
			_exit(7);
		w.done = true;
		w.revision = ctl_store_revision(s);
		say(fd, &w);
	}
}

/* --- what must be --- */

enum state { FREE, TAKEN, HELD };

struct model {
	enum state hosts[HOSTS + 2];
	char owners[HOSTS + 2][CTL_ID_LEN];
	uint64_t revision;
	int64_t joins;
};

static void apply(struct model *m, const struct word *w)
{
	if (w->verb == ACKNOWLEDGE) {
		for (int i = 1; i <= HOSTS; i++)
			m->hosts[i] = m->hosts[i] == HELD ? FREE : m->hosts[i];
		return;
	}
	assert_in_range(w->host, 1, HOSTS);
	assert_int_equal(m->hosts[w->host], w->verb == JOIN ? FREE : TAKEN);
	m->hosts[w->host] = w->verb == JOIN ? TAKEN : HELD;
	memcpy(m->owners[w->host], w->device, CTL_ID_LEN);
	m->joins += w->verb == JOIN;
}

static bool read_peer(void *arg, const struct ctl_peer *peer)
{
	struct model *m = arg;
	unsigned int host = peer->ip - network.first;

	assert_in_range(host, 1, HOSTS);
	assert_int_equal(m->hosts[host], FREE);
	m->hosts[host] = TAKEN;
	memcpy(m->owners[host], peer->device, CTL_ID_LEN);
	return true;
}

static void read_model(struct ctl_store *s, struct model *m)
{
	struct sqlite3_stmt *q;

	memset(m, 0, sizeof(*m));
	assert_int_equal(ctl_peer_list(s, NULL, network.id, NULL, "", 1000, read_peer, m, &err), 0);
	q = ctl_db_query(ctl_store_db(s), "SELECT ip FROM address_hold", "");
	while (ctl_db_step(ctl_store_db(s), q) == 1) {
		uint32_t host = (uint32_t)ctl_db_int(q, 0) - network.first;

		assert_int_equal(m->hosts[host], FREE);
		m->hosts[host] = HELD;
	}
	m->revision = ctl_store_revision(s);
	m->joins = count(s, "SELECT uses FROM auth_key");
	assert_int_equal(count(s, "SELECT count(*) FROM device"),
			 count(s, "SELECT count(*) FROM peer"));
	assert_int_equal(count(s, "SELECT count(*) FROM audit WHERE action = 'device.create'"),
			 m->joins);
}

static bool same(const struct model *a, const struct model *b)
{
	for (int i = 1; i <= HOSTS; i++)
		if (a->hosts[i] != b->hosts[i] ||
		    (a->hosts[i] == TAKEN && strcmp(a->owners[i], b->owners[i])))
			return false;
	return a->joins == b->joins;
}

/* Where an unfinished join went is only known afterwards: to one host that was free. */
static void find_join(const struct model *before, const struct model *after, struct word *w)
{
	for (unsigned int i = 1; w->verb == JOIN && i <= HOSTS; i++)
		if (before->hosts[i] == FREE && after->hosts[i] == TAKEN) {
			w->host = i;
			memcpy(w->device, after->owners[i], CTL_ID_LEN);
		}
}

/* Follows what the worker says; kills it after so many words, at some point of what it does then.
 * *w: what it had not finished. */
static unsigned int follow(int fd, pid_t pid, unsigned int words, struct model *m, struct word *w)
{
	struct word next;
	unsigned int n = 0;

	memset(w, 0, sizeof(*w));
	w->done = true;
	while (read(fd, &next, sizeof(next)) == sizeof(next)) {
		if (words && !--words) {
			usleep((useconds_t)(rand() % 8000));
			kill(pid, SIGKILL);
		}
		*w = next;
		if (!next.done)
			continue;
		apply(m, &next);
		m->revision = next.revision;
		n++;
	}
	return n;
}

static void check_after_death(const char *path, struct model *m, struct word *unfinished)
{
	struct ctl_store *s = open_store(path);
	struct model found;

	assert_int_equal(ctl_db_check(ctl_store_db(s)), 0);
	read_model(s, &found);
	assert_in_range(found.revision, m->revision, m->revision + !unfinished->done);
	if (!same(m, &found)) {
		assert_false(unfinished->done);
		find_join(m, &found, unfinished);
		apply(m, unfinished);
		assert_true(same(m, &found));
	}
	m->revision = found.revision;
	ctl_store_close(s);
}

static pid_t start(void (*work_fn)(const char *path, int fd), const char *path, int pipe_fds[2])
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	close(pipe_fds[0]);
	work_fn(path, pipe_fds[1]);
	_exit(0);
}

static void test_killed(void **state)
{
	char *path = store_file_new();
	struct model m = {0};
	struct word unfinished;
	unsigned int n = 0;
	int fds[2], status;
	pid_t pid;

	(void)state;
	make_world(path, 0);
	m.revision = 1;
	for (int i = 0; i < DEATHS; i++) {
		srand((unsigned int)i);
		assert_int_equal(pipe(fds), 0);
		pid = start(work, path, fds);
		close(fds[1]);
		n += follow(fds[0], pid, 1 + (unsigned int)(rand() % 40), &m, &unfinished);
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status)); /* not by an error of its own before */
		check_after_death(path, &m, &unfinished);
	}
	print_message("%u changes, %d deaths\n", n, DEATHS);
	assert_true(n > DEATHS);
	store_file_free(path);
}

/* --- several at once --- */

static void open_only(const char *path, int fd)
{
	struct ctl_store *s;
	uint64_t epoch;

	if (ctl_store_open(&s, path))
		_exit(4);
	epoch = ctl_store_epoch(s);
	if (write(fd, &epoch, sizeof(epoch)) != sizeof(epoch))
		_exit(2);
	ctl_store_close(s);
}

static void join_all(const char *path, int fd)
{
	struct ctl_store *s;
	struct word w;

	if (ctl_store_open(&s, path))
		_exit(4);
	for (;;) {
		memset(&w, 0, sizeof(w));
		if (ctl_begin(s, "worker", &err))
			_exit(5);
		if (join(s, &w))
			break;
		if (ctl_commit(s, &err))
			_exit(7);
		say(fd, &w);
	}
	ctl_rollback(s);
	if (err.code != CTL_UNAUTHENTICATED)
		_exit(6);
	ctl_store_close(s);
}

/* Reads what WORKERS of them say, as one stream of pieces of `size` bytes; fn for each. */
static void run_workers(void (*work_fn)(const char *path, int fd), const char *path, size_t size,
			void (*fn)(void *arg, const void *piece), void *arg)
{
	pid_t pids[WORKERS];
	char piece[sizeof(struct word)];
	int fds[2], status;

	assert_int_equal(pipe(fds), 0);
	for (int i = 0; i < WORKERS; i++)
		pids[i] = start(work_fn, path, fds);
	close(fds[1]);
	while (read(fds[0], piece, size) == (ssize_t)size)
		fn(arg, piece);
	close(fds[0]);
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static void same_epoch(void *arg, const void *piece)
{
	uint64_t *epoch = arg, its;

	memcpy(&its, piece, sizeof(its));
	assert_true(its && (!*epoch || *epoch == its));
	*epoch = its;
}

/* Whoever comes first makes the schema, the others find it. */
static void test_opened_by_several(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		char *path = store_file_new();
		uint64_t epoch = 0;

		run_workers(open_only, path, sizeof(epoch), same_epoch, &epoch);
		assert_true(epoch != 0);
		store_file_free(path);
	}
}

struct given {
	bool hosts[SHARED_JOIN + 1];
	unsigned int n;
};

static void give(void *arg, const void *piece)
{
	const struct word *w = piece;
	struct given *g = arg;

	assert_in_range(w->host, 1, SHARED_JOIN);
	assert_false(g->hosts[w->host]);
	g->hosts[w->host] = true;
	g->n++;
}

/* Together they use the key exactly as often as it may be, and get the addresses in a row. */
static void test_joined_by_several(void **state)
{
	char *path = store_file_new();
	struct given given = {0};
	struct ctl_store *s;

	(void)state;
	make_world(path, SHARED_JOIN);
	run_workers(join_all, path, sizeof(struct word), give, &given);
	assert_int_equal(given.n, SHARED_JOIN);
	s = open_store(path);
	assert_int_equal(count(s, "SELECT uses FROM auth_key"), SHARED_JOIN);
	assert_int_equal(count(s, "SELECT count(*) FROM peer"), SHARED_JOIN);
	assert_int_equal(ctl_store_revision(s), SHARED_JOIN + 1);
	ctl_store_close(s);
	store_file_free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_opened_by_several),
		cmocka_unit_test(test_joined_by_several),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
