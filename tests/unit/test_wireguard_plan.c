// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every kind of change to a WireGuard config, and exactly what is then told to the device. Configs
 * and plans are written as lines:
 *
 *	"key 1; port 9; mark 3; A @192.0.2.1:7 ~25 !5 10.0.0.0/24 fd00::/64"
 *
 * a peer is a letter, ~ its keepalive, ! a preshared key. In a plan "A+" is a new peer, "A=" one
 *that stays, "A-" one that goes; S is the one made to take prefixes away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "crypto.h"
#include "wireguard_plan.h"

#define PEERS	 8
#define PREFIXES 8

struct written {
	struct tp_wireguard_config config;
	struct tp_wireguard_peer peers[PEERS];
	struct tp_wireguard_prefix prefixes[PEERS][PREFIXES];
};

/* --- configs as text --- */

static void write_key(uint8_t key[WG_KEY_LEN], int value)
{
	memset(key, value, WG_KEY_LEN);
}

static void add_prefix(struct written *w, struct tp_wireguard_peer *peer, const char *cidr)
{
	struct tp_wireguard_prefix *prefix = &w->prefixes[w->config.n_peers - 1][peer->n_allowed++];
	unsigned int bits;

	assert_int_equal(tp_addr_parse_cidr(cidr, &prefix->addr, &bits), 0);
	prefix->bits = (uint8_t)bits;
}

static void write_word(struct written *w, struct tp_wireguard_peer *peer, const char *word)
{
	switch (*word) {
	case '@': assert_int_equal(tp_endpoint_parse(word + 1, &peer->endpoint), 0); break;
	case '~': peer->keepalive = (uint16_t)atoi(word + 1); break;
	case '!': write_key(peer->preshared_key, atoi(word + 1)); break;
	default: add_prefix(w, peer, word);
	}
}

static void write_peer(struct written *w, char *line)
{
	size_t n = w->config.n_peers++;
	char *save, *word = strtok_r(line, " ", &save);

	write_key(w->peers[n].public_key, *word);
	w->peers[n].allowed = w->prefixes[n];
	while ((word = strtok_r(NULL, " ", &save)))
		write_word(w, &w->peers[n], word);
}

static void write_config(struct written *w, const char *text)
{
	char copy[512], *save, *line;
	unsigned int n;

	memset(w, 0, sizeof(*w));
	w->config.peers = w->peers;
	snprintf(copy, sizeof(copy), "%s", text);
	for (line = strtok_r(copy, ";", &save); line; line = strtok_r(NULL, ";", &save)) {
		line += strspn(line, " ");
		if (sscanf(line, "key %u", &n) == 1)
			write_key(w->config.private_key, (int)n);
		else if (sscanf(line, "port %u", &n) == 1)
			w->config.listen_port = (uint16_t)n;
		else if (sscanf(line, "mark %u", &n) == 1)
			w->config.fwmark = n;
		else
			write_peer(w, line);
	}
}

static struct tp_wireguard_state *state_of(struct written *w, const char *text)
{
	struct tp_wireguard_state *state;
	const char *why;

	write_config(w, text);
	assert_int_equal(tp_wireguard_state_of(&state, &w->config, &why), 0);
	return state;
}

/* --- plans as text --- */

struct text {
	char buf[1024];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void print(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += (size_t)vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, args);
	va_end(args);
	assert_true(t->len < sizeof(t->buf));
}

static void print_key(struct text *t, const uint8_t key[WG_KEY_LEN])
{
	bool written = true;

	for (int i = 1; i < WG_KEY_LEN; i++)
		written = written && key[i] == key[0];
	print(t, "%c", written ? key[0] : 'S');
}

static void print_peer(struct text *t, const struct tp_wireguard_peer_change *peer)
{
	char buf[TP_ADDR_STRLEN];

	print(t, "%s", t->len ? "; " : "");
	print_key(t, peer->public_key);
	print(t, "%c", peer->remove ? '-' : peer->update_only ? '=' : '+');
	if (peer->endpoint.port)
		print(t, " @%s", tp_endpoint_format(&peer->endpoint, buf));
	if (peer->keepalive >= 0)
		print(t, " ~%d", peer->keepalive);
	if (peer->preshared_key)
		print(t, " !%d", peer->preshared_key[0]);
	for (size_t i = 0; i < peer->n_allowed; i++)
		print(t, " %s/%u", tp_addr_format(&peer->allowed[i].addr, buf),
		      peer->allowed[i].bits);
}

