// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sessions between two who mean well, and how they end on purpose. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "crypto.h"
#include "ncp_pair.h"

/* --- all is well ------------------------------------------------------------------------------ */

static void both_know_each_other(void **state)
{
	(void)state;
	connect_both();
	assert_int_equal(f.control.accepted, 1);
	assert_memory_equal(f.control.key, f.node.id.public_key, WG_KEY_LEN);
	assert_memory_equal(tp_ncp_session_key(f.node.session), f.control.id.public_key,
			    WG_KEY_LEN);
}

static void messages_both_ways(void **state)
{
	(void)state;
	connect_both();
	send_text(&f.control, "{\"type\":\"snapshot\",\"n\":1}");
	send_text(&f.control, "{\"type\":\"delta\",\"n\":2}");
	send_text(&f.node, "{\"type\":\"ack\",\"n\":3}");
	UNTIL(f.node.messages == 2 && f.control.messages == 2);
	assert_int_equal(json_integer_value(json_object_get(f.node.last, "n")), 2);
	assert_int_equal(json_integer_value(json_object_get(f.control.last, "n")), 3);
}

static void largest_message(void **state)
{
	size_t len = TP_NCP_TO_NODE_MAX;
	char *text = malloc(len + 1);
	int head = sprintf(text, "{\"type\":\"snapshot\",\"fill\":\"");

	(void)state;
	memset(text + head, 'x', len - (size_t)head);
	memcpy(text + len - 2, "\"}", 3);
	connect_both();
	assert_int_equal(tp_ncp_session_send_text(f.control.session, text, len + 1), -EMSGSIZE);
	send_text(&f.control, text);
	UNTIL(f.node.messages == 1);
	assert_int_equal(json_string_length(json_object_get(f.node.last, "fill")),
			 len - (size_t)head - 2);
	assert_int_equal(tp_ncp_session_send_text(f.node.session, text, TP_NCP_TO_CONTROL_MAX + 1),
			 -EMSGSIZE);
	UNTIL(f.control.drained > 0 && tp_ncp_session_unsent(f.control.session) == 0);
	assert_non_null(f.node.session);
	free(text);
}

static void keepalive_when_idle(void **state)
{
	(void)state;
	f.control.config.ping_ms = 5;
	f.control.config.dead_ms = f.node.config.dead_ms = 20000;
	face_open_control();
	for (int i = 0; i < 3; i++) {
		expect_message("ping");
		say("{\"type\":\"pong\"}");
	}
	say("{\"type\":\"ping\"}");
	while (!next_is("pong"))
		;
	assert_int_equal(f.control.messages, 1); /* the owner sees none of these */
	assert_non_null(f.control.session);
}

/* --- ends on purpose -------------------------------------------------------------------------- */

static void polite_close(void **state)
{
	json_t *bye = json_pack("{s:s}", "type", "bye");

	(void)state;
	connect_both();
	send_text(&f.control, "{\"type\":\"delta\"}");
	tp_ncp_session_close(f.control.session, bye);
	assert_int_equal(tp_ncp_session_send(f.control.session, bye), -ENOTCONN);
	UNTIL(f.node.end != NONE);
	assert_int_equal(f.node.end, TP_NCP_END_BYE);
	assert_int_equal(f.node.messages, 1);
	control_ends(TP_NCP_END_HERE);
	json_decref(bye);
}

static void close_does_not_wait_for_ever(void **state)
{
	(void)state;
	f.control.config.linger_ms = 20;
	face_open_control();
	tp_ncp_session_close(f.control.session, NULL);
	control_ends(TP_NCP_END_HERE);
}

static void close_in_a_callback(void **state)
{
	(void)state;
	f.control.close_on_message = true;
	face_control();
	shake_hands();
	say("{\"type\":\"hello\",\"answer\":{\"type\":\"error\"}}");
	say("{\"type\":\"ack\"}");
	expect_message("error");
	shutdown(f.fd, SHUT_WR);
	control_ends(TP_NCP_END_HERE);
	assert_int_equal(f.control.messages, 1);
}

static void free_in_a_callback(void **state)
{
	(void)state;
	f.control.free_on_message = true;
	face_control();
	shake_hands();
	say("{\"type\":\"hello\"}");
	say("{\"type\":\"ack\"}");
	UNTIL(!pull());
	assert_int_equal(f.control.messages, 1);
	assert_int_equal(f.control.end, NONE);
}

static void names_of_ends(void **state)
{
	(void)state;
	for (int i = 0; i < TP_NCP_N_ENDS; i++)
		assert_string_not_equal(tp_ncp_end_name((enum tp_ncp_end)i), "unknown");
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_know_each_other), TEST(messages_both_ways),
		TEST(largest_message),	    TEST(keepalive_when_idle),
		TEST(polite_close),	    TEST(close_does_not_wait_for_ever),
		TEST(close_in_a_callback),  TEST(free_in_a_callback),
		TEST(names_of_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
