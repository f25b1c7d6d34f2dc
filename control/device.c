// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/device.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "control/peer.h"
#include "control/relay.h"

#define NUMBER_LEN 9 /* digits behind a name */
#define NUMBER_MAX 999999999
#define PAGE	   100
#define COLUMNS                                                                              \
	"id, tenant, name, kind, key, ephemeral, created, max(ifnull(last_seen, 0), ifnull(" \
	"(SELECT max(last_handshake) FROM peer WHERE peer.device = device.id), 0) * 1000)"

static const char *const kinds[] = {
	[CTL_NODE] = "node",
	[CTL_GATEWAY] = "gateway",
	[CTL_RELAY] = "relay",
	[CTL_STOCK] = "stock",
};

const char *ctl_kind_name(enum ctl_kind kind)
{
	return kinds[kind] ? kinds[kind] : "none";
}

enum ctl_kind ctl_kind_parse(const char *name)
{
	for (enum ctl_kind k = CTL_NODE; name && k <= CTL_STOCK; k++)
		if (!strcmp(kinds[k], name))
			return k;
	return CTL_KIND_NONE;
}

/* --- reading --- */

static void read_row(struct sqlite3_stmt *q, struct ctl_device *d)
{
	const uint8_t *key = ctl_db_key(q, 4);

	memset(d, 0, sizeof(*d));
	ctl_db_copy(q, 0, d->id, sizeof(d->id));
	ctl_db_copy(q, 1, d->tenant, sizeof(d->tenant));
	ctl_db_copy(q, 2, d->name, sizeof(d->name));
	d->kind = (enum ctl_kind)ctl_db_int(q, 3);
	d->has_key = key;
	if (key)
		memcpy(d->key, key, sizeof(d->key));
	d->ephemeral = ctl_db_int(q, 5);
	d->created = ctl_db_int(q, 6);
	d->last_seen = ctl_db_int(q, 7);
}

static int read_one(struct ctl_store *s, struct sqlite3_stmt *q, struct ctl_device *out,
		    const char *id, struct ctl_error *err)
{
	int got = ctl_db_step(ctl_store_db(s), q);

	if (got == 1) {
		read_row(q, out);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "device")
		   : ctl_fail(err, CTL_NOT_FOUND, "no device %.40s", id ? id : "");
}

int ctl_device_get(struct ctl_store *s, const char *tenant, const char *id, struct ctl_device *out,
		   struct ctl_error *err)
{
	return read_one(s,
			ctl_db_query(ctl_store_db(s),
				     "SELECT " COLUMNS " FROM device WHERE id = ?1"
				     " AND (?2 IS NULL OR tenant = ?2)",
				     "tt", id, tenant),
			out, id, err);
}

int ctl_device_by_key(struct ctl_store *s, const uint8_t key[32], struct ctl_device *out,
		      struct ctl_error *err)
{
	return read_one(s,
			ctl_db_query(ctl_store_db(s),
				     "SELECT " COLUMNS " FROM device WHERE key = ?", "k", key),
			out, "with this key", err);
}

int ctl_device_by_name(struct ctl_store *s, const char *tenant, const char *name,
		       struct ctl_device *out, struct ctl_error *err)
{
	return read_one(s,
			ctl_db_query(ctl_store_db(s),
				     "SELECT " COLUMNS " FROM device WHERE tenant IS ?1"
				     " AND name = ?2",
				     "tt", tenant, name),
			out, name, err);
}

int ctl_device_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		    bool (*fn)(void *arg, const struct ctl_device *device), void *arg,
		    struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS " FROM device"
					      " WHERE (?1 IS NULL OR tenant = ?1) AND id > ?2"
					      " ORDER BY id LIMIT ?3",
					      "tti", tenant, after, (int64_t)limit);
	struct ctl_device device;
	int got;

	while ((got = ctl_db_step(db, q)) == 1) {
		read_row(q, &device);
		if (!fn(arg, &device))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "device");
}

/* --- making --- */

static int is_taken(struct ctl_store *s, const char *tenant, const char *name)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db, "SELECT 1 FROM device WHERE tenant IS ?1 AND name = ?2", "tt", tenant, name);
	int got = ctl_db_step(db, q);

	ctl_db_done(q);
	return got;
}

static int is_number_taken(struct ctl_store *s, const char *tenant, const char *name,
			   int64_t number, char out[CTL_NAME_LEN])
{
	snprintf(out, CTL_NAME_LEN, "%.*s-%d", CTL_NAME_LEN - 2 - NUMBER_LEN, name, (int)number);
	return is_taken(s, tenant, out);
}

/* One that is free while the number before it is taken, so "vm", "vm-2", "vm-3" … in a few steps
 * however many there are. Ends with it in `out`. */
static int find_number(struct ctl_store *s, const char *tenant, const char *name,
		       char out[CTL_NAME_LEN])
{
	int64_t low = 1, high = 2, middle;
	int taken;

	while ((taken = is_number_taken(s, tenant, name, high, out)) == 1) {
		low = high;
		high *= 2;
		if (high > NUMBER_MAX)
			return 1;
	}
	while (taken >= 0 && high - low > 1) {
		middle = low + (high - low) / 2;
		taken = is_number_taken(s, tenant, name, middle, out);
		*(taken == 1 ? &low : &high) = middle;
	}
	return taken < 0 ? taken : is_number_taken(s, tenant, name, high, out);
}

