// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- text --- */

static uint32_t mask_of(unsigned int bits)
{
	return bits ? ~0u << (32 - bits) : 0;
}

uint32_t ctl_prefix_last(uint32_t first, unsigned int bits)
{
	return first | ~mask_of(bits);
}

void ctl_ip_format(uint32_t ip, char text[CTL_IP_LEN])
{
	struct in_addr a = {htonl(ip)};

	inet_ntop(AF_INET, &a, text, CTL_IP_LEN);
}

void ctl_prefix_format(uint32_t first, unsigned int bits, char text[CTL_CIDR_LEN])
{
	char ip[CTL_IP_LEN];

	ctl_ip_format(first, ip);
	snprintf(text, CTL_CIDR_LEN, "%s/%u", ip, bits % 100);
}

static int bad(struct ctl_error *err, const char *what, const char *text, const char *why)
{
	return ctl_fail(err, CTL_INVALID_ARGUMENT, "%s: \"%.40s\" %s", what, text, why);
}

int ctl_prefix_parse(const char *text, const char *what, uint32_t *first, unsigned int *bits,
		     struct ctl_error *err)
{
	char ip[CTL_IP_LEN] = "", *end;
	const char *slash;
	struct in_addr a;

	text = text ? text : "";
	slash = strchr(text, '/');
	if (strchr(text, ':'))
		return bad(err, what, text, "is IPv6; networks are IPv4 only");
	if (!slash || (size_t)(slash - text) >= sizeof(ip))
		return bad(err, what, text, "is no prefix such as 100.64.1.0/24");
	memcpy(ip, text, (size_t)(slash - text));
	*bits = (unsigned int)strtoul(slash + 1, &end, 10);
	if (inet_pton(AF_INET, ip, &a) != 1 || end == slash + 1 || end > slash + 3 || *end ||
	    slash[1] < '0' || slash[1] > '9' || *bits > 32)
		return bad(err, what, text, "is no prefix such as 100.64.1.0/24");
	*first = ntohl(a.s_addr);
	if (*first & ~mask_of(*bits))
		return bad(err, what, text, "has host bits set");
	return 0;
}

static bool overlaps(uint32_t a, unsigned int a_bits, uint32_t b, unsigned int b_bits)
{
	uint32_t mask = mask_of(a_bits < b_bits ? a_bits : b_bits);

	return (a & mask) == (b & mask);
}

int ctl_hosts_parse(const char *text, const char *what, uint32_t *first, unsigned int *bits,
		    struct ctl_error *err)
{
	static const struct {
		uint32_t first;
		unsigned int bits;
	} unusable[] = {{0, 8}, {0x7f000000, 8}, {0xa9fe0000, 16}, {0xe0000000, 3}};

	if (ctl_prefix_parse(text, what, first, bits, err))
		return -1;
	if (!*bits)
		return bad(err, what, text, "is too large");
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
		if (overlaps(*first, *bits, unusable[i].first, unusable[i].bits))
			return bad(err, what, text, "holds addresses that no host can have");
	return 0;
}

int ctl_route_parse(const char *text, const char *what, uint32_t *first, unsigned int *bits,
		    struct ctl_error *err)
{
	if (ctl_hosts_parse(text, what, first, bits, err))
		return -1;
	if (*bits >= 10 && overlaps(*first, *bits, CTL_SERVICE_FIRST, CTL_SERVICE_BITS))
		return bad(err, what, text, "holds relays' service addresses, 100.127.255.0/24");
	return 0;
}

int ctl_subnet_parse(const char *text, const char *what, uint32_t *first, unsigned int *bits,
		     struct ctl_error *err)
{
	if (ctl_route_parse(text, what, first, bits, err))
		return -1;
	return *bits > 30 ? bad(err, what, text, "is too small: a network is a /30 at least") : 0;
}

/* --- taking --- */

struct network_row {
	uint32_t first, last, next; /* of hosts */
};

