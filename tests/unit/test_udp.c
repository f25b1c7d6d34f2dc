// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The UDP sockets over loopback: who gets what, from where, in what order and size. */
#include "tests/unit/udp_tools.h"

/* --- the group --- */

static int which_readable(struct tp_udp *group[TP_UDP_CLASSES])
{
	struct pollfd p[TP_UDP_CLASSES];

	for (int i = 0; i < TP_UDP_CLASSES; i++)
		p[i] = (struct pollfd){.fd = tp_udp_fd(group[i]), .events = POLLIN};
	assert_int_equal(poll(p, TP_UDP_CLASSES, WAIT_MS), 1);
	for (int i = 0; i < TP_UDP_CLASSES; i++) {
		if (p[i].revents)
			return i;
	}
	return -1;
}

static const struct {
	const char *what;
	enum tp_udp_class class;
	size_t len;
	uint8_t bytes[32];
} kinds[] = {
	{"initiation", TP_UDP_CONTROL, 32, {1, 0, 0, 0, 0, 0, 0, TAG}},
	{"response", TP_UDP_CONTROL, 32, {2, 0, 0, 0, 0, 0, 0, TAG}},
	{"cookie reply", TP_UDP_CONTROL, 32, {3, 0, 0, 0, 0, 0, 0, TAG}},
	{"STUN", TP_UDP_CONTROL, 20, {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}},
	{"own session", TP_UDP_SESSION, 32, {4, 0, 0, 0, 1, 2, 3, TAG}},
	{"other session", TP_UDP_DATA, 32, {4, 0, 0, 0, TAG, TAG, TAG, TAG + 1}},
	{"reserved bytes set", TP_UDP_CONTROL, 32, {4, 0, 1, 0, 1, 2, 3, TAG}},
	{"cut off at the index", TP_UDP_CONTROL, 7, {4, 0, 0, 0, 1, 2, 3}},
	{"one byte", TP_UDP_CONTROL, 1, {4}},
};

static void check_split(int family)
{
	struct tp_udp *group[TP_UDP_CLASSES];
	struct tp_udp_batch *b = new_batch();

	assert_int_equal(tp_udp_open_group(group, family, 0, TAG), 0);
	/* From several ports: a split by hash would not come out right by chance. */
	for (int n = 0; n < 8; n++) {
		struct tp_udp *from = open_one(family);

		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			struct tp_udp_datagram d =
				to(group[0], family, kinds[i].bytes, kinds[i].len);
			int at;

			assert_int_equal(tp_udp_send(from, &d), 0);
			at = which_readable(group);
			if (at != (int)kinds[i].class)
				fail_msg("%s went to socket %d", kinds[i].what, at);
			d = receive(group[at], b);
			assert_int_equal(d.len, kinds[i].len);
			assert_memory_equal(d.data, kinds[i].bytes, d.len);
			assert_int_equal(d.peer.port, tp_udp_port(from));
		}
		tp_udp_close(from);
	}
	for (int i = 0; i < TP_UDP_CLASSES; i++)
		tp_udp_close(group[i]);
	tp_udp_batch_free(b);
}

static void test_split(void **state)
{
	(void)state;
	check_split(AF_INET);
	check_split(AF_INET6);
}

static void test_one_owner(void **state)
{
	struct tp_udp *group[TP_UDP_CLASSES], *other[TP_UDP_CLASSES], *single;
	uint16_t port;

	(void)state;
	assert_int_equal(tp_udp_open_group(group, AF_INET, 0, TAG), 0);
	port = tp_udp_port(group[0]);
	assert_int_equal(tp_udp_open_group(other, AF_INET, port, TAG), -EADDRINUSE);
	assert_null(other[0]);
	assert_int_equal(tp_udp_open(&single, AF_INET, port), -EADDRINUSE);
	assert_null(single);
	/* The other family is another matter. */
	assert_int_equal(tp_udp_open_group(other, AF_INET6, port, TAG), 0);
	for (int i = 0; i < TP_UDP_CLASSES; i++) {
		tp_udp_close(group[i]);
		tp_udp_close(other[i]);
	}
}

/* --- addresses and the TOS byte --- */

