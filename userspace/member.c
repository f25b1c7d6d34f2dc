/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "member.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "key_file.h"
#include "log.h"
#include "ncp_client.h"
#include "ncp_document.h"

#define DOCUMENT     "control.json"
#define DEVICE_KEY   "device.key"
#define AUTH_KEY_MAX 128
#define RETRY_S	     30 /* until what could not be put in force is tried again */
#define NAME_PRESET  "node"

struct tp_member {
	struct tp_ncp_client *client;
	char *dir, *instance, *server;
	enum tp_ncp_node_kind kind;
	const struct tp_member_ops *ops;
	void *arg;
	struct tp_ncp_document doc; /* as told */
	struct event *retry;
	uint64_t applied; /* its revision that is in force */
	bool unsaved;	  /* on disk is an older one, as good */
	char error[256];  /* of the connection or the latest apply; "": none */
};

/* --- files --- */

static char *path_of(struct tp_member_files files, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s-%s", files.dir, files.instance, name) < 0 ? NULL : path;
}

static struct tp_member_files files_of(const struct tp_member *m)
{
	return (struct tp_member_files){m->dir, m->instance};
}

json_t *tp_member_saved(struct tp_member_files files)
{
	char *path = path_of(files, DOCUMENT), *aside = path_of(files, DOCUMENT ".bad");
	struct tp_ncp_document doc = {0};
	json_error_t why = {.text = "no snapshot"};
	json_t *saved = path ? json_load_file(path, JSON_REJECT_DUPLICATES, &why) : NULL;

	if (saved && tp_ncp_document_apply(&doc, saved, NULL)) {
		json_decref(saved);
		saved = NULL;
	}
	if (path && aside && !saved && !access(path, F_OK)) {
		tp_err("%s: %s; put aside as %s", path, why.text, aside);
		rename(path, aside);
	}
	tp_ncp_document_fini(&doc);
	free(path);
	free(aside);
	return saved;
}

int tp_member_saved_view(const json_t *saved, struct tp_ncp_view *out)
{
	struct tp_ncp_document doc = {0};
	int err;

	memset(out, 0, sizeof(*out));
	if (!saved)
		return 0;
	err = tp_ncp_document_apply(&doc, saved, NULL) ?: tp_ncp_document_view(&doc, out);
	tp_ncp_document_fini(&doc);
	return err;
}