static int network_row(struct ctl_store *s, const char *network, struct network_row *row,
		       struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db, "SELECT first, bits, next_ip FROM network WHERE id = ?", "t", network);
	int got = ctl_db_step(db, q);

	if (got == 1) {
		row->first = (uint32_t)ctl_db_int(q, 0) + 1;
		row->last = ctl_prefix_last(row->first, (unsigned int)ctl_db_int(q, 1)) - 1;
		row->next = (uint32_t)ctl_db_int(q, 2);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "network")
		   : ctl_fail(err, CTL_NOT_FOUND, "no network %s", network);
}

/* The first that is free in [from, to]; 0 when there is none. Walks the taken ones in their order
 * until one is missing. */
static int first_free(struct ctl_store *s, const char *network, uint32_t from, uint32_t to,
		      uint32_t *ip)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db,
		"SELECT ip FROM peer WHERE network = ?1 AND ip BETWEEN ?2 AND ?3 UNION ALL"
		" SELECT ip FROM address_hold WHERE network = ?1 AND ip BETWEEN ?2 AND ?3"
		" ORDER BY ip",
		"tii", network, (int64_t)from, (int64_t)to);
	int got;

	*ip = from;
	while ((got = ctl_db_step(db, q)) == 1 && ctl_db_int(q, 0) == *ip)
		++*ip;
	ctl_db_done(q);
	if (*ip > to)
		*ip = 0;
	return got < 0 ? got : 0;
}

static bool in_service(uint32_t ip)
{
	return overlaps(ip, 32, CTL_SERVICE_FIRST, CTL_SERVICE_BITS);
}

/* Networks wider than a /10 may hold the service addresses, which nobody gets. */
static int first_usable(struct ctl_store *s, const char *network, uint32_t from, uint32_t to,
			uint32_t *ip)
{
	int rc = from <= to ? first_free(s, network, from, to, ip) : (*ip = 0, 0);

	if (!rc && *ip && in_service(*ip)) {
		from = ctl_prefix_last(CTL_SERVICE_FIRST, CTL_SERVICE_BITS) + 1;
		rc = from <= to ? first_free(s, network, from, to, ip) : (*ip = 0, 0);
	}
	return rc;
}

int ctl_address_take(struct ctl_store *s, const char *network, uint32_t *ip, struct ctl_error *err)
{
	struct network_row row = {0};
	int rc;

	*ip = 0;
	if (network_row(s, network, &row, err))
		return -1;
	if (row.next < row.first || row.next > row.last)
		row.next = row.first;
	rc = first_usable(s, network, row.next, row.last, ip);
	if (!rc && !*ip)
		rc = first_usable(s, network, row.first, row.next - 1, ip);
	if (!rc && !*ip)
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED,
				"the network has no free address; released ones wait for the "
				"gateways' acknowledgement");
	if (!rc)
		rc = ctl_db_run(ctl_store_db(s), "UPDATE network SET next_ip = ? WHERE id = ?",
				"it", (int64_t)*ip + 1, network);
	return ctl_fail_db(err, rc, "address");
}

int ctl_address_release(struct ctl_store *s, const char *network, uint32_t ip,
			struct ctl_error *err)
{
	int rc = ctl_db_run(ctl_store_db(s),
			    "INSERT INTO address_hold (network, ip, revision) VALUES (?, ?, ?)",
			    "tii", network, (int64_t)ip, (int64_t)ctl_store_next_revision(s));

	return ctl_fail_db(err, rc, "held address");
}

int ctl_address_acknowledged(struct ctl_store *s, const char *network, uint64_t revision,
			     struct ctl_error *err)
{
	int rc = ctl_db_run(ctl_store_db(s),
			    "DELETE FROM address_hold WHERE network = ? AND revision <= ?", "ti",
			    network, (int64_t)revision);

	return ctl_fail_db(err, rc, "held address");
}

int ctl_service_address_take(struct ctl_store *s, uint32_t *ip, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT service_ip FROM relay ORDER BY service_ip", "");
	int got;

	*ip = CTL_SERVICE_FIRST + 1;
	while ((got = ctl_db_step(db, q)) == 1 && ctl_db_int(q, 0) == *ip)
		++*ip;
	ctl_db_done(q);
	if (got < 0)
		return ctl_fail_db(err, got, "relay");
	if (*ip >= ctl_prefix_last(CTL_SERVICE_FIRST, CTL_SERVICE_BITS))
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "all 254 service addresses are taken");
	return 0;
}
