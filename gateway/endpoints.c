/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/endpoints.h"

#include <ctype.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "hash.h"
#include "log.h"

#define RETRY_FIRST_S 1
#define RETRY_LAST_S  60
#define STALE_S	      135 /* sessions in use are renewed after 120 */
#define LABEL_MAX     63
#define RESOLV_CONF   "/etc/resolv.conf"
#define HOSTS	      "/etc/hosts"

struct endpoint {
	struct gw_endpoints *all; /* NULL: no longer wanted; goes with its request's answer */
	char *text, host[GW_HOST_MAX + 1];
	uint16_t port;
	struct tp_endpoint at; /* port 0: not known yet */
	struct evdns_getaddrinfo_request *request;
	bool asking, failed, kept;
	int error; /* EVUTIL_EAI_… of the last answer */
	unsigned int retry_s;
	struct event *retry;
	uint64_t asked; /* tp_now() */
	uint64_t heard; /* CLOCK_REALTIME, ns */
	UT_hash_handle hh;
};

struct gw_endpoints {
	struct event_base *base;
	struct evdns_base *dns; /* as both files were when nothing was being asked */
	struct endpoint *endpoints;
	unsigned int asking;
	void (*changed)(void *ctx);
	void *ctx;
};

/* --- names ---------------------------------------------------------------------------------- */

/* The last label of an address that was mistyped is a number, that of a name never is. */
static bool is_host(const char *host, size_t len)
{
	size_t label = 0;
	bool number = true;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)host[i];

		if (c == '.' ? !label : !isalnum(c) && c != '-' && c != '_')
			return false;
		if (c == '.' && i + 1 == len)
			break; /* fully qualified */
		number = c == '.' || (number && isdigit(c));
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (label == 1 && c == '-'))
			return false;
	}
	return len && !number;
}

int gw_endpoint_split(const char *text, char host[GW_HOST_MAX + 1], uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	unsigned int n;
	int used = 0;

	if (!len || len > GW_HOST_MAX || !is_host(text, len) || !isdigit((unsigned char)colon[1]) ||
	    sscanf(colon + 1, "%5u%n", &n, &used) != 1 || colon[1 + used] || !n || n > UINT16_MAX)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	*port = (uint16_t)n;
	return 0;
}

/* --- answers -------------------------------------------------------------------------------- */

/* Can packets be sent there, as far as this host knows? */
static bool is_reachable(const struct evutil_addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool reachable = fd >= 0 && !connect(fd, ai->ai_addr, (socklen_t)ai->ai_addrlen);

	if (fd >= 0)
		close(fd);
	return reachable;
}

/* Of several the one in use, if it is still among them; else IPv6 comes before IPv4 (RFC 6724)
 * where there is a route, and the first of all where there is none. */
static int choose(const struct endpoint *p, const struct evutil_addrinfo *list,
		  struct tp_endpoint *out)
{
	struct tp_endpoint at;
	int best = -1, rank;

	for (const struct evutil_addrinfo *ai = list; ai; ai = ai->ai_next) {
		if (tp_endpoint_from_sockaddr(ai->ai_addr, &at) || !tp_addr_is_unicast(&at.addr))
			continue;
		rank = is_reachable(ai) ? 1 + (ai->ai_family == AF_INET6) : 0;
		if (tp_endpoint_equal(&at, &p->at))
			rank = 3;
		if (rank <= best)
			continue;
		best = rank;
		*out = at;
	}
	return best < 0 ? EVUTIL_EAI_NONAME : 0;
}

static void ask_later(struct endpoint *p)
{
	struct timeval in = {.tv_sec = p->retry_s};

	p->retry_s = p->retry_s * 2 < RETRY_LAST_S ? p->retry_s * 2 : RETRY_LAST_S;
	evtimer_add(p->retry, &in);
}