static void check_local(int family, struct tp_addr local)
{
	struct tp_udp *a = open_one(family), *b = open_one(family);
	struct tp_udp_batch *batch = new_batch();
	struct tp_udp_datagram d = to(b, family, "there", 5), got;

	d.peer.addr = local;
	d.tos = 0xb9; /* EF, ECT(1) */
	assert_int_equal(tp_udp_send(a, &d), 0);
	got = receive(b, batch);
	assert_true(tp_addr_equal(&got.local, &local));
	assert_int_equal(got.peer.port, tp_udp_port(a));
	assert_int_equal(got.tos, 0xb9);

	/* The answer comes from the address that was asked. */
	got.data = (const uint8_t *)"back";
	got.len = 4;
	got.tos = 0x03;
	assert_int_equal(tp_udp_send(b, &got), 0);
	got = receive(a, batch);
	assert_true(tp_addr_equal(&got.peer.addr, &local));
	assert_int_equal(got.tos, 0x03);
	assert_memory_equal(got.data, "back", 4);

	tp_udp_batch_free(batch);
	tp_udp_close(a);
	tp_udp_close(b);
}

static void test_local(void **state)
{
	(void)state;
	check_local(AF_INET, loopback(AF_INET));
	check_local(AF_INET, second(AF_INET));
	check_local(AF_INET6, loopback(AF_INET6));
	if (isolated)
		check_local(AF_INET6, second(AF_INET6));
}

static void test_empty_datagram(void **state)
{
	struct tp_udp *u = open_one(AF_INET);
	struct tp_udp_batch *batch = new_batch();
	struct tp_udp_datagram none = to(u, AF_INET, "", 0), some = to(u, AF_INET, "x", 1), got;

	(void)state;
	assert_int_equal(tp_udp_queue(u, &none), 0);
	assert_int_equal(tp_udp_queue(u, &none), 0);
	assert_int_equal(tp_udp_queue(u, &some), 0);
	assert_int_equal(tp_udp_flush(u, NULL, NULL), 3);
	got = receive(u, batch);
	assert_int_equal(got.len, 1);
	tp_udp_batch_free(batch);
	tp_udp_close(u);
}

/* --- batches --- */

/* Queues `count` datagrams of `size` bytes, told apart by their first two. */
static void queue_many(struct tp_udp *u, const struct tp_udp_datagram *d, uint8_t *store,
		       unsigned int count, size_t size)
{
	for (unsigned int i = 0; i < count; i++) {
		struct tp_udp_datagram one = *d;

		memset(store + i * size, (int)i, size);
		store[i * size] = (uint8_t)(i >> 8);
		one.data = store + i * size;
		one.len = size;
		assert_int_equal(tp_udp_queue(u, &one), 0);
	}
}

/* Takes them, in order. Returns how many reads it took. */
static int expect_many(struct tp_udp *u, struct tp_udp_batch *b, const uint8_t *store,
		       unsigned int count, size_t size)
{
	int reads = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct tp_udp_datagram d = next(u, b, &reads);

		assert_int_equal(d.len, size);
		assert_memory_equal(d.data, store + i * size, size);
	}
	return reads;
}

static void check_train(int family)
{
	enum { COUNT = 150, SIZE = 1200 };
	struct tp_udp *from = open_one(family), *one = open_one(family), *two = open_one(family);
	struct tp_udp_datagram first = to(one, family, NULL, 0), other = to(two, family, NULL, 0);
	struct tp_udp_datagram tail = to(one, family, "a shorter one", 13), got;
	struct tp_udp_batch *batch = new_batch();
	uint8_t *store = malloc(COUNT * SIZE), *more = malloc(COUNT * SIZE);
	unsigned int failed = 0;
	int reads;

	queue_many(from, &first, store, COUNT, SIZE);
	assert_int_equal(tp_udp_queue(from, &tail), 0);
	queue_many(from, &other, more, 3, 100);
	assert_int_equal(tp_udp_flush(from, count_failed, &failed), COUNT + 1 + 3);
	assert_int_equal(failed, 0);

	reads = expect_many(one, batch, store, COUNT, SIZE);
	got = next(one, batch, &reads);
	assert_int_equal(got.len, tail.len);
	assert_memory_equal(got.data, tail.data, tail.len);
	assert_int_equal(got.peer.port, tp_udp_port(from));
	assert_true(reads < COUNT / 10); /* in trains */
	expect_many(two, batch, more, 3, 100);

	assert_int_equal(tp_udp_flush(from, count_failed, &failed), 0);
	free(store);
	free(more);
	tp_udp_batch_free(batch);
	tp_udp_close(from);
	tp_udp_close(one);
	tp_udp_close(two);
}

static void test_train(void **state)
{
	(void)state;
	check_train(AF_INET);
	check_train(AF_INET6);
}