static int free_name(struct ctl_store *s, const char *tenant, const char *name,
		     char out[CTL_NAME_LEN], struct ctl_error *err)
{
	int taken = is_taken(s, tenant, name);

	snprintf(out, CTL_NAME_LEN, "%s", name);
	if (taken == 1)
		taken = find_number(s, tenant, name, out);
	return taken == 1 ? ctl_fail(err, CTL_RESOURCE_EXHAUSTED,
				     "too many devices are named \"%s\"", name)
			  : ctl_fail_db(err, taken, "device");
}

int ctl_device_create(struct ctl_store *s, const char *tenant, const char *name, enum ctl_kind kind,
		      const uint8_t *key, bool ephemeral, struct ctl_device *out,
		      struct ctl_error *err)
{
	char unique[CTL_NAME_LEN], id[CTL_ID_LEN];
	int rc;

	if (ctl_name_check(name, "name", err) || free_name(s, tenant, name, unique, err))
		return -1;
	ctl_id_new(s, id);
	rc = ctl_db_run(ctl_store_db(s),
			"INSERT INTO device (id, tenant, name, kind, key, ephemeral, created)"
			" VALUES (?, ?, ?, ?, ?, ?, ?)",
			"tttikii", id, tenant, unique, (int64_t)kind, key, (int64_t)ephemeral,
			ctl_now(s));
	if (rc < 0)
		return ctl_fail_db(err, rc, "the device's key");
	if (ctl_device_get(s, tenant, id, out, err))
		return -1;
	return ctl_audit(s, tenant, "device.create", id,
			 json_pack("{s:s,s:s}", "name", unique, "kind", ctl_kind_name(kind)), err);
}

int ctl_device_seen(struct ctl_store *s, const char *id, struct ctl_error *err)
{
	return ctl_fail_db(err,
			   ctl_db_run(ctl_store_db(s),
				      "UPDATE device SET last_seen = ? WHERE id = ?", "it",
				      ctl_now(s), id),
			   "device");
}

/* --- deleting --- */

/* One by one, as each has an address to be held. */
static bool first_network(void *arg, const struct ctl_peer *peer)
{
	snprintf(arg, CTL_ID_LEN, "%s", peer->network);
	return false;
}

static int remove_peers(struct ctl_store *s, const char *id, struct ctl_error *err)
{
	char network[CTL_ID_LEN];

	for (;;) {
		network[0] = '\0';
		if (ctl_peer_list(s, NULL, NULL, id, "", 1, first_network, network, err))
			return -1;
		if (!network[0])
			return 0;
		if (ctl_peer_remove(s, NULL, network, id, err))
			return -1;
	}
}

/* The relay that it is, "" when it is none. */
static int find_relay(struct ctl_store *s, const char *id, char relay[CTL_ID_LEN])
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db, "SELECT id FROM relay WHERE device = ?", "t", id);
	int got = ctl_db_step(db, q);

	relay[0] = '\0';
	if (got == 1)
		ctl_db_copy(q, 0, relay, CTL_ID_LEN);
	ctl_db_done(q);
	return got < 0 ? got : 0;
}

int ctl_device_delete(struct ctl_store *s, const char *tenant, const char *id,
		      struct ctl_error *err)
{
	char relay[CTL_ID_LEN];
	struct ctl_device d;
	int rc;

	if (ctl_device_get(s, tenant, id, &d, err) || remove_peers(s, d.id, err))
		return -1;
	rc = find_relay(s, d.id, relay);
	if (!rc && relay[0])
		return ctl_relay_delete(s, NULL, relay, err); /* and with it the device */
	if (!rc)
		rc = ctl_db_run(ctl_store_db(s), "DELETE FROM device WHERE id = ?", "t", d.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "device");
	ctl_changed(s, CTL_CHANGE_DEVICE, d.id, NULL);
	return ctl_audit(s, d.tenant[0] ? d.tenant : NULL, "device.delete", d.id,
			 json_pack("{s:s}", "name", d.name), err);
}

/* A page of the ephemeral ones: collected first, as each of them is changed or deleted. */
struct page {
	char ids[PAGE][CTL_ID_LEN];
	bool away[PAGE];
	unsigned int n;
};

static int read_page(struct ctl_store *s, int64_t since, const char *after, struct page *page)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "SELECT id, ifnull(last_seen, created) < ? FROM device"
			     " WHERE ephemeral AND id > ? ORDER BY id LIMIT ?",
			     "iti", since, after, (int64_t)PAGE);
	int got;

	page->n = 0;
	while ((got = ctl_db_step(db, q)) == 1) {
		ctl_db_copy(q, 0, page->ids[page->n], CTL_ID_LEN);
		page->away[page->n++] = ctl_db_int(q, 1);
	}
	return got;
}

int ctl_device_reap(struct ctl_store *s, int64_t since,
		    bool (*connected)(void *arg, const char *device), void *arg, unsigned int *n,
		    struct ctl_error *err)
{
	char after[CTL_ID_LEN] = "";
	struct page page;

	*n = 0;
	do {
		if (ctl_fail_db(err, read_page(s, since, after, &page), "device"))
			return -1;
		for (unsigned int i = 0; i < page.n; i++) {
			if (connected(arg, page.ids[i])) {
				if (ctl_device_seen(s, page.ids[i], err))
					return -1;
			} else if (page.away[i]) {
				if (ctl_device_delete(s, NULL, page.ids[i], err))
					return -1;
				++*n;
			}
			snprintf(after, sizeof(after), "%s", page.ids[i]);
		}
	} while (page.n == PAGE);
	return 0;
}
