// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/policy.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/classes.h"
#include "control/network.h"
#include "control/peer.h"

#define GROUPS_MAX 64 /* of one device, for a question */

/* --- applying --- */

static int insert(struct ctl_store *s, const struct ctl_policy *p, const char *text,
		  struct ctl_error *err)
{
	return ctl_fail_db(
		err,
		ctl_db_run(ctl_store_db(s),
			   "INSERT INTO policy (id, network, name, position, rules, created)"
			   " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (network, name) DO UPDATE"
			   " SET position = excluded.position, rules = excluded.rules",
			   "tttiti", p->id, p->network, p->name, p->position, text, p->created),
		"policy");
}

static int check_rules(const json_t *rules, struct ctl_error *err)
{
	struct ctl_rules *parsed;
	int rc = ctl_rules_parse(&parsed, rules, err);

	ctl_rules_free(parsed);
	return rc;
}

int ctl_policy_apply(struct ctl_store *s, const char *tenant, const char *network, const char *name,
		     int64_t position, const struct json_t *rules, struct ctl_error *err)
{
	struct ctl_policy p = {.position = position, .created = ctl_now(s)};
	struct ctl_network n;
	char *text;
	int rc;

	if (ctl_name_check(name, "name", err) || ctl_network_get(s, tenant, network, &n, err) ||
	    check_rules(rules, err))
		return -1;
	text = json_dumps(rules, JSON_COMPACT);
	if (!text)
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	ctl_id_new(s, p.id);
	snprintf(p.network, sizeof(p.network), "%s", n.id);
	snprintf(p.name, sizeof(p.name), "%s", name);
	rc = insert(s, &p, text, err);
	free(text);
	if (rc || ctl_classes_check(s, n.id, err))
		return -1;
	ctl_changed(s, CTL_CHANGE_NETWORK, n.id, n.id);
	return ctl_audit(
		s, n.tenant, "policy.apply", n.id,
		json_pack("{s:s,s:I}", "name", name, "rules", (json_int_t)json_array_size(rules)),
		err);
}

int ctl_policy_delete(struct ctl_store *s, const char *tenant, const char *network,
		      const char *name, struct ctl_error *err)
{
	struct ctl_network n;
	int rc;

	if (ctl_network_get(s, tenant, network, &n, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "DELETE FROM policy WHERE network = ? AND name = ?", "tt",
			n.id, name);
	if (rc < 0)
		return ctl_fail_db(err, rc, "policy");
	if (!rc)
		return ctl_fail(err, CTL_NOT_FOUND, "no policy \"%.63s\"", name);
	ctl_changed(s, CTL_CHANGE_NETWORK, n.id, n.id);
	return ctl_audit(s, n.tenant, "policy.delete", n.id, json_pack("{s:s}", "name", name), err);
}

/* --- reading --- */

static bool pass_on(struct sqlite3_stmt *q, bool (*fn)(void *arg, const struct ctl_policy *policy),
		    void *arg)
{
	struct ctl_policy p = {.position = ctl_db_int(q, 3), .created = ctl_db_int(q, 5)};
	bool more;

	ctl_db_copy(q, 0, p.id, sizeof(p.id));
	ctl_db_copy(q, 1, p.network, sizeof(p.network));
	ctl_db_copy(q, 2, p.name, sizeof(p.name));
	p.rules = json_loads(ctl_db_text(q, 4), 0, NULL);
	more = p.rules && fn(arg, &p);
	json_decref(p.rules);
	return more;
}

int ctl_policy_list(struct ctl_store *s, const char *tenant, const char *network,
		    bool (*fn)(void *arg, const struct ctl_policy *policy), void *arg,
		    struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct ctl_network n;
	struct sqlite3_stmt *q;
	int got;

	if (ctl_network_get(s, tenant, network, &n, err))
		return -1;
	q = ctl_db_query(db,
			 "SELECT id, network, name, position, rules, created FROM policy"
			 " WHERE network = ? ORDER BY position, name",
			 "t", n.id);
	while ((got = ctl_db_step(db, q)) == 1)
		if (!pass_on(q, fn, arg))
			break;
	ctl_db_done(q);
	return ctl_fail_db(err, got, "policy");
}

static bool append(void *arg, const struct ctl_policy *p)
{
	return !json_array_extend(arg, p->rules);
}

int ctl_policy_rules(struct ctl_store *s, const char *network, struct json_t **out,
		     struct ctl_error *err)
{
	*out = json_array();
	if (!ctl_policy_list(s, NULL, network, append, *out, err))
		return 0;
	json_decref(*out);
	*out = NULL;
	return -1;
}

/* --- trying --- */

/* One end of a question, with what its struct ctl_subject points to. */
struct end {
	struct ctl_subject who;
	struct ctl_peer peer;
	json_t *tags;
	const char *tag_list[CTL_PEER_TAGS];
	char groups[GROUPS_MAX][CTL_NAME_LEN];
	const char *group_list[GROUPS_MAX];
};

static int find_peer(struct ctl_store *s, const char *network, const char *text, struct end *e,
		     struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q;
	struct in_addr ip;
	char device[CTL_ID_LEN] = "";
	int64_t address = -1;
	int got;

	if (inet_pton(AF_INET, text, &ip) == 1)
		address = ntohl(ip.s_addr);
	q = ctl_db_query(db,
			 "SELECT device.id FROM peer JOIN device ON device.id = peer.device"
			 " WHERE peer.network = ?1 AND (device.name = ?2 OR peer.ip = ?3)",
			 "tti", network, text, address);
	got = ctl_db_step(db, q);
	if (got == 1)
		ctl_db_copy(q, 0, device, sizeof(device));
	ctl_db_done(q);
	if (got < 0)
		return ctl_fail_db(err, got, "peer");
	e->who.ip = address < 0 ? 0 : (uint32_t)address;
	if (device[0])
		return ctl_peer_get(s, NULL, network, device, &e->peer, err);
	return address >= 0
		       ? 0
		       : ctl_fail(err, CTL_NOT_FOUND, "no device \"%.63s\" in this network", text);
}

static int find_groups(struct ctl_store *s, struct end *e, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "SELECT name FROM device_group JOIN group_member"
			     " ON group_member.device_group = device_group.id WHERE device = ?",
			     "t", e->peer.device);
	int got;

	while ((got = ctl_db_step(db, q)) == 1 && e->who.n_groups < GROUPS_MAX) {
		ctl_db_copy(q, 0, e->groups[e->who.n_groups], CTL_NAME_LEN);
		e->group_list[e->who.n_groups] = e->groups[e->who.n_groups];
		e->who.n_groups++;
	}
	ctl_db_done(q);
	e->who.groups = e->group_list;
	if (got == 1)
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "\"%s\" is in more than %d groups",
				e->peer.device_name, GROUPS_MAX);
	return ctl_fail_db(err, got, "group");
}

