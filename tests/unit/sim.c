/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "relay/datapath.h"
#include "relay/nexthop.h"

/* --- configuration --- */

void sim_config_init(struct sim_config *c)
{
	*c = (struct sim_config){
		.c =
			{
				.attach = RELAY_ATTACH_OFF,
				.listen_port = SIM_PORT,
				.service_address = sim_addr("100.127.255.1"),
				.limits = {.flows = 1000,
					   .flows_per_node = 100,
					   .handshakes_per_node = 50,
					   .stun_per_prefix = 20},
				.pin_path = "/nonexistent/turnpike",
				.instance = "sim",
			},
	};
	c->c.networks = c->networks;
	for (unsigned int i = 0; i < SIM_NETWORKS; i++)
		c->networks[i].nodes = c->nodes[i];
}

static char *everyone[] = {"* *"};

static struct relay_config_network *network(struct sim_config *c, const char *name)
{
	for (size_t i = 0; i < c->c.n_networks; i++)
		if (!strcmp(c->networks[i].name, name))
			return &c->networks[i];
	assert_true(c->c.n_networks < SIM_NETWORKS);
	c->networks[c->c.n_networks].name = (char *)name;
	c->networks[c->c.n_networks].admit = everyone;
	c->networks[c->c.n_networks].n_admit = 1;
	return &c->networks[c->c.n_networks++];
}

void sim_config_add(struct sim_config *c, const char *name, const struct sim_peer *p)
{
	struct relay_config_network *w = network(c, name);
	struct relay_config_node *n = &w->nodes[w->n_nodes++];

	assert_true(w->n_nodes <= SIM_NODES);
	n->name = (char *)p->name;
	memcpy(n->public_key, p->id.public_key, WG_KEY_LEN);
}

struct tp_endpoint sim_endpoint(const char *text)
{
	struct tp_endpoint e;

	assert_int_equal(tp_endpoint_parse(text, &e), 0);
	return e;
}

struct tp_addr sim_addr(const char *text)
{
	struct tp_addr a;

	assert_int_equal(tp_addr_parse(text, &a), 0);
	return a;
}

void sim_secret(const char *name, uint8_t secret[WG_KEY_LEN])
{
	const struct tp_span span = {name, strlen(name)};

	tp_hash(secret, &span, 1);
}

/* --- the relay's surroundings --- */

static void enqueue(struct sim *s, int how, const struct tp_addr *local,
		    const struct tp_endpoint *to, const void *data, size_t len, uint8_t tos)
{
	struct sim_message *m = &s->queue[(s->first + s->n) % SIM_QUEUE];

	assert_true(s->n < SIM_QUEUE);
	assert_true(len <= sizeof(m->bytes));
	s->n++;
	m->how = how;
	m->local = *local;
	m->to = *to;
	m->tos = tos;
	m->len = len;
	memcpy(m->bytes, data, len);
	if (s->on_send)
		s->on_send(s, m);
}

static void op_send(void *ctx, const struct tp_addr *local, const struct tp_endpoint *to,
		    const void *data, size_t len)
{
	enqueue(ctx, SIM_SENT, local, to, data, len, 0);
}

static void op_answer(void *ctx, const struct packet *p, const void *data, size_t len)
{
	enqueue(ctx, SIM_ANSWERED, p->local, p->from, data, len, 0);
}

static void op_forward(void *ctx, const struct tp_addr *local, const struct tp_endpoint *to,
		       const void *data, size_t len, uint8_t tos)
{
	enqueue(ctx, SIM_FORWARDED, local, to, data, len, tos);
}

static const struct relay_ops relay_ops = {
	.send = op_send,
	.answer = op_answer,
	.forward = op_forward,
};

static int op_route(void *ctx, const struct tp_addr *dst, const struct tp_addr *src,
		    struct relay_route *out)
{
	struct sim *s = ctx;

	(void)src;
	s->route_lookups++;
	if (!s->routed_by)
		return -ENETUNREACH;
	*out = (struct relay_route){.ifindex = s->routed_by, .gateway = *dst};
	return 0;
}

