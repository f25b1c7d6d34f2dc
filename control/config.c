// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of control.conf's settings. */
#include "control/config.h"

#include <string.h>

#include "userspace/config.h"

#define COUNT_OF(a)	 (sizeof(a) / sizeof((a)[0]))
#define AT(type, member) .offset = offsetof(struct type, member)
#define SOCKET_MAX	 107 /* sun_path */

static const struct tp_config_field tls_fields[] = {
	{.name = "certificate",
	 .type = TP_CONFIG_PATH,
	 AT(ctl_config, tls.certificate),
	 .help = "PEM file with the certificate and what signed it."},
	{.name = "key",
	 .type = TP_CONFIG_PATH,
	 AT(ctl_config, tls.key),
	 .help = "PEM file with its private key."},
};

static const struct tp_config_table tls_table = {
	.fields = tls_fields,
	.n = COUNT_OF(tls_fields),
	.size = sizeof(struct ctl_config),
};

static const struct tp_config_field fields[] = {
	{.name = "listen",
	 .type = TP_CONFIG_ENDPOINT,
	 AT(ctl_config, listen),
	 .preset = "127.0.0.1:8443",
	 .frozen = true,
	 .help = "Address and TCP port of the API."},
	{.name = "ncp_listen",
	 .type = TP_CONFIG_ENDPOINT,
	 AT(ctl_config, ncp_listen),
	 .or_off = true,
	 .preset = "[::]:8447",
	 .frozen = true,
	 .help = "Address and TCP port where nodes, gateways and relays connect; "
		 "\"off\" for none. It needs no TLS: it is encrypted and authenticated by itself."},
	{.name = "tls",
	 .type = TP_CONFIG_GROUP,
	 .table = &tls_table,
	 .help = "Serve HTTPS with this certificate. Both files are read at the start, as root; "
		 "SIGHUP reads them again, which the user turnpike must be able to."},
	{.name = "plaintext",
	 .type = TP_CONFIG_BOOL,
	 AT(ctl_config, plaintext),
	 .preset = "false",
	 .frozen = true,
	 .help = "Allow an API without TLS on an address that is not loopback, where passwords "
		 "and tokens can be read by whoever is on the way."},
	{.name = "metrics_listen",
	 .type = TP_CONFIG_ENDPOINT,
	 AT(ctl_config, metrics_listen),
	 .or_off = true,
	 .preset = "off",
	 .frozen = true,
	 .help = "Address and TCP port of /metrics, /healthz and /readyz; "
		 "\"off\" for none."},
	{.name = "control_socket",
	 .type = TP_CONFIG_PATH,
	 AT(ctl_config, control_socket),
	 .max = SOCKET_MAX,
	 .preset = "/run/turnpike/control.sock",
	 .frozen = true,
	 .help = "Unix socket on which turnpike control daemon asks about this process."},
	{.name = "state_dir",
	 .type = TP_CONFIG_PATH,
	 AT(ctl_config, state_dir),
	 .preset = "/var/lib/turnpike",
	 .frozen = true,
	 .help = "Directory of the database, control.db, of the key that signs tokens, "
		 "control-token.key, of the key that nodes know it by, control-ncp.key, and, from "
		 "the first start, of the first administrator's "
		 "password, control-admin.json."},
};

static const struct tp_config_table table = {
	.fields = fields,
	.n = COUNT_OF(fields),
	.size = sizeof(struct ctl_config),
};

static bool is_loopback(const struct tp_addr *a)
{
	static const uint8_t v6[16] = {[15] = 1};

	return tp_addr_is_v4(a) ? a->b[12] == 127 : !memcmp(a->b, v6, sizeof(v6));
}

static void validate(const void *object, struct tp_config_report *report)
{
	const struct ctl_config *c = object;

	if (!c->tls.certificate != !c->tls.key)
		tp_config_error(report, tp_config_line(report, "tls"),
				"tls: certificate and key are needed both");
	if (c->listen.port && !c->tls.certificate && !c->plaintext && !is_loopback(&c->listen.addr))
		tp_config_error(report, tp_config_line(report, "listen"),
				"listen: beyond loopback it needs tls, or plaintext = true");
}

int ctl_config_load(const char *path, struct ctl_config **out, FILE *errors)
{
	void *config;
	int err = tp_config_load(path, &table, validate, &config, errors);

	*out = config;
	return err;
}

int ctl_config_parse(const char *name, const char *text, size_t len, struct ctl_config **out,
		     FILE *errors)
{
	void *config;
	int err = tp_config_parse(name, text, len, &table, validate, &config, errors);

	*out = config;
	return err;
}

void ctl_config_free(struct ctl_config *c)
{
	tp_config_free(&table, c);
}

void ctl_config_print_manual(FILE *out)
{
	tp_config_print_manual(&table, out);
}