static void take_answer(struct endpoint *p, const struct evutil_addrinfo *list)
{
	struct tp_endpoint at;
	char text[TP_ADDR_STRLEN];
	bool had = p->failed;

	p->error = p->error ?: choose(p, list, &at);
	p->failed = p->error;
	if (p->failed) {
		if (!had)
			tp_warn("endpoint %s: %s; it is asked for again", p->text,
				evutil_gai_strerror(p->error));
		ask_later(p);
		return;
	}
	p->retry_s = RETRY_FIRST_S;
	if (tp_endpoint_equal(&at, &p->at))
		return;
	p->at = at;
	tp_info("endpoint %s is %s", p->text, tp_endpoint_format(&at, text));
	p->all->changed(p->all->ctx);
}

static void free_endpoint(struct endpoint *p)
{
	if (p->retry)
		event_free(p->retry);
	free(p->text);
	free(p);
}

static void on_answer(int error, struct evutil_addrinfo *list, void *arg)
{
	struct endpoint *p = arg;

	p->asking = false;
	p->request = NULL;
	p->error = error;
	if (p->all) {
		p->all->asking--;
		take_answer(p, list);
	} else {
		free_endpoint(p);
	}
	if (list)
		evutil_freeaddrinfo(list);
}

/* --- questions ------------------------------------------------------------------------------ */

/* Servers and hosts may be others than the last time; while questions are under way nothing
 * changes. */
static struct evdns_base *resolver(struct gw_endpoints *e)
{
	if (e->dns && e->asking)
		return e->dns;
	if (e->dns)
		evdns_base_free(e->dns, 0);
	e->dns = evdns_base_new(e->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!e->dns)
		return NULL;
	evdns_base_resolv_conf_parse(
		e->dns, DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC, RESOLV_CONF);
	evdns_base_load_hosts(e->dns, HOSTS);
	return e->dns;
}

static void ask(struct endpoint *p)
{
	struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_DGRAM,
					.ai_protocol = IPPROTO_UDP,
					.ai_flags = EVUTIL_AI_NUMERICSERV};
	struct evdns_base *dns = resolver(p->all);
	struct evdns_getaddrinfo_request *request;
	char port[8];

	if (!dns) {
		ask_later(p);
		return;
	}
	snprintf(port, sizeof(port), "%u", p->port);
	p->asking = true;
	p->all->asking++;
	p->asked = tp_now();
	request = evdns_getaddrinfo(dns, p->host, port, &hints, on_answer, p);
	if (p->asking) /* else it was answered from /etc/hosts at once */
		p->request = request;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct endpoint *p = arg;

	(void)fd;
	(void)what;
	if (!p->asking)
		ask(p);
}

void gw_endpoints_heard(struct gw_endpoints *e, const char *text, uint64_t at_ns)
{
	struct endpoint *p;

	HASH_FIND_STR(e->endpoints, text, p);
	if (p && p->heard < at_ns)
		p->heard = at_ns;
}

void gw_endpoints_tick(struct gw_endpoints *e, uint64_t now_ns)
{
	uint64_t now = tp_now();
	struct endpoint *p, *next;

	HASH_ITER (hh, e->endpoints, p, next)
		if (!p->asking && !evtimer_pending(p->retry, NULL) &&
		    p->heard + STALE_S * TP_NS_PER_SEC < now_ns &&
		    now - p->asked > RETRY_LAST_S * TP_NS_PER_SEC)
			ask(p);
}

/* --- which there are ------------------------------------------------------------------------ */

static struct endpoint *new_endpoint(struct gw_endpoints *e, const char *text)
{
	struct endpoint *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->text = strdup(text);
	p->retry = evtimer_new(e->base, on_retry, p);
	if (!p->text || !p->retry || gw_endpoint_split(text, p->host, &p->port)) {
		free_endpoint(p);
		return NULL;
	}
	p->all = e;
	p->retry_s = RETRY_FIRST_S;
	HASH_ADD_KEYPTR(hh, e->endpoints, p->text, strlen(p->text), p);
	if (tp_hash_added(p))
		return p;
	free_endpoint(p);
	return NULL;
}

