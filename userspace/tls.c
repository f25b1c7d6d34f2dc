// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tls.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "addr.h"
#include "log.h"

struct tp_tls {
	SSL_CTX *ctx;
};

/* OpenSSL's own words for what failed last. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "unknown error";
}

static struct tp_tls *tls_new(const SSL_METHOD *method)
{
	struct tp_tls *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->ctx = SSL_CTX_new(method);
	if (!t->ctx || !SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION)) {
		tp_tls_free(t);
		return NULL;
	}
	/* A client could have a server do handshakes for as long as it likes. */
	SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION);
	return t;
}

int tp_tls_server(struct tp_tls **out, const char *certificate, const char *key)
{
	struct tp_tls *t = *out = tls_new(TLS_server_method());

	if (!t)
		return -ENOMEM;
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(t->ctx, certificate) != 1)
		tp_err("certificate %s: %s", certificate, reason());
	else if (SSL_CTX_use_PrivateKey_file(t->ctx, key, SSL_FILETYPE_PEM) != 1)
		tp_err("key %s: %s", key, reason());
	else if (SSL_CTX_check_private_key(t->ctx) != 1)
		tp_err("key %s does not belong to the certificate", key);
	else
		return 0;
	tp_tls_free(t);
	*out = NULL;
	return -EINVAL;
}

int tp_tls_reload(struct tp_tls *t, const char *certificate, const char *key)
{
	struct tp_tls *fresh;
	SSL_CTX *former = t->ctx;
	int err = tp_tls_server(&fresh, certificate, key);

	if (err)
		return err;
	t->ctx = fresh->ctx; /* connections hold the former one */
	fresh->ctx = former;
	tp_tls_free(fresh);
	return 0;
}

int tp_tls_client(struct tp_tls **out, const char *ca)
{
	struct tp_tls *t = *out = tls_new(TLS_client_method());

	if (!t)
		return -ENOMEM;
	ERR_clear_error();
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	if (ca ? SSL_CTX_load_verify_file(t->ctx, ca) == 1
	       : SSL_CTX_set_default_verify_paths(t->ctx) == 1)
		return 0;
	tp_err("certificates %s: %s", ca ? ca : "of the system", reason());
	tp_tls_free(t);
	*out = NULL;
	return -EINVAL;
}

void tp_tls_free(struct tp_tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

static int expect_host(SSL *ssl, const char *host)
{
	struct tp_addr addr;

	if (!tp_addr_parse(host, &addr))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

struct bufferevent *tp_tls_bufferevent(struct tp_tls *t, struct event_base *base,
				       evutil_socket_t fd, const char *host)
{
	SSL *ssl = SSL_new(t->ctx);
	struct bufferevent *bev = NULL;

	if (ssl && (!host || expect_host(ssl, host)))
		bev = bufferevent_openssl_socket_new(base, fd, ssl,
						     host ? BUFFEREVENT_SSL_CONNECTING
							  : BUFFEREVENT_SSL_ACCEPTING,
						     BEV_OPT_CLOSE_ON_FREE);
	if (!bev)
		SSL_free(ssl);
	return bev;
}

const char *tp_tls_error(struct bufferevent *bev)
{
	unsigned long code = bufferevent_get_openssl_error(bev);
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	return text ? text : "";
}
