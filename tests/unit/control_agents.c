/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control_agents.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "crypto.h"

struct agents_lab lab;

/* --- an agent --- */

static void on_hello(void *arg, struct tp_ncp_hello *hello)
{
	static struct tp_endpoint at;
	struct agent *a = arg;

	hello->kind = a->kind;
	snprintf(hello->name, sizeof(hello->name), "%s", a->name);
	hello->epoch = a->doc.epoch;
	hello->revision = a->doc.revision;
	if (a->kind == TP_NCP_RELAY) {
		memcpy(hello->public_key, a->public_key, 32);
		tp_endpoint_parse("203.0.113.99:443", &at);
		hello->endpoints = &at;
		hello->n_endpoints = 1;
	}
}

static void on_connected(void *arg)
{
	(void)arg;
}

static void on_disconnected(void *arg, const char *why, bool was, unsigned int retry_ms)
{
	struct agent *a = arg;

	(void)why;
	(void)was;
	(void)retry_ms;
	a->disconnects++;
}

static void report_key(struct agent *a, const char *network)
{
	struct tp_ncp_message m = {.type = TP_NCP_PUBKEY, .pubkey = {.listen_port = 51820}};

	snprintf(m.pubkey.network_id, sizeof(m.pubkey.network_id), "%s", network);
	memcpy(m.pubkey.public_key, a->public_key, 32);
	tp_ncp_client_send_message(a->client, &m);
}

void agent_acknowledge(struct agent *a)
{
	struct tp_ncp_message m = {.type = TP_NCP_ACK,
				   .ack = {.epoch = a->doc.epoch, .revision = a->doc.revision}};

	if (a->broken) {
		m.ack.status = TP_NCP_FAILED;
		strcpy(m.ack.reason, "no such device");
	}
	if (!a->deaf)
		tp_ncp_client_send_message(a->client, &m);
}

static void on_message(void *arg, const char *type, const json_t *msg)
{
	struct agent *a = arg;
	struct tp_ncp_message m;

	if (!strcmp(type, "snapshot") || !strcmp(type, "delta")) {
		assert_int_equal(tp_ncp_document_apply(&a->doc, msg, NULL), 0);
		*(*type == 's' ? &a->snapshots : &a->deltas) += 1;
		agent_acknowledge(a);
		return;
	}
	assert_int_equal(tp_ncp_message_decode(msg, &m, NULL), 0);
	if (m.type == TP_NCP_JOIN) {
		a->joins++;
		report_key(a, m.join.network_id);
	} else if (m.type == TP_NCP_ERROR) {
		a->errors++;
		snprintf(a->error, sizeof(a->error), "%s", m.error.message);
	}
	tp_ncp_message_fini(&m);
}

static const struct tp_ncp_client_ops ops = {
	.hello = on_hello,
	.connected = on_connected,
	.message = on_message,
	.disconnected = on_disconnected,
};

void agent_connect(struct agent *a)
{
	struct tp_ncp_client_config c;

	tp_ncp_client_config_init(&c);
	c.host = "127.0.0.1";
	c.port = lab.port;
	memcpy(c.control_key, lab.identity.public_key, 32);
	c.key_file = a->key_file;
	c.auth_key = a->auth_key[0] ? a->auth_key : NULL;
	c.agent = "test/1";
	c.ops = &ops;
	c.arg = a;
	assert_int_equal(tp_ncp_client_new(&a->client, lab.base, &c), 0);
}

void agent_init(struct agent *a, const char *name, int kind, const char *auth_key)
{
	memset(a, 0, sizeof(*a));
	a->name = name;
	a->kind = kind;
	snprintf(a->key_file, sizeof(a->key_file), "%s/%s", lab.dir, name);
	snprintf(a->auth_key, sizeof(a->auth_key), "%s", auth_key ? auth_key : "");
	tp_random(a->public_key, 32);
	agent_connect(a);
}

void agent_end(struct agent *a)
{
	tp_ncp_client_free(a->client);
	tp_ncp_document_fini(&a->doc);
	unlink(a->key_file);
}