/* Asks from the event loop: an answer that is there at once must not find half a configuration. */
static int keep(struct gw_endpoints *e, const char *text, const json_t *saved)
{
	const char *former = json_string_value(json_object_get(saved, text));
	char host[GW_HOST_MAX + 1];
	struct timeval now = {0};
	struct endpoint *p;
	uint16_t port;

	if (!text || gw_endpoint_split(text, host, &port))
		return 0;
	HASH_FIND_STR(e->endpoints, text, p);
	if (!p) {
		p = new_endpoint(e, text);
		if (!p)
			return -ENOMEM;
		if (former && tp_endpoint_parse(former, &p->at))
			p->at = (struct tp_endpoint){0};
		evtimer_add(p->retry, &now);
	}
	p->kept = true;
	return 0;
}

static void drop(struct gw_endpoints *e, struct endpoint *p)
{
	HASH_DEL(e->endpoints, p);
	if (!p->asking) {
		free_endpoint(p);
		return;
	}
	e->asking--;
	p->all = NULL;
	if (p->request)
		evdns_getaddrinfo_cancel(p->request);
}

int gw_endpoints_apply(struct gw_endpoints *e, const struct gw_config *config, const json_t *saved)
{
	struct endpoint *p, *next;
	int err = 0;

	HASH_ITER (hh, e->endpoints, p, next)
		p->kept = false;
	for (size_t i = 0; i < config->n_overlays; i++)
		for (size_t j = 0; !err && j < config->overlays[i].n_peers; j++)
			err = keep(e, config->overlays[i].peers[j].endpoint, saved);
	HASH_ITER (hh, e->endpoints, p, next)
		if (!err && !p->kept)
			drop(e, p);
	return err;
}

json_t *gw_endpoints_save(const struct gw_endpoints *e)
{
	json_t *saved = json_object();
	char text[TP_ADDR_STRLEN];

	for (const struct endpoint *p = e->endpoints; p; p = p->hh.next)
		if (p->at.port)
			json_object_set_new(saved, p->text,
					    json_string(tp_endpoint_format(&p->at, text)));
	return saved;
}

/* --- asking about them ---------------------------------------------------------------------- */

int gw_endpoints_find(const struct gw_endpoints *e, const char *text, struct tp_endpoint *out)
{
	struct endpoint *p = NULL;

	if (!tp_endpoint_parse(text, out))
		return 0;
	*out = (struct tp_endpoint){0};
	if (e)
		HASH_FIND_STR(e->endpoints, text, p);
	if (!p)
		return -EINVAL;
	*out = p->at;
	return 0;
}

const char *gw_endpoints_state(const struct gw_endpoints *e, const char *text)
{
	struct endpoint *p;

	HASH_FIND_STR(e->endpoints, text, p);
	if (!p)
		return NULL;
	if (p->failed)
		return evutil_gai_strerror(p->error);
	return p->at.port && p->asked && !p->asking ? "resolved" : "resolving";
}

bool gw_endpoints_none(const struct gw_endpoints *e)
{
	return !e->endpoints;
}

/* --- opening and closing -------------------------------------------------------------------- */

int gw_endpoints_new(struct gw_endpoints **out, struct event_base *base, void (*changed)(void *ctx),
		     void *ctx)
{
	struct gw_endpoints *e = calloc(1, sizeof(*e));

	*out = e;
	if (!e)
		return -ENOMEM;
	e->base = base;
	e->changed = changed;
	e->ctx = ctx;
	return 0;
}

void gw_endpoints_free(struct gw_endpoints *e)
{
	struct endpoint *p, *next;

	if (!e)
		return;
	HASH_ITER (hh, e->endpoints, p, next)
		drop(e, p);
	event_base_loop(e->base, EVLOOP_NONBLOCK); /* answers to what was cancelled */
	if (e->dns)
		evdns_base_free(e->dns, 0);
	free(e);
}