/* Whole or not at all, also after a power cut. */
static int write_file(struct tp_member_files files, const char *name, const char *text)
{
	char *path = path_of(files, name), *fresh = path_of(files, DOCUMENT ".tmp");
	int fd = path && fresh ? open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	size_t len = strlen(text);
	int err = fd < 0 ? -errno : 0;

	if (!err && (write(fd, text, len) != (ssize_t)len || fsync(fd)))
		err = -EIO;
	if (fd >= 0)
		close(fd);
	if (!err && rename(fresh, path))
		err = -errno;
	fd = err ? -1 : open(files.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(path);
	free(fresh);
	return err;
}

static void save(struct tp_member *m)
{
	json_t *snapshot = tp_ncp_document_snapshot(&m->doc);
	char *text = snapshot ? json_dumps(snapshot, JSON_COMPACT) : NULL;
	int err = text ? write_file(files_of(m), DOCUMENT, text) : -ENOMEM;

	if (err)
		tp_err("%s/%s-%s: %s", m->dir, m->instance, DOCUMENT, strerror(-err));
	m->unsaved = false;
	free(text);
	json_decref(snapshot);
}

char *tp_member_key_file(struct tp_member_files files, const char *network_id)
{
	char name[TP_NCP_ID_SIZE + 4], *path;
	uint8_t secret[WG_KEY_LEN];
	int err;

	snprintf(name, sizeof(name), "%s.key", network_id);
	path = path_of(files, name);
	err = path ? tp_key_file_get(path, secret) : -ENOMEM;
	tp_wipe(secret, sizeof(secret));
	if (!err)
		return path;
	tp_err("%s/%s-%s: %s", files.dir, files.instance, name, strerror(-err));
	free(path);
	return NULL;
}

/* One line, of a file that is nobody else's to read. */
static const char *auth_key_fault(int err)
{
	switch (err) {
	case -EPERM: return "others may read it; chmod 600";
	case -ENODATA: return "is empty";
	case -EMSGSIZE: return "its first line is too long for an auth key";
	default: return strerror(-err);
	}
}

static int read_auth_key(const char *path, char key[AUTH_KEY_MAX + 1])
{
	FILE *f = fopen(path, "re");
	struct stat st;
	int err = 0;

	if (!f)
		return -errno;
	if (fstat(fileno(f), &st))
		err = -errno;
	else if (st.st_mode & 077)
		err = -EPERM;
	else if (!fgets(key, AUTH_KEY_MAX + 1, f))
		err = -ENODATA;
	else if (strlen(key) == AUTH_KEY_MAX && getc(f) > ' ')
		err = -EMSGSIZE; /* part of a key would be refused as a wrong one */
	fclose(f);
	key[err ? 0 : strcspn(key, " \t\r\n")] = '\0';
	return err;
}

/* --- reporting --- */

static void report_key(struct tp_member *m, const char *network_id)
{
	struct tp_ncp_message msg = {.type = TP_NCP_PUBKEY};
	char *path = tp_member_key_file(files_of(m), network_id);
	uint8_t secret[WG_KEY_LEN];

	if (path && !tp_key_load(path, secret)) {
		snprintf(msg.pubkey.network_id, sizeof(msg.pubkey.network_id), "%s", network_id);
		tp_public_key(msg.pubkey.public_key, secret);
		msg.pubkey.listen_port = m->ops->port ? m->ops->port(m->arg, network_id) : 0;
		tp_ncp_client_send_message(m->client, &msg);
	}
	tp_wipe(secret, sizeof(secret));
	free(path);
}

static void report_keys(struct tp_member *m)
{
	const json_t *networks = json_object_get(m->doc.view, "networks");
	json_t *network;
	size_t i;

	json_array_foreach((json_t *)networks, i, network)
		report_key(m, json_string_value(json_object_get(network, "network_id")));
}

static void acknowledge(struct tp_member *m, int err)
{
	struct tp_ncp_message msg = {
		.type = TP_NCP_ACK,
		.ack = {.epoch = m->doc.epoch,
			.revision = m->doc.revision,
			.status = err ? TP_NCP_FAILED : TP_NCP_APPLIED},
	};

	if (err)
		snprintf(msg.ack.reason, sizeof(msg.ack.reason), "%s",
			 m->error[0] ? m->error : strerror(-err));
	tp_ncp_client_send_message(m->client, &msg);
}

int tp_member_handshakes(struct tp_member *m, const struct tp_ncp_handshakes *h)
{
	struct tp_ncp_message msg = {.type = TP_NCP_HANDSHAKES, .handshakes = *h};

	return h->n_handshakes ? tp_ncp_client_send_message(m->client, &msg) : 0;
}

int tp_member_node_endpoint(struct tp_member *m, const uint8_t key[WG_KEY_LEN],
			    const struct tp_endpoint *at)
{
	struct tp_ncp_message msg = {.type = TP_NCP_ENDPOINT_REPORT, .endpoint.endpoint = *at};

	memcpy(msg.endpoint.public_key, key, WG_KEY_LEN);
	return tp_ncp_client_send_message(m->client, &msg);
}

int tp_member_paths(struct tp_member *m, const struct tp_ncp_path *paths, size_t n)
{
	struct tp_ncp_message msg = {.type = TP_NCP_STATS, .stats = {.n_paths = n}};

	msg.stats.paths = (struct tp_ncp_path *)paths; /* only read */
	return tp_ncp_client_send_message(m->client, &msg);
}

int tp_member_traffic(struct tp_member *m, const struct tp_ncp_traffic *traffic)
{
	struct tp_ncp_message msg = {.type = TP_NCP_STATS, .stats = {.traffic = *traffic}};

	return tp_ncp_client_send_message(m->client, &msg);
}

/* --- what control says --- */

static void apply(struct tp_member *m)
{
	struct tp_ncp_view view;
	int err = tp_ncp_document_view(&m->doc, &view);

	evtimer_del(m->retry);
	m->unsaved = false;
	m->error[0] = '\0';
	if (!err) {
		tp_log_keep(m->error, sizeof(m->error));
		err = m->ops->apply(m->arg, &view);
		tp_log_keep(NULL, 0);
		if (err >= 0)
			m->error[0] = '\0';
		tp_ncp_free_lists(&tp_ncp_view_table, &view);
	}
	if (err == TP_MEMBER_LATER) {
		save(m);
		return;
	}
	if (err == TP_MEMBER_SAME) {
		m->applied = m->doc.revision;
		m->unsaved = true;
		err = 0;
	} else if (err) {
		tp_err("revision %llu of the control plane is not in force: %s",
		       (unsigned long long)m->doc.revision,
		       m->error[0] ? m->error : strerror(-err));
		evtimer_add(m->retry, &(struct timeval){.tv_sec = RETRY_S});
	} else {
		m->applied = m->doc.revision;
		save(m);
	}
	acknowledge(m, err);
}

/* The device that was missing may be there now. */
static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	apply(arg);
}