/* --- control --- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static int listen_here(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 4096), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	lab.port = ntohs(sa.sin_port);
	return fd;
}

int agents_begin(void **state)
{
	struct ctl_network_new in = {.name = "office"};
	struct timeval often = {.tv_usec = 20000};
	uint8_t secret[32];

	(void)state;
	strcpy(lab.dir, "/tmp/test-nodes-XXXXXX");
	assert_non_null(mkdtemp(lab.dir));
	lab.base = event_base_new();
	lab.tick = event_new(lab.base, -1, EV_PERSIST, on_tick, NULL);
	event_add(lab.tick, &often);
	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(&lab.identity, secret), 0);
	assert_int_equal(ctl_store_open(&lab.s, ":memory:"), 0);
	assert_int_equal(ctl_begin(lab.s, "test", &lab.err), 0);
	assert_int_equal(ctl_tenant_create(lab.s, "acme", &lab.acme, &lab.err), 0);
	in.tenant = lab.acme.id;
	assert_int_equal(ctl_network_create(lab.s, &in, &lab.office, &lab.err), 0);
	assert_int_equal(ctl_commit(lab.s, &lab.err), 0);
	assert_int_equal(ctl_nodes_new(&lab.nodes, lab.base, listen_here(), lab.s, &lab.identity),
			 0);
	return 0;
}

int agents_end(void **state)
{
	(void)state;
	ctl_nodes_free(lab.nodes);
	ctl_store_close(lab.s);
	event_free(lab.tick);
	event_base_free(lab.base);
	rmdir(lab.dir);
	return 0;
}

void agents_key_of(const char *network, enum ctl_kind kind, const char *tags,
		   char secret[CTL_SECRET_LEN])
{
	const struct ctl_auth_key_new in = {.tenant = lab.acme.id,
					    .network = network,
					    .name = "key",
					    .kind = kind,
					    .tags = tags};
	struct ctl_auth_key key;

	assert_int_equal(ctl_begin(lab.s, "test", &lab.err), 0);
	assert_int_equal(ctl_auth_key_create(lab.s, &in, &key, secret, &lab.err), 0);
	assert_int_equal(ctl_commit(lab.s, &lab.err), 0);
}

void agents_key(enum ctl_kind kind, const char *tags, char secret[CTL_SECRET_LEN])
{
	agents_key_of(kind == CTL_RELAY ? NULL : lab.office.id, kind, tags, secret);
}

/* --- what an agent has --- */

const json_t *network_of(const struct agent *a)
{
	return json_array_get(json_object_get(a->doc.view, "networks"), 0);
}

size_t peers_of(const struct agent *a)
{
	return json_array_size(json_object_get(network_of(a), "peers"));
}

const char *address_of(const struct agent *a)
{
	const char *text = json_string_value(json_object_get(network_of(a), "address"));

	return text ? text : "";
}

const char *device_of(const struct agent *a)
{
	static struct ctl_device d;

	assert_int_equal(ctl_device_by_key(lab.s, tp_ncp_client_key(a->client), &d, &lab.err), 0);
	return d.id;
}

/* --- tests --- */

void relay_of(const struct agent *a, char id[CTL_ID_LEN])
{
	struct ctl_db *db = ctl_store_db(lab.s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT id FROM relay WHERE device = ?", "t", device_of(a));

	assert_int_equal(ctl_db_step(db, q), 1);
	ctl_db_copy(q, 0, id, CTL_ID_LEN);
	ctl_db_done(q);
}

void agents_pair(struct agent *gateway, struct agent *alice)
{
	char key[CTL_SECRET_LEN];

	agents_key(CTL_GATEWAY, NULL, key);
	agent_init(gateway, "gw", TP_NCP_GATEWAY, key);
	agents_key(CTL_NODE, NULL, key);
	agent_init(alice, "alice", TP_NCP_NODE, key);
	AWAIT(peers_of(gateway) == 1 && peers_of(alice) == 1);
}

int64_t agents_held(void)
{
	struct sqlite3_stmt *q =
		ctl_db_query(ctl_store_db(lab.s), "SELECT count(*) FROM address_hold", "");
	int64_t n;

	assert_int_equal(ctl_db_step(ctl_store_db(lab.s), q), 1);
	n = ctl_db_int(q, 0);
	ctl_db_done(q);
	return n;
}