static void print_plan(struct text *t, const struct tp_wireguard_plan *plan)
{
	memset(t, 0, sizeof(*t));
	if (plan->device.private_key)
		print(t, "key %d", plan->device.private_key[0]);
	if (plan->device.listen_port >= 0)
		print(t, "%sport %d", t->len ? "; " : "", plan->device.listen_port);
	if (plan->device.fwmark >= 0)
		print(t, "%smark %d", t->len ? "; " : "", (int)plan->device.fwmark);
	for (size_t i = 0; i < plan->n_peers; i++)
		print_peer(t, &plan->peers[i]);
	assert_int_equal(!t->len, tp_wireguard_plan_is_empty(plan));
}

static void states_become(const struct tp_wireguard_state *from, struct written *w, const char *to,
			  const char *expected)
{
	struct tp_wireguard_state *target = state_of(w, to);
	struct tp_wireguard_plan plan;
	struct text t;

	assert_int_equal(tp_wireguard_plan(&plan, from, target, &w->config), 0);
	print_plan(&t, &plan);
	assert_string_equal(t.buf, expected);
	tp_wireguard_plan_fini(&plan);
	tp_wireguard_state_free(target);
}

static void becomes(const char *from, const char *to, const char *expected)
{
	struct written before, after;
	struct tp_wireguard_state *state = state_of(&before, from);

	states_become(state, &after, to, expected);
	tp_wireguard_state_free(state);
}

/* --- the device and its peers --- */

static void test_from_nothing(void **unused)
{
	(void)unused;
	becomes("", "key 1; port 9; mark 3; A @192.0.2.1:7 ~25 !5 10.0.0.0/24; B",
		"key 1; port 9; mark 3; A+ @192.0.2.1:7 ~25 !5 10.0.0.0/24; B+");
}

static void test_nothing(void **unused)
{
	const char *text = "key 1; port 9; mark 3; A @192.0.2.1:7 ~25 !5 10.0.0.0/24; B fd00::/64";

	(void)unused;
	becomes(text, text, "");
	becomes("A 10.0.0.1/24 10.0.0.0/24", "A 10.0.0.2/24", ""); /* one and the same prefix */
	becomes("A; B", "B; A", "");
}

static void test_device(void **unused)
{
	(void)unused;
	becomes("key 1; port 9; A", "key 1; port 10; A", "port 10");
	becomes("key 1; port 9; A", "key 1; A", ""); /* any port will do, also this one */
	becomes("key 1; mark 3", "key 1", "mark 0");
	becomes("key 1; A", "key 2; A", "key 2");
	/* The prints of preshared keys are made with the private key. */
	becomes("key 1; A !5; B", "key 2; A !5; B", "key 2; A= !5");
}

static void test_peers(void **unused)
{
	(void)unused;
	becomes("A; B", "A; B; C 10.0.0.0/8", "C+ 10.0.0.0/8");
	becomes("A; B 10.0.0.0/8; C", "A; C", "B-");
	becomes("A @192.0.2.1:7; B", "A @192.0.2.1:8; B", "A= @192.0.2.1:8");
	becomes("A", "A @[2001:db8::1]:8", "A= @[2001:db8::1]:8");
	becomes("A @192.0.2.1:7", "A", ""); /* it keeps the one that it has */
	becomes("A ~25", "A ~26", "A= ~26");
	becomes("A ~25", "A", "A= ~0");
	becomes("A", "A !5", "A= !5");
	becomes("A !5", "A !6", "A= !6");
	becomes("A !5", "A", "A= !0");
}

/* --- prefixes --- */

static void test_prefix_added(void **unused)
{
	(void)unused;
	becomes("A 10.1.0.0/16", "A 10.1.0.0/16 10.2.0.0/16", "A= 10.2.0.0/16");
	becomes("A 10.1.0.0/16", "A 10.1.0.0/16 10.1.0.0/24", "A= 10.1.0.0/24");
}

static void test_prefix_lost(void **unused)
{
	(void)unused;
	becomes("A 10.1.0.0/16 10.2.0.0/16", "A 10.1.0.0/16", "S+ 10.2.0.0/16; S-");
	becomes("A 10.1.0.0/16; B fd00::/8; C", "A; B", "S+ 10.1.0.0/16 fd00::/8; C-; S-");
	becomes("A 10.1.0.0/16", "A 10.2.0.0/16", "S+ 10.1.0.0/16; A= 10.2.0.0/16; S-");
}