/* Runs end where the way, the mark or the size changes, and every datagram keeps its own. */
static void test_run_ends(void **state)
{
	static const struct {
		size_t len;
		uint8_t tos;
	} sent[] = {{100, 0}, {100, 0}, {100, 2}, {50, 2}, {100, 2}, {200, 2}, {1, 2}};
	static const uint8_t data[200];
	struct tp_udp *u = open_one(AF_INET);
	struct tp_udp_batch *batch = new_batch();
	int n = sizeof(sent) / sizeof(sent[0]);

	(void)state;
	for (int i = 0; i < n; i++) {
		struct tp_udp_datagram d = to(u, AF_INET, data, sent[i].len);

		d.tos = sent[i].tos;
		d.local = i < 1 ? loopback(AF_INET) : second(AF_INET);
		assert_int_equal(tp_udp_queue(u, &d), 0);
	}
	assert_int_equal(tp_udp_flush(u, NULL, NULL), n);
	for (int i = 0; i < n; i++) {
		struct tp_udp_datagram d = receive(u, batch);
		struct tp_addr from = i < 1 ? loopback(AF_INET) : second(AF_INET);

		assert_int_equal(d.len, sent[i].len);
		assert_int_equal(d.tos, sent[i].tos);
		assert_true(tp_addr_equal(&d.peer.addr, &from));
	}
	tp_udp_batch_free(batch);
	tp_udp_close(u);
}

/* Segments above the MTU are refused as a train, and fragmented one by one. */
static void check_fragments(int family)
{
	enum { COUNT = 10, SIZE = MTU + 500 };
	struct tp_udp *from = open_one(family), *u = open_one(family);
	struct tp_udp_datagram d = to(u, family, NULL, 0);
	struct tp_udp_batch *batch = new_batch();
	uint8_t *store = malloc(COUNT * SIZE);
	unsigned int failed = 0;

	queue_many(from, &d, store, COUNT, SIZE);
	assert_int_equal(tp_udp_flush(from, count_failed, &failed), COUNT);
	assert_int_equal(failed, 0);
	expect_many(u, batch, store, COUNT, SIZE);
	free(store);
	tp_udp_batch_free(batch);
	tp_udp_close(from);
	tp_udp_close(u);
}

static void test_fragments(void **state)
{
	(void)state;
	want_isolation();
	check_fragments(AF_INET);
	check_fragments(AF_INET6);
}

static void test_refusals(void **state)
{
	struct tp_udp *u = open_one(AF_INET);
	struct tp_udp_datagram good = to(u, AF_INET, "good", 4), bad = good, v6;
	struct tp_udp_batch *batch = new_batch();
	unsigned int failed = 0, n = 0;

	(void)state;
	v6 = to(u, AF_INET6, "v6", 2);
	assert_int_equal(tp_udp_send(u, &v6), -EAFNOSUPPORT);
	assert_int_equal(tp_udp_queue(u, &v6), -EAFNOSUPPORT);
	bad.len = TP_UDP_PAYLOAD_MAX + 1;
	assert_int_equal(tp_udp_queue(u, &bad), -EMSGSIZE);
	bad = good;
	bad.local = addr("192.0.2.77"); /* none of ours */
	assert_true(tp_udp_send(u, &bad) < 0);

	/* One that can't be sent costs nobody else. */
	assert_int_equal(tp_udp_queue(u, &good), 0);
	assert_int_equal(tp_udp_queue(u, &bad), 0);
	assert_int_equal(tp_udp_queue(u, &bad), 0);
	assert_int_equal(tp_udp_queue(u, &good), 0);
	assert_int_equal(tp_udp_flush(u, count_failed, &failed), 2);
	assert_int_equal(failed, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(receive(u, batch).len, 4);

	while (!tp_udp_queue(u, &good))
		n++;
	assert_int_equal(n, TP_UDP_QUEUE);
	assert_int_equal(tp_udp_queue(u, &good), -ENOBUFS);
	assert_int_equal(tp_udp_flush(u, NULL, NULL), TP_UDP_QUEUE);
	tp_udp_batch_free(batch);
	tp_udp_close(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),	  cmocka_unit_test(test_one_owner),
		cmocka_unit_test(test_local),	  cmocka_unit_test(test_empty_datagram),
		cmocka_unit_test(test_train),	  cmocka_unit_test(test_run_ends),
		cmocka_unit_test(test_fragments), cmocka_unit_test(test_refusals),
	};

	isolate();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