/* What does not decode has only these two members to be named by. */
static void acknowledge_nonsense(struct tp_member *m, const json_t *msg)
{
	json_t *ack =
		json_pack("{s:s,s:O,s:O,s:s,s:s}", "type", "ack", "epoch",
			  json_object_get(msg, "epoch"), "revision",
			  json_object_get(msg, "revision"), "status", "failed", "reason", m->error);

	if (ack)
		tp_ncp_client_send(m->client, ack);
	json_decref(ack);
}

static void take(struct tp_member *m, const json_t *msg)
{
	struct tp_ncp_fault fault = {""};
	int err = tp_ncp_document_apply(&m->doc, msg, &fault);

	if (!err) {
		apply(m);
	} else if (err == -ESTALE) {
		tp_ncp_client_resync(m->client);
	} else if (err != -EALREADY) {
		snprintf(m->error, sizeof(m->error), "%s",
			 fault.text[0] ? fault.text : strerror(-err));
		tp_log_limited(LOG_ERR, "the control plane's message is not understood: %s",
			       m->error);
		acknowledge_nonsense(m, msg);
		tp_ncp_client_reconnect(m->client);
	}
}

static void on_message(void *arg, const char *type, const json_t *msg)
{
	struct tp_member *m = arg;
	struct tp_ncp_message decoded;

	if (!strcmp(type, "snapshot") || !strcmp(type, "delta")) {
		take(m, msg);
		return;
	}
	if (tp_ncp_message_decode(msg, &decoded, NULL))
		return;
	if (decoded.type == TP_NCP_JOIN)
		report_key(m, decoded.join.network_id);
	else if (decoded.type == TP_NCP_ERROR)
		tp_log_limited(LOG_ERR, "the control plane refuses: %s", decoded.error.message);
	if (decoded.type == TP_NCP_ERROR)
		snprintf(m->error, sizeof(m->error), "%s", decoded.error.message);
	tp_ncp_message_fini(&decoded);
}

/* --- the connection --- */

/* A host's name as a device's: its first label, in lower case. */
static void default_name(char name[TP_NCP_NAME_SIZE])
{
	size_t n = 0;
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	for (const char *p = host; *p && *p != '.' && n < TP_NCP_NAME_SIZE - 1; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && n))
			name[n++] = c;
	}
	while (n && name[n - 1] == '-')
		n--;
	name[n] = '\0';
	if (!n)
		strcpy(name, NAME_PRESET);
}

static void on_hello(void *arg, struct tp_ncp_hello *hello)
{
	struct tp_member *m = arg;

	hello->kind = m->kind;
	hello->epoch = m->doc.epoch;
	hello->revision = m->doc.revision;
	default_name(hello->name);
	if (m->ops->hello)
		m->ops->hello(m->arg, hello);
}

static void on_connected(void *arg)
{
	struct tp_member *m = arg;

	m->error[0] = '\0';
	tp_info("connected to the control plane at %s", m->server);
	report_keys(m);
}

static void on_disconnected(void *arg, const char *why, bool was_connected, unsigned int retry_ms)
{
	struct tp_member *m = arg;

	if (!m->error[0] || was_connected)
		snprintf(m->error, sizeof(m->error), "%s", why);
	tp_log_limited(LOG_WARNING, "control plane at %s: %s; again in %u ms", m->server, why,
		       retry_ms);
}

