/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TLS 1.2 and 1.3 over libevent's bufferevents, for what speaks HTTP. */
#ifndef TP_TLS_H
#define TP_TLS_H

#include <event2/util.h>

struct bufferevent;
struct event_base;
struct tp_tls;

/* A server's side, with the chain and the key of these PEM files. 0 or -EINVAL, logged. */
int tp_tls_server(struct tp_tls **out, const char *certificate, const char *key);
/* A client's, which trusts the certificates of `ca` (PEM), or with NULL the system's. The same. */
int tp_tls_client(struct tp_tls **out, const char *ca);
/* The server's files once more, for connections to come. -EINVAL, logged: it stays as it was. */
int tp_tls_reload(struct tp_tls *t, const char *certificate, const char *key);
void tp_tls_free(struct tp_tls *t);

/* A bufferevent that does TLS over the socket, which it closes when freed. `host`: whose
 * certificate a client wants to see, a name or an address; NULL for a server. NULL without memory.
 */
struct bufferevent *tp_tls_bufferevent(struct tp_tls *t, struct event_base *base,
				       evutil_socket_t fd, const char *host);
/* Why the bufferevent failed, as far as TLS knows; "" when it does not. */
const char *tp_tls_error(struct bufferevent *bev);

#endif
