// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a WireGuard device is told when its configuration changes, as wireguard-go reads it; and
 * what its answers are taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "crypto.h"
#include "wireguard_plan.h"
#include "wireguard_uapi.h"

#define KEY_A	 "public_key=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
#define KEY_B	 "public_key=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
#define PREFIXES 2

struct world {
	struct tp_wireguard_prefix a[PREFIXES], b[PREFIXES];
	struct tp_wireguard_peer peers[2];
	struct tp_wireguard_config config;
};

static struct tp_wireguard_prefix prefix(const char *text)
{
	struct tp_wireguard_prefix p;
	unsigned int bits;

	assert_int_equal(tp_addr_parse_cidr(text, &p.addr, &bits), 0);
	p.bits = (uint8_t)bits;
	return p;
}

/* Alice with two prefixes and an endpoint; Bob, who is not there yet, with one. */
static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->a[0] = prefix("100.64.1.1/32");
	w->a[1] = prefix("10.1.0.0/16");
	w->b[0] = prefix("100.64.1.2/32");
	memset(w->peers[0].public_key, 0xaa, WG_KEY_LEN);
	memset(w->peers[1].public_key, 0xbb, WG_KEY_LEN);
	w->peers[0].allowed = w->a;
	w->peers[0].n_allowed = 2;
	w->peers[0].keepalive = 25;
	assert_int_equal(tp_endpoint_parse("203.0.113.99:443", &w->peers[0].endpoint), 0);
	w->peers[1].allowed = w->b;
	w->peers[1].n_allowed = 1;
	memset(w->config.private_key, 0x11, WG_KEY_LEN);
	w->config.listen_port = 51820;
	w->config.peers = w->peers;
	w->config.n_peers = 1;
}

static struct tp_wireguard_state *state_of(const struct tp_wireguard_config *config)
{
	struct tp_wireguard_state *state;
	const char *why;

	assert_int_equal(tp_wireguard_state_of(&state, config, &why), 0);
	return state;
}

/* The text of the changes between two configurations; `was` NULL: from a device that is new. */
static char *changes(const struct world *was, const struct world *is)
{
	struct tp_wireguard_state *from = was ? state_of(&was->config) : tp_wireguard_state_new();
	struct tp_wireguard_state *to = state_of(&is->config);
	struct tp_wireguard_plan plan;
	size_t len;
	char *text, *copy;

	assert_non_null(from);
	assert_int_equal(tp_wireguard_plan(&plan, from, to, &is->config), 0);
	text = tp_wireguard_uapi_text(&plan, &len);
	copy = strndup(text, len);
	tp_wireguard_uapi_free(text, len);
	tp_wireguard_plan_fini(&plan);
	tp_wireguard_state_free(from);
	tp_wireguard_state_free(to);
	return copy;
}

static void changes_are(const struct world *was, const struct world *is, const char *expected)
{
	char *text = changes(was, is);

	assert_string_equal(text, expected);
	free(text);
}

static void a_new_device_is_told_all(void **state)
{
	struct world w;
	char *text;

	(void)state;
	world_init(&w);
	text = changes(NULL, &w);
	assert_non_null(strstr(text, "private_key=1111"));
	assert_non_null(strstr(text, "listen_port=51820\n"));
	assert_non_null(strstr(text, KEY_A));
	assert_non_null(strstr(text, "endpoint=203.0.113.99:443\n"));
	assert_non_null(strstr(text, "persistent_keepalive_interval=25\n"));
	assert_non_null(strstr(text, "allowed_ip=100.64.1.1/32\n"));
	assert_non_null(strstr(text, "allowed_ip=10.1.0.0/16\n"));
	free(text);
}

static void nothing_changed_nothing_told(void **state)
{
	struct world was, is;

	(void)state;
	world_init(&was);
	world_init(&is);
	changes_are(&was, &is, "set=1\n\n");
}

/* Neither the port, which would rebind, nor the other peer, whose endpoint may have roamed. */
static void a_new_peer_is_all_that_is_told(void **state)
{
	struct world was, is;
	char *text;

	(void)state;
	world_init(&was);
	world_init(&is);
	is.config.n_peers = 2;
	text = changes(&was, &is);
	assert_null(strstr(text, "listen_port"));
	assert_null(strstr(text, "private_key"));
	assert_null(strstr(text, KEY_A));
	assert_null(strstr(text, "replace"));
	assert_non_null(strstr(text, KEY_B));
	assert_non_null(strstr(text, "allowed_ip=100.64.1.2/32\n"));
	free(text);
}

static void a_peer_goes_alone(void **state)
{
	struct world was, is;

	(void)state;
	world_init(&was);
	world_init(&is);
	was.config.n_peers = 2;
	changes_are(&was, &is, "set=1\n" KEY_B "remove=true\n\n");
}

static void an_endpoint_is_told_only_when_it_changed(void **state)
{
	struct world was, is;

	(void)state;
	world_init(&was);
	world_init(&is);
	assert_int_equal(tp_endpoint_parse("203.0.113.99:444", &is.peers[0].endpoint), 0);
	changes_are(&was, &is, "set=1\n" KEY_A "update_only=true\nendpoint=203.0.113.99:444\n\n");
}

