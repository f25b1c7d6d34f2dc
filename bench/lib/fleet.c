/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/lib/fleet_private.h"
#include "bench/lib/flowfile.h"
#include "clock.h"

#define KEEPALIVE_SEC	  25
#define KEEPALIVE_STEP_MS 200 /* all nodes are looked at that often */
#define NOISE_LEN	  96

/* --- keys, networks, pairs ------------------------------------------------------------------ */

static void node_secret(uint8_t secret[WG_KEY_LEN], uint32_t seed, uint32_t number)
{
	uint32_t what[2] = {seed, number};
	struct tp_span span = {what, sizeof(what)};

	tp_hash(secret, &span, 1);
	secret[0] &= 248;
	secret[31] = (secret[31] & 127) | 64;
}

static void place_in_network(const struct fleet_options *o, struct fleet_node *n, uint32_t number)
{
	uint32_t past = number - o->big;

	n->network_first = number < o->big ? 0 : o->big + past / o->small * o->small;
	n->network_size = number < o->big ? o->big : o->small;
	if (n->network_first + n->network_size > o->nodes)
		n->network_size = o->nodes - n->network_first;
}

static void place_at_address(const struct fleet_options *o, struct fleet_node *n, uint32_t number)
{
	uint32_t v4;

	memcpy(&v4, o->first.b + 12, sizeof(v4));
	v4 = htonl(ntohl(v4) + number / o->per_address);
	n->at.addr = o->first;
	memcpy(n->at.addr.b + 12, &v4, sizeof(v4));
	n->socket = number % o->per_address;
	n->at.port = htons((uint16_t)(o->port + n->socket));
}

static int make_nodes(struct fleet *f)
{
	uint8_t secret[WG_KEY_LEN];

	for (uint32_t i = 0; i < f->o.nodes; i++) {
		struct fleet_node *n = &f->nodes[i];

		node_secret(secret, f->o.seed, i);
		if (tp_noise_identity_init(&n->id, secret))
			return -EINVAL;
		tp_mac_keys_init(&n->macs, n->id.public_key);
		place_in_network(&f->o, n, i);
		place_at_address(&f->o, n, i);
		HASH_ADD(hh, f->by_key, id.public_key, WG_KEY_LEN, n);
	}
	return 0;
}

struct fleet_pair *fleet_pair_find(struct fleet *f, uint32_t a, uint32_t b)
{
	uint32_t ends[SIDES] = {a, b};
	struct fleet_pair *p;

	HASH_FIND(hh, f->by_ends, ends, sizeof(ends), p);
	return p;
}

int fleet_reserve_pairs(struct fleet *f, uint32_t n)
{
	if (f->pairs)
		return -EBUSY;
	f->pairs = calloc(n, sizeof(*f->pairs));
	f->room_pairs = n;
	return f->pairs ? 0 : -ENOMEM;
}

struct fleet_pair *fleet_pair_add(struct fleet *f, uint32_t a, uint32_t b)
{
	struct fleet_pair *p = &f->pairs[f->n_pairs];

	if (f->n_pairs == f->room_pairs || a == b || fleet_pair_find(f, a, b) ||
	    fleet_pair_find(f, b, a))
		return NULL;
	if (!f->o.fake && tp_dh(p->static_static, f->nodes[a].id.secret, f->nodes[b].id.public_key))
		return NULL;
	p->end[SIDE_A] = a;
	p->end[SIDE_B] = b;
	HASH_ADD(hh, f->by_ends, end, sizeof(p->end), p);
	f->n_pairs++;
	return p;
}

void fleet_print_config(const struct fleet *f, FILE *out)
{
	char key[TP_KEY_STRLEN];

	fprintf(out, "networks = (");
	for (uint32_t i = 0; i < f->o.nodes; i++) {
		const struct fleet_node *n = &f->nodes[i];

		if (n->network_first == i)
			fprintf(out, "%s{ name = \"net%u\"; nodes = (\n", i ? ",\n" : "\n", i);
		fprintf(out, "  { name = \"node%u\"; public_key = \"%s\"; }%s", i,
			tp_key_format(n->id.public_key, key),
			i + 1 < n->network_first + n->network_size ? ",\n" : " ); }");
	}
	fprintf(out, "\n);\n");
}

/* --- indices -------------------------------------------------------------------------------- */

struct fleet_index *fleet_index_new(struct fleet *f)
{
	struct fleet_index *e;
	uint32_t high;

	do
		e = &f->indices[++f->next_index % FLEET_INDICES];
	while (e->attempt || e->pair);
	tp_random(&high, sizeof(high));
	e->index = htole32((high & ~(FLEET_INDICES - 1)) | f->next_index % FLEET_INDICES);
	return e;
}

struct fleet_index *fleet_index_find(struct fleet *f, uint32_t index)
{
	struct fleet_index *e = &f->indices[le32toh(index) % FLEET_INDICES];

	return e->index == index && (e->attempt || e->pair) ? e : NULL;
}

void fleet_index_free(struct fleet *f, uint32_t index)
{
	struct fleet_index *e = fleet_index_find(f, index);

	if (e) {
		e->attempt = NULL;
		e->pair = NULL;
	}
}

/* --- sending and receiving ------------------------------------------------------------------ */

void fleet_send(struct fleet *f, const struct fleet_node *n, const void *data, size_t len)
{
	struct tp_udp_datagram d = {
		.peer = f->o.relay, .local = n->at.addr, .data = data, .len = len};

	tp_udp_send(f->sockets[n->socket], &d);
}

