/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses of peers: IPv4, one after another, taken in the transaction that makes their peer, so
 * that no crash and no two joins give one twice. Addresses here are in host order.
 */
#ifndef CONTROL_ADDRESS_H
#define CONTROL_ADDRESS_H

#include "control/store.h"

/* Relays' service addresses, one each; no network may have any of them. */
#define CTL_SERVICE_FIRST 0x647fff00u /* 100.127.255.0 */
#define CTL_SERVICE_BITS  24

/* A subnet that a network may have: IPv4, no host bits, /1 to /30, unicast, none of the service
 * addresses. `what` names it in errors. */
int ctl_subnet_parse(const char *text, const char *what, uint32_t *first, unsigned int *bits,
		     struct ctl_error *err);
/* Any IPv4 prefix without host bits, /0 to /32. */
int ctl_prefix_parse(const char *text, const char *what, uint32_t *first, unsigned int *bits,
		     struct ctl_error *err);
/* One of unicast addresses that hosts can have, /1 to /32. */
int ctl_hosts_parse(const char *text, const char *what, uint32_t *first, unsigned int *bits,
		    struct ctl_error *err);
/* The same without service addresses: what may be behind a gateway. */
int ctl_route_parse(const char *text, const char *what, uint32_t *first, unsigned int *bits,
		    struct ctl_error *err);
void ctl_prefix_format(uint32_t first, unsigned int bits, char text[CTL_CIDR_LEN]);
void ctl_ip_format(uint32_t ip, char text[CTL_IP_LEN]);
/* The last address of a prefix. */
uint32_t ctl_prefix_last(uint32_t first, unsigned int bits);

/* The next free one after the one that was taken last, beginning anew at the end; never the
 * network's own, the broadcast, or one that is held. */
int ctl_address_take(struct ctl_store *s, const char *network, uint32_t *ip, struct ctl_error *err);
/* Holds it back until every gateway has acknowledged this transaction's revision. */
int ctl_address_release(struct ctl_store *s, const char *network, uint32_t ip,
			struct ctl_error *err);
/* All gateways of the network have acknowledged `revision`. */
int ctl_address_acknowledged(struct ctl_store *s, const char *network, uint64_t revision,
			     struct ctl_error *err);
/* The lowest service address that no relay has. */
int ctl_service_address_take(struct ctl_store *s, uint32_t *ip, struct ctl_error *err);

#endif