static const struct tp_ncp_client_ops client_ops = {
	.hello = on_hello,
	.connected = on_connected,
	.message = on_message,
	.disconnected = on_disconnected,
};

/* --- life --- */

int tp_member_server(const char *server, char **host, uint16_t *port)
{
	const char *colon = strrchr(server, ':');
	size_t len = colon ? (size_t)(colon - server) : 0;
	char *end;
	unsigned long n = colon ? strtoul(colon + 1, &end, 10) : 0;

	*host = NULL;
	if (!len || n < 1 || n > 65535 || *end || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	if (server[0] == '[' && server[len - 1] == ']') {
		server++;
		len -= 2;
	} else if (memchr(server, ':', len)) {
		return -EINVAL;
	}
	*host = len ? strndup(server, len) : NULL;
	*port = (uint16_t)n;
	return *host ? 0 : len ? -ENOMEM : -EINVAL;
}

static int open_client(struct tp_member *m, struct event_base *base,
		       const struct tp_member_settings *s)
{
	char auth_key[AUTH_KEY_MAX + 1] = "", *host = NULL, *key_file;
	struct tp_ncp_client_config c;
	int err = 0;

	tp_ncp_client_config_init(&c);
	/* The file may be gone once it has served. */
	if (s->auth_key_file)
		err = read_auth_key(s->auth_key_file, auth_key);
	if (err == -ENOENT)
		err = 0;
	if (err)
		tp_err("%s: %s", s->auth_key_file, auth_key_fault(err));
	err = err ?: tp_member_server(s->server, &host, &c.port);
	key_file = path_of(files_of(m), DEVICE_KEY);
	c.host = host;
	memcpy(c.control_key, s->public_key, WG_KEY_LEN);
	c.key_file = key_file;
	c.auth_key = auth_key[0] ? auth_key : NULL;
	c.agent = m->ops->agent;
	c.ops = &client_ops;
	c.arg = m;
	if (!err) {
		err = key_file ? tp_ncp_client_new(&m->client, base, &c) : -ENOMEM;
		if (err)
			tp_err("control plane at %s: %s", s->server, strerror(-err));
	}
	tp_wipe(auth_key, sizeof(auth_key));
	free(host);
	free(key_file);
	return err;
}

int tp_member_new(struct tp_member **out, struct event_base *base,
		  const struct tp_member_settings *settings, struct tp_member_files files,
		  const json_t *saved, enum tp_ncp_node_kind kind, const struct tp_member_ops *ops,
		  void *arg)
{
	struct tp_member *m = calloc(1, sizeof(*m));
	int err = m ? 0 : -ENOMEM;

	*out = NULL;
	if (!err) {
		m->kind = kind;
		m->ops = ops;
		m->arg = arg;
		m->dir = strdup(files.dir);
		m->instance = strdup(files.instance);
		m->server = strdup(settings->server);
		m->retry = evtimer_new(base, on_retry, m);
		err = m->dir && m->instance && m->server && m->retry ? 0 : -ENOMEM;
	}
	if (!err && saved)
		err = tp_ncp_document_apply(&m->doc, saved, NULL);
	if (!err) {
		m->applied = m->doc.revision;
		err = open_client(m, base, settings);
	}
	if (err)
		tp_member_free(m);
	else
		*out = m;
	return err;
}

void tp_member_free(struct tp_member *m)
{
	if (!m)
		return;
	if (m->client)
		tp_ncp_client_free(m->client);
	if (m->retry)
		event_free(m->retry);
	if (m->unsaved)
		save(m);
	tp_ncp_document_fini(&m->doc);
	free(m->dir);
	free(m->instance);
	free(m->server);
	free(m);
}

json_t *tp_member_report(const struct tp_member *m)
{
	char key[TP_KEY_STRLEN], epoch[24];

	snprintf(epoch, sizeof(epoch), "%016llx", (unsigned long long)m->doc.epoch);
	return json_pack("{s:s,s:b,s:s,s:s,s:I,s:I,s:s}", "server", m->server, "connected",
			 tp_ncp_client_is_connected(m->client), "device_key",
			 tp_key_format(tp_ncp_client_key(m->client), key), "epoch", epoch,
			 "revision", (json_int_t)m->doc.revision, "applied", (json_int_t)m->applied,
			 "error", m->error);
}