static bool node_of(const struct fleet *f, uint32_t socket, const struct tp_addr *local,
		    uint32_t *number)
{
	uint32_t first, v4;

	memcpy(&first, f->o.first.b + 12, sizeof(first));
	memcpy(&v4, local->b + 12, sizeof(v4));
	*number = (ntohl(v4) - ntohl(first)) * f->o.per_address + socket;
	if (socket == f->o.per_address)
		*number = f->roamer;
	return *number < f->o.nodes;
}

static void receive(struct fleet *f, uint32_t socket)
{
	struct tp_udp_datagram d;
	uint32_t number;

	while (tp_udp_recv(f->sockets[socket], f->batch) > 0) {
		while (tp_udp_next(f->batch, &d))
			if (node_of(f, socket, &d.local, &number))
				fleet_receive(f, number, d.data, d.len);
	}
}

void fleet_turn(struct fleet *f, int timeout_ms)
{
	uint32_t n = f->o.per_address + 1;
	struct pollfd fds[n];

	for (uint32_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = tp_udp_fd(f->sockets[i]), .events = POLLIN};
	poll(fds, n, timeout_ms);
	for (uint32_t i = 0; i < n; i++)
		if (fds[i].revents)
			receive(f, i);
	fleet_retry(f, tp_now());
}

void fleet_keepalives(struct fleet *f, uint64_t now)
{
	uint8_t message[WG_DATA_MIN];

	if (now < f->keepalives_due)
		return;
	f->keepalives_due = now + TP_MS(KEEPALIVE_STEP_MS);
	for (uint32_t i = 0; i < f->o.nodes; i++) {
		struct fleet_node *n = &f->nodes[i];

		if (!n->registered || now < n->keepalive_due)
			continue;
		n->keepalive_due = now + TP_SEC(KEEPALIVE_SEC);
		if (!tp_keypair_seal(&n->session, NULL, 0, message))
			fleet_send(f, n, message, sizeof(message));
	}
}

void fleet_send_noise(struct fleet *f, const struct fleet_pair *p, int from)
{
	uint8_t message[NOISE_LEN] = {0};
	struct wg_data header = {.type = htole32(WG_DATA), .receiver = p->index[!from]};

	memcpy(message, &header, sizeof(header));
	fleet_send(f, &f->nodes[p->end[from]], message, sizeof(message));
}

void fleet_roam(struct fleet *f, uint32_t node)
{
	f->roamer = node;
	f->nodes[node].socket = f->o.per_address;
	f->nodes[node].at.port = tp_udp_port(f->sockets[f->o.per_address]);
}

/* --- the file of flows ---------------------------------------------------------------------- */

static void write_flow(const struct fleet *f, FILE *out, const struct fleet_pair *p, int from)
{
	struct bench_flow flow = {.from = f->nodes[p->end[from]].at,
				  .to = f->o.relay,
				  .out = f->nodes[p->end[!from]].at,
				  .index = p->index[!from]};

	bench_flow_print(out, &flow);
}

int fleet_write_flows(const struct fleet *f, const char *path)
{
	char temporary[4096];
	FILE *out;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	out = fopen(temporary, "w");
	if (!out)
		return -errno;
	for (uint32_t i = 0; i < f->n_pairs; i++) {
		if (!f->pairs[i].index[SIDE_A] || !f->pairs[i].index[SIDE_B])
			continue;
		write_flow(f, out, &f->pairs[i], SIDE_A);
		write_flow(f, out, &f->pairs[i], SIDE_B);
	}
	return fclose(out) || rename(temporary, path) ? -errno : 0;
}

/* --- life ----------------------------------------------------------------------------------- */

int fleet_open(struct fleet *f)
{
	int err = 0;

	f->batch = tp_udp_batch_new();
	f->sockets = calloc(f->o.per_address + 1, sizeof(*f->sockets));
	f->indices = calloc(FLEET_INDICES, sizeof(*f->indices));
	if (!f->batch || !f->sockets || !f->indices)
		return -ENOMEM;
	tp_mac_keys_init(&f->relay_macs, f->o.relay_key);
	for (uint32_t i = 0; !err && i <= f->o.per_address; i++)
		err = tp_udp_open(&f->sockets[i], AF_INET, htons((uint16_t)(f->o.port + i)));
	for (uint32_t i = 0; !err && i < f->o.nodes; i++)
		err = tp_noise_peer_init(&f->nodes[i].relay, &f->nodes[i].id, f->o.relay_key, NULL);
	return err;
}

int fleet_new(struct fleet **out, const struct fleet_options *o)
{
	struct fleet *f = calloc(1, sizeof(*f));
	int err = -ENOMEM;

	*out = NULL;
	if (!f)
		return err;
	f->o = *o;
	TAILQ_INIT(&f->under_way);
	f->nodes = calloc(o->nodes, sizeof(*f->nodes));
	if (f->nodes)
		err = make_nodes(f);
	if (err)
		fleet_free(f);
	else
		*out = f;
	return err;
}

void fleet_free(struct fleet *f)
{
	struct fleet_attempt *a;

	while ((a = TAILQ_FIRST(&f->under_way))) {
		TAILQ_REMOVE(&f->under_way, a, in_age);
		free(a);
	}
	HASH_CLEAR(hh, f->by_key);
	HASH_CLEAR(hh, f->by_ends);
	for (uint32_t i = 0; i < f->n_pairs; i++)
		free(f->pairs[i].unproven);
	for (uint32_t i = 0; f->sockets && i <= f->o.per_address; i++)
		tp_udp_close(f->sockets[i]);
	tp_udp_batch_free(f->batch);
	free(f->sockets);
	free(f->indices);
	free(f->pairs);
	free(f->nodes);
	free(f);
}