/* The daemon gathers these for a moment; flows_refresh_nexthops() is the test's to call. */
static void op_moved(void *ctx, const struct tp_addr *dst, const struct tp_addr *src, uint32_t id)
{
	(void)ctx;
	(void)dst;
	(void)src;
	(void)id;
}

static const struct relay_nexthop_ops nexthop_ops = {.route = op_route, .moved = op_moved};

void sim_start(struct sim *s, const struct sim_config *c, struct relay_datapath *dp)
{
	uint8_t secret[WG_KEY_LEN];

	memset(s, 0, sizeof(*s));
	assert_int_equal(tp_crypto_init(), 0);
	tp_log_level(getenv("VERBOSE") ? LOG_DEBUG : LOG_CRIT);
	s->now = tp_now();
	s->next_index = 0x1000;
	s->dp = dp;
	if (!dp)
		assert_int_equal(relay_datapath_open(&s->dp, &c->c), 0);
	assert_int_equal(relay_nexthops_new(&s->nexthops, &nexthop_ops, s), 0);
	sim_secret("relay", secret);
	assert_int_equal(
		relay_new(&s->relay, &c->c, secret, s->dp, s->nexthops, &relay_ops, s, s->now), 0);
	relay_adopt(s->relay, s->now);
}

void sim_stop(struct sim *s)
{
	relay_free(s->relay);
	relay_nexthops_free(s->nexthops);
	relay_datapath_close(s->dp);
}

void sim_wait(struct sim *s, uint64_t ns)
{
	while (ns) {
		uint64_t step = ns < TP_SEC(1) ? ns : TP_SEC(1);

		s->now += step;
		ns -= step;
		relay_tick(s->relay, s->now);
	}
}

struct node *sim_node(const struct sim *s, const struct sim_peer *p)
{
	struct node *n = node_by_key(s->relay, p->id.public_key);

	assert_non_null(n);
	return n;
}

/* --- packets --- */

void sim_deliver_at(struct sim *s, const struct tp_endpoint *from, const struct tp_addr *local,
		    const void *data, size_t len)
{
	struct packet p = {
		.from = from,
		.local = local,
		.data = data,
		.len = len,
		.tos = 0xb9,
		.now = s->now,
	};

	relay_receive(s->relay, &p);
}

void sim_deliver(struct sim *s, const struct sim_peer *from, const void *data, size_t len)
{
	sim_deliver_at(s, &from->at, &from->relay, data, len);
}

const struct sim_message *sim_take_at(struct sim *s, uint32_t type, const struct tp_endpoint *to)
{
	const struct sim_message *m = &s->queue[s->first];

	assert_true(s->n > 0);
	s->first = (s->first + 1) % SIM_QUEUE;
	s->n--;
	assert_int_equal(le32toh(m->type), type);
	assert_true(tp_endpoint_equal(&m->to, to));
	return m;
}

const struct sim_message *sim_take(struct sim *s, uint32_t type, const struct sim_peer *to)
{
	const struct sim_message *m = sim_take_at(s, type, &to->at);

	assert_true(tp_addr_equal(&m->local, &to->relay));
	return m;
}

void sim_forget(struct sim *s)
{
	s->n = 0;
}

void sim_assert_quiet(struct sim *s)
{
	assert_int_equal(s->n, 0);
}

static uint64_t newly_counted(struct sim *s, enum tp_reason why)
{
	uint64_t was = s->counted[why];

	s->counted[why] = s->relay->reasons[why].packets;
	return s->counted[why] - was;
}

void sim_assert_none_counted(struct sim *s)
{
	for (int i = 0; i < TP_REASON_MAX; i++)
		assert_int_equal(newly_counted(s, (enum tp_reason)i), 0);
}

void sim_assert_counted(struct sim *s, enum tp_reason why)
{
	assert_int_equal(newly_counted(s, why), 1);
	sim_assert_none_counted(s);
}

void sim_assert_refused(struct sim *s, enum tp_reason why)
{
	sim_assert_counted(s, why);
	sim_assert_quiet(s);
}