static void test_prefix_moves(void **unused)
{
	(void)unused;
	becomes("A 10.1.0.0/16; B", "A; B 10.1.0.0/16", "B= 10.1.0.0/16");
	becomes("A 10.1.0.0/16; B 10.2.0.0/16", "A 10.2.0.0/16; B 10.1.0.0/16",
		"A= 10.2.0.0/16; B= 10.1.0.0/16");
	becomes("A 10.1.0.0/16; B 10.2.0.0/16; C 10.3.0.0/16",
		"A 10.3.0.0/16; B 10.1.0.0/16; C 10.2.0.0/16",
		"A= 10.3.0.0/16; B= 10.1.0.0/16; C= 10.2.0.0/16");
	/* The new owner has it before the former one goes, so it is never without. */
	becomes("A 10.1.0.0/16", "B 10.1.0.0/16", "B+ 10.1.0.0/16; A-");
	becomes("A 10.1.0.0/16 10.2.0.0/16; B", "A; B 10.2.0.0/16",
		"S+ 10.1.0.0/16; B= 10.2.0.0/16; S-");
}

static void refused(const char *text)
{
	struct tp_wireguard_state *state = (void *)1;
	const char *why = NULL;
	struct written w;

	write_config(&w, text);
	assert_int_equal(tp_wireguard_state_of(&state, &w.config, &why), -EINVAL);
	assert_null(state);
	assert_non_null(why);
}

static void test_twice(void **unused)
{
	(void)unused;
	refused("A; B; A");
	refused("A 10.0.0.0/8; B 10.0.0.0/8");
	refused("A 10.0.0.1/8; B 10.0.0.2/8");
}

/* --- what a device tells --- */

static void see(struct tp_wireguard_state *state, const char *text)
{
	struct tp_wireguard_sink sink = tp_wireguard_state_sink(state);
	struct tp_wireguard_seen_device device = {0};
	struct tp_wireguard_seen_peer peer;
	struct written w;

	write_config(&w, text);
	memcpy(device.private_key, w.config.private_key, WG_KEY_LEN);
	device.listen_port = w.config.listen_port;
	assert_int_equal(sink.device(sink.ctx, &device), 0);
	for (size_t i = 0; i < w.config.n_peers; i++) {
		memset(&peer, 0, sizeof(peer));
		memcpy(peer.stats.public_key, w.peers[i].public_key, WG_KEY_LEN);
		memcpy(peer.preshared_key, w.peers[i].preshared_key, WG_KEY_LEN);
		peer.stats.endpoint = w.peers[i].endpoint;
		peer.keepalive = w.peers[i].keepalive;
		/* Prefixes may come before what else there is of their peer. */
		for (size_t j = 0; j < w.peers[i].n_allowed; j++)
			assert_int_equal(sink.allowed(sink.ctx, peer.stats.public_key,
						      &w.peers[i].allowed[j]),
					 0);
		assert_int_equal(sink.peer(sink.ctx, &peer), 0);
	}
}

/* `saved` (may be NULL) is what was applied last. */
static void seen_becomes(const char *seen, const char *saved, const char *to, const char *expected)
{
	struct tp_wireguard_state *state = tp_wireguard_state_new(), *wanted, *last = NULL;
	struct written w, before;

	assert_non_null(state);
	see(state, seen);
	if (saved)
		last = state_of(&before, saved);
	wanted = state_of(&w, to);
	tp_wireguard_state_endpoints(state, last, wanted);
	states_become(state, &w, to, expected);
	tp_wireguard_state_free(wanted);
	tp_wireguard_state_free(last);
	tp_wireguard_state_free(state);
}

static void test_adopted(void **unused)
{
	const char *text = "key 1; port 9; A @192.0.2.1:7 ~25 !5 10.0.0.0/24; B fd00::/64";

	(void)unused;
	seen_becomes(text, NULL, text, "");
	seen_becomes(text, text, text, "");
	seen_becomes("", NULL, "key 1; A @192.0.2.1:7", "key 1; A+ @192.0.2.1:7");
	seen_becomes("key 1; X 10.0.0.0/8; A", NULL, "key 1; A", "X-");
	seen_becomes("key 1; A 10.0.0.0/8", NULL, "key 1; A 10.1.0.0/16",
		     "S+ 10.0.0.0/8; A= 10.1.0.0/16; S-");
}

static void test_adopted_roamed(void **unused)
{
	const char *roamed = "key 1; A @198.51.100.1:9999 ~25";
	const char *config = "key 1; A @192.0.2.1:7 ~25", *other = "key 1; A @192.0.2.2:7 ~25";

	(void)unused;
	seen_becomes(roamed, NULL, config, "");
	seen_becomes(roamed, config, config, "");
	seen_becomes(roamed, config, other, "A= @192.0.2.2:7"); /* not roamed: changed */
	seen_becomes(roamed, "key 1; A", config, "");
	/* wireguard-go was started anew, or the host: it knows of no endpoint. */
	seen_becomes("key 1; A ~25", config, config, "A= @192.0.2.1:7");
}