static void a_prefix_moves_without_a_gap(void **state)
{
	struct world was, is;

	(void)state;
	world_init(&was);
	world_init(&is);
	was.config.n_peers = is.config.n_peers = 2;
	is.peers[0].n_allowed = 1;
	is.b[1] = prefix("10.1.0.0/16");
	is.peers[1].n_allowed = 2;
	changes_are(&was, &is, "set=1\n" KEY_B "update_only=true\nallowed_ip=10.1.0.0/16\n\n");
}

/* It moves to a peer made for that, which is then removed: no list is ever replaced. */
static void a_prefix_is_lost_and_the_others_stay(void **state)
{
	struct world was, is;
	char *text, *made, *gone;

	(void)state;
	world_init(&was);
	world_init(&is);
	is.peers[0].n_allowed = 1;
	text = changes(&was, &is);
	assert_null(strstr(text, KEY_A));
	assert_null(strstr(text, "replace"));
	assert_null(strstr(text, "100.64.1.1/32"));
	made = strstr(text, "allowed_ip=10.1.0.0/16\n");
	gone = strstr(text, "remove=true\n");
	assert_true(made && gone && made < gone);
	free(text);
}

static void what_is_there_twice_is_refused(void **state)
{
	struct tp_wireguard_state *out;
	const char *why = NULL;
	struct world w;

	(void)state;
	world_init(&w);
	w.config.n_peers = 2;
	memset(w.peers[1].public_key, 0xaa, WG_KEY_LEN);
	assert_int_equal(tp_wireguard_state_of(&out, &w.config, &why), -EINVAL);
	assert_non_null(why);
	world_init(&w);
	w.config.n_peers = 2;
	w.b[0] = w.a[0];
	assert_int_equal(tp_wireguard_state_of(&out, &w.config, &why), -EINVAL);
}

static void what_is_saved_has_no_secrets(void **state)
{
	struct tp_wireguard_state *s, *back;
	char secret[TP_KEY_STRLEN], *text;
	struct world w;
	json_t *saved;

	(void)state;
	world_init(&w);
	memset(w.peers[0].preshared_key, 0x22, WG_KEY_LEN);
	s = state_of(&w.config);
	saved = tp_wireguard_state_save(s);
	text = json_dumps(saved, JSON_ENCODE_ANY);
	assert_null(strstr(text, tp_key_format(w.config.private_key, secret)));
	assert_null(strstr(text, tp_key_format(w.peers[0].preshared_key, secret)));
	assert_int_equal(tp_wireguard_state_load(&back, saved), 0);
	tp_wireguard_state_free(back);
	json_object_clear(saved);
	json_object_set_new(saved, "peers", json_integer(1));
	assert_int_equal(tp_wireguard_state_load(&back, saved), -EINVAL);
	free(text);
	json_decref(saved);
	tp_wireguard_state_free(s);
}

/* --- answers -------------------------------------------------------------------------------- */

static int answer(const char *text)
{
	struct tp_wireguard_state *s = tp_wireguard_state_new();
	struct tp_wireguard_sink sink = tp_wireguard_state_sink(s);
	struct tp_wireguard_uapi_reader reader;
	int err = 1;

	tp_wireguard_uapi_init(&reader, &sink);
	for (size_t i = 0; text[i] && err == 1; i++) /* a byte at a time */
		err = tp_wireguard_uapi_feed(&reader, text + i, 1);
	tp_wireguard_uapi_fini(&reader);
	tp_wireguard_state_free(s);
	return err;
}

static void answers_are_read(void **state)
{
	(void)state;
	assert_int_equal(answer("listen_port=51820\nerrno=0\n\n"), 0);
	assert_int_equal(answer("listen_port=51820\n" KEY_A "endpoint=203.0.113.99:443\n"
				"allowed_ip=100.64.1.1/32\nprotocol_version=1\nerrno=0\n\n"),
			 0);
	assert_int_equal(answer("errno=-98\n\n"), -98);
	assert_int_equal(answer("listen_port=51820\n"), 1);
}

static void what_is_no_answer(void **state)
{
	static const char *const wrong[] = {
		"listen_port=70000\nerrno=0\n\n",
		"public_key=aa\nerrno=0\n\n",
		KEY_A "allowed_ip=100.64.1.1/33\nerrno=0\n\n",
		KEY_A "endpoint=nowhere\nerrno=0\n\n",
		"no equals sign\n",
		"\n",
	};
	char line[600];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (answer(wrong[i]) != -EBADMSG)
			fail_msg("\"%s\" was taken: %d", wrong[i], answer(wrong[i]));
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = 0;
	assert_int_equal(answer(line), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_device_is_told_all),
		cmocka_unit_test(nothing_changed_nothing_told),
		cmocka_unit_test(a_new_peer_is_all_that_is_told),
		cmocka_unit_test(a_peer_goes_alone),
		cmocka_unit_test(an_endpoint_is_told_only_when_it_changed),
		cmocka_unit_test(a_prefix_moves_without_a_gap),
		cmocka_unit_test(a_prefix_is_lost_and_the_others_stay),
		cmocka_unit_test(what_is_there_twice_is_refused),
		cmocka_unit_test(what_is_saved_has_no_secrets),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(what_is_no_answer),
	};

	if (tp_crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
