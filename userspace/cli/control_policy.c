// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control policy. */
#include <stdlib.h>
#include <string.h>

#include "control_cli.h"

static void policy_rows(struct table *t, const json_t *policy)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(policy, "rules"), i, rule)
	{
		cell_str(t, policy, "name");
		cell_str(t, rule, "name");
		cell_list(t, rule, "from");
		cell_list(t, rule, "to");
		cell_str(t, rule, "protocol");
		cell_list(t, rule, "ports");
		cell_yes(t, rule, "shadow");
	}
}

static void show_policies(struct control *c, const json_t *reply)
{
	static const struct column columns[] = {
		{"POLICY", false, 0},	{"RULE", false, 0},  {"FROM", false, 0},   {"TO", false, 0},
		{"PROTOCOL", false, 0}, {"PORTS", false, 0}, {"SHADOW", false, 1},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *policy;
	size_t i;

	json_array_foreach(json_object_get(reply, "policies"), i, policy) policy_rows(t, policy);
	table_finish(&c->cli, t);
}

int control_policy_list(struct control *c, int argc, char **argv)
{
	json_t *in = control_in_network(c);

	(void)argc;
	(void)argv;
	return in ? control_show(c, "ListPolicies", in, show_policies) : CLI_FAILURE;
}

/* A list of rules, or an object with them and what else ApplyPolicy takes. */
static json_t *read_policy(const struct control *c, const char *path)
{
	json_error_t why;
	json_t *j = strcmp(path, "-") != 0 ? json_load_file(path, JSON_REJECT_DUPLICATES, &why)
					   : json_loadf(stdin, JSON_REJECT_DUPLICATES, &why);

	if (!j)
		control_fail(c, "invalid_argument", "%s:%d: %s", path, why.line > 0 ? why.line : 0,
			     why.text);
	return json_is_array(j) ? json_pack("{s:o}", "rules", j) : j;
}

/* "rules/web.json" is policy "web" unless something says otherwise. */
static void add_name(struct control *c, json_t *in, const char *path)
{
	const char *base = strrchr(path, '/');
	size_t len;

	base = base ? base + 1 : path;
	len = strcspn(base, ".");
	if (c->name)
		json_object_set_new(in, "name", json_string(c->name));
	else if (!json_object_get(in, "name"))
		json_object_set_new(in, "name", json_stringn(base, len));
	if (c->position)
		json_object_set_new(in, "position", json_integer(c->position));
}

/* --- names that nobody has: allowed, since who has them may come later, but often a slip ---------
 */

static bool is_there(const json_t *rows, const char *key, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) if (!strcmp(cli_str(row, key), name)) return true;
	return false;
}

/* Tags are what peers are given; addresses have a dot. */
static void warn_selector(const json_t *peers, const json_t *groups, const char *rule,
			  const char *word)
{
	if (!strncmp(word, "group:", 6)) {
		if (!is_there(groups, "name", word + 6))
			cli_fail("rule %s: there is no group \"%s\"", rule, word + 6);
	} else if (strcmp(word, "any") != 0 && !strpbrk(word, ".:") &&
		   !is_there(peers, "deviceName", word)) {
		cli_fail("rule %s: there is no device \"%s\" in this network", rule, word);
	}
}

static void warn_rules(struct control *c, const json_t *rules, json_t *network)
{
	json_t *peers = control_list(c, "ListWireGuardPeers", network, "peers"),
	       *groups = control_list(c, "ListGroups", json_object(), "groups"), *rule, *word;
	size_t i, k;

	json_array_foreach(rules, i, rule)
	{
		const char *name = cli_str(rule, "name");

		json_array_foreach(json_object_get(rule, "from"), k, word)
			warn_selector(peers, groups, name, json_string_value(word));
		json_array_foreach(json_object_get(rule, "to"), k, word)
			warn_selector(peers, groups, name, json_string_value(word));
	}
	json_decref(peers);
	json_decref(groups);
}

int control_policy_apply(struct control *c, int argc, char **argv)
{
	json_t *in = read_policy(c, argv[0]), *network = in ? control_in_network(c) : NULL, *rules;
	int status;

	(void)argc;
	if (!network) {
		json_decref(in);
		return CLI_FAILURE;
	}
	json_object_update(in, network);
	add_name(c, in, argv[0]);
	rules = json_incref(json_object_get(in, "rules"));
	status = control_show(c, "ApplyPolicy", in, show_policies);
	if (!status)
		warn_rules(c, rules, json_incref(network));
	json_decref(rules);
	json_decref(network);
	return status;
}

int control_policy_delete(struct control *c, int argc, char **argv)
{
	json_t *in = control_in_network(c);

	(void)argc;
	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "name", json_string(argv[0]));
	return control_show(c, "DeletePolicy", in, NULL);
}

/* Of what has ports, one must be given. 0, or told. */
static int add_port(const struct control *c, json_t *in, const char *protocol, const char *text)
{
	bool wanted = !strcmp(protocol, "tcp") || !strcmp(protocol, "udp");
	char *end = NULL;
	long port = text ? strtol(text, &end, 10) : 0;

	if (text ? end == text || *end || port < 0 || port > UINT16_MAX : wanted)
		return control_fail(c, "invalid_argument", "%s: \"%s\" is no port", protocol,
				    text ? text : "");
	json_object_set_new(in, "port", json_integer(port));
	return 0;
}

/* The exit status says it, too. */
int control_policy_test(struct control *c, int argc, char **argv)
{
	json_t *in = control_in_network(c), *reply;
	const char *rule;
	bool allowed;

	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "from", json_string(argv[0]));
	json_object_set_new(in, "to", json_string(argv[1]));
	json_object_set_new(in, "protocol", json_string(argv[2]));
	if (add_port(c, in, argv[2], argc > 3 ? argv[3] : NULL)) {
		json_decref(in);
		return CLI_FAILURE;
	}
	reply = control_call(c, "TestPolicy", in);
	if (!reply)
		return CLI_FAILURE;
	allowed = json_is_true(json_object_get(reply, "allowed"));
	rule = cli_str(reply, "rule");
	if (c->cli.json)
		cli_print_json(reply);
	else if (allowed)
		printf("allowed by rule %s\n", *rule ? rule : "without a name");
	else
		puts("denied: no rule allows it");
	json_decref(reply);
	return allowed ? CLI_OK : CLI_FAILURE;
}