/* --- across processes --- */

static void test_saved(void **unused)
{
	struct tp_wireguard_state *state, *back;
	struct written w;
	json_t *saved;
	char *text;

	(void)unused;
	state = state_of(&w, "key 1; A @192.0.2.1:7 !5 10.0.0.0/8; B @[2001:db8::1]:8; C");
	saved = tp_wireguard_state_save(state);
	assert_non_null(saved);
	text = json_dumps(saved, JSON_SORT_KEYS);
	assert_string_equal(text,
			    "{\"endpoints\": {\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\": "
			    "\"192.0.2.1:7\", \"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\": "
			    "\"[2001:db8::1]:8\"}}");
	assert_int_equal(tp_wireguard_state_load(&back, saved), 0);
	free(text);
	json_decref(saved);
	saved = tp_wireguard_state_save(back);
	text = json_dumps(saved, JSON_SORT_KEYS);
	assert_non_null(strstr(text, "\"192.0.2.1:7\""));
	assert_non_null(strstr(text, "\"[2001:db8::1]:8\""));
	free(text);
	json_decref(saved);
	tp_wireguard_state_free(back);
	tp_wireguard_state_free(state);
}

static void test_saved_wrong(void **unused)
{
	static const char *const wrong[] = {
		"[]",
		"{}",
		"{\"endpoints\": 7}",
		"{\"endpoints\": {\"QUFB\": \"192.0.2.1:7\"}}",
		"{\"endpoints\": {\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\": 7}}",
		"{\"endpoints\": {\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\": \"host:7\"}}",
	};
	struct tp_wireguard_state *state;
	json_t *saved;

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		saved = json_loads(wrong[i], 0, NULL);
		assert_int_equal(tp_wireguard_state_load(&state, saved), -EINVAL);
		assert_null(state);
		json_decref(saved);
	}
}

/* --- many --- */

#define MANY 50000

static void many_config(struct tp_wireguard_config *config, struct tp_wireguard_peer *peers,
			struct tp_wireguard_prefix *prefixes)
{
	for (uint32_t i = 0; i < MANY; i++) {
		memcpy(peers[i].public_key, &i, sizeof(i));
		prefixes[i].addr = tp_addr_from_v4((struct in_addr){htonl(0x0a000000 + i)});
		prefixes[i].bits = 32;
		peers[i].allowed = &prefixes[i];
		peers[i].n_allowed = 1;
	}
	*config = (struct tp_wireguard_config){.peers = peers, .n_peers = MANY};
}

/* Every peer's prefix moves to the next one: a quadratic way would take minutes. */
static void test_many(void **unused)
{
	struct tp_wireguard_peer *peers = calloc(MANY, sizeof(*peers));
	struct tp_wireguard_prefix *prefixes = calloc(MANY, sizeof(*prefixes));
	struct tp_wireguard_state *from, *to;
	struct tp_wireguard_config config;
	struct tp_wireguard_plan plan;
	const char *why;

	(void)unused;
	many_config(&config, peers, prefixes);
	assert_int_equal(tp_wireguard_state_of(&from, &config, &why), 0);
	for (int i = 0; i < MANY; i++)
		peers[i].allowed = &prefixes[(i + 1) % MANY];
	assert_int_equal(tp_wireguard_state_of(&to, &config, &why), 0);
	assert_int_equal(tp_wireguard_plan(&plan, from, to, &config), 0);
	assert_int_equal(plan.n_peers, MANY);
	assert_int_equal(plan.n_prefixes, MANY);
	tp_wireguard_plan_fini(&plan);
	tp_wireguard_state_free(from);
	tp_wireguard_state_free(to);
	free(prefixes);
	free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_nothing), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_device),	     cmocka_unit_test(test_peers),
		cmocka_unit_test(test_prefix_added), cmocka_unit_test(test_prefix_lost),
		cmocka_unit_test(test_prefix_moves), cmocka_unit_test(test_twice),
		cmocka_unit_test(test_adopted),	     cmocka_unit_test(test_adopted_roamed),
		cmocka_unit_test(test_saved),	     cmocka_unit_test(test_saved_wrong),
		cmocka_unit_test(test_many),
	};

	if (tp_crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