static int find_end(struct ctl_store *s, const char *network, const char *text, struct end *e,
		    struct ctl_error *err)
{
	if (find_peer(s, network, text, e, err))
		return -1;
	if (!e->peer.device[0])
		return 0;
	e->who.name = e->peer.device_name;
	e->who.ip = e->peer.ip;
	e->tags = json_loads(e->peer.tags, 0, NULL);
	for (; e->who.n_tags < json_array_size(e->tags); e->who.n_tags++)
		e->tag_list[e->who.n_tags] =
			json_string_value(json_array_get(e->tags, e->who.n_tags));
	e->who.tags = e->tag_list;
	return find_groups(s, e, err);
}

static int check_protocol(const char *protocol, struct ctl_error *err)
{
	return strcmp(protocol, "tcp") && strcmp(protocol, "udp") && strcmp(protocol, "icmp")
		       ? ctl_fail(err, CTL_INVALID_ARGUMENT, "protocol: must be tcp, udp or icmp")
		       : 0;
}

int ctl_policy_test(struct ctl_store *s, const char *tenant, const char *network, const char *from,
		    const char *to, const char *protocol, uint16_t port, bool *allowed,
		    char rule[CTL_NAME_LEN], struct ctl_error *err)
{
	struct end a = {0}, b = {0};
	struct ctl_rules *rules = NULL;
	struct ctl_network n;
	json_t *list = NULL;
	long found;
	int rc = -1;

	*allowed = false;
	rule[0] = '\0';
	if (check_protocol(protocol, err) || ctl_network_get(s, tenant, network, &n, err) ||
	    find_end(s, n.id, from, &a, err) || find_end(s, n.id, to, &b, err) ||
	    ctl_policy_rules(s, n.id, &list, err) || ctl_rules_parse(&rules, list, err))
		goto out;
	found = ctl_rules_judge(rules, &a.who, &b.who, protocol, port);
	*allowed = found >= 0;
	if (found >= 0)
		snprintf(rule, CTL_NAME_LEN, "%s", ctl_rules_name(rules, (size_t)found));
	rc = 0;
out:
	ctl_rules_free(rules);
	json_decref(list);
	json_decref(a.tags);
	json_decref(b.tags);
	return rc;
}
