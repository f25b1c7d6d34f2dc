/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two ends of an NCP session over a socket pair, or one end and a test that writes the bytes of the
 * other. */
#ifndef TESTS_NCP_PAIR_H
#define TESTS_NCP_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <jansson.h>

#include "clock.h"
#include "ncp.h"
#include "ncp_record.h"
#include "ncp_session.h"

#define PATIENCE TP_SEC(30)
#define NONE	 TP_NCP_N_ENDS
#define PROLOGUE TP_NCP_PROLOGUE, sizeof(TP_NCP_PROLOGUE) - 1

/* One end as its owner sees it. */
struct end {
	struct tp_ncp_session *session; /* NULL once it has ended */
	struct tp_noise_identity id;
	struct tp_ncp_session_config config;
	unsigned long ends[TP_NCP_N_ENDS];
	enum tp_ncp_end end;
	int accepted, established, messages, drained;
	int refuse;
	bool free_on_message, close_on_message, hello_at_once;
	uint8_t key[WG_KEY_LEN];
	json_t *last; /* message */
};

struct pair {
	struct event_base *base;
	struct end node, control;
	int fd; /* the other end of a pair, when the test itself is that end */
	struct tp_noise_ik handshake;
	struct tp_noise_transport keys;
	struct evbuffer *in;
	struct tp_ncp_reader reader;
};
extern struct pair f;

/* Turns the loop until the expression is true. */
#define UNTIL(expression)                                         \
	do {                                                      \
		uint64_t give_up_ = tp_now() + PATIENCE;          \
		while (!(expression)) {                           \
			assert_true(tp_now() < give_up_);         \
			event_base_loop(f.base, EVLOOP_NONBLOCK); \
		}                                                 \
	} while (0)

int setup(void **state);
int teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* --- both ends --- */

struct bufferevent *wrap(int fd);
void make_pair(int fds[2]);
int initiate(int fd, const uint8_t key[WG_KEY_LEN]);
void respond(int fd);
void send_text(struct end *e, const char *text);
/* The node's hello has come. */
void connect_both(void);

/* --- the test as one end --- */

void put(const void *data, size_t len);
void put_record(const void *data, size_t len);
void put_message(const char *text, size_t len);
void say(const char *text);
/* Reads what there is; false at the end of file. */
bool pull(void);
int take_record(uint8_t *out, size_t max);
json_t *take_message(void);
bool next_is(const char *type);
void expect_message(const char *type);
/* Control faces the test's bytes; has shaken hands with it, too. */
void face_control(void);
int write_first(uint8_t *msg, const char *payload);
void shake_hands(void);
void face_open_control(void);
void control_ends(enum tp_ncp_end end);

#endif
