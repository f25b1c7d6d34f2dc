// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike gateway status, acl, nat, flows, drops and detach. */
#include <inttypes.h>
#include <string.h>

#include "cells.h"
#include "units.h"

#define FLOWS_SHOWN 10000

/* --- status --------------------------------------------------------------------------------- */

static void show_device(const struct cli *cli, const char *title, const json_t *d)
{
	bool attached = json_is_true(json_object_get(d, "attached"));
	enum paint paint = attached ? GREEN : RED;

	cli_line(cli, title, "%s, %s%s%s (%s), MTU %" PRIu64, cli_str(d, "name"),
		 paint_on(paint, cli->colour), attached ? "attached" : "not attached",
		 paint_off(paint, cli->colour), cli_str(d, "tc"), cli_num(d, "mtu"));
}

#define NAMES_SHOWN 10

/* Each host name once, though many peers may have it. */
static void show_names(const struct cli *cli, const json_t *names)
{
	const char *last = "";
	const json_t *n;
	size_t i, shown = 0;

	json_array_foreach(names, i, n)
	{
		if (!strcmp(last, cli_str(n, "endpoint")) || shown++ >= NAMES_SHOWN)
			continue;
		last = cli_str(n, "endpoint");
		cli_line(cli, "", "  %s is %s (%s)", last,
			 json_is_string(json_object_get(n, "address")) ? cli_str(n, "address")
								       : "not known",
			 cli_str(n, "state"));
	}
}

static void show_overlays(const struct cli *cli, const json_t *s)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(s, "overlays"), i, o)
	{
		show_device(cli, i ? "" : "overlays", o);
		cli_line(cli, "", "  %s, %" PRIu64 " peers", cli_str(o, "backend"),
			 cli_num(o, "peers"));
		show_names(cli, json_object_get(o, "names"));
		cli_gateway_status_relays(cli, json_object_get(o, "relays"));
	}
}

static void show_uplinks(const struct cli *cli, const json_t *s)
{
	const json_t *u, *a;
	size_t i, j;

	json_array_foreach(json_object_get(s, "uplinks"), i, u)
	{
		show_device(cli, i ? "" : "uplinks", u);
		json_array_foreach(json_object_get(u, "addresses"), j, a)
			cli_line(cli, "", "  %s", json_string_value(a));
	}
}

static void show_subnets(const struct cli *cli, const json_t *s)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(s, "subnets"), i, p)
		cli_line(cli, i ? "" : "subnets", "%s through %s, %s", cli_str(p, "prefix"),
			 cli_str(p, "uplink"),
			 json_is_true(json_object_get(p, "masquerade")) ? "masqueraded" : "routed");
}

static void show_traffic(const struct cli *cli, const json_t *s)
{
	const json_t *f = json_object_get(s, "forwarded");
	char a[UNIT_STRLEN], b[UNIT_STRLEN], c[UNIT_STRLEN];

	cli_line(cli, "flows", "%" PRIu64 " of at most %" PRIu64, cli_num(s, "flows"),
		 cli_num(s, "flows_limit"));
	cli_line(cli, "forwarded", "%s packets, %s", unit_count(cli_num(f, "packets"), a),
		 unit_bytes(cli_num(f, "bytes"), b));
	cli_line(cli, "other packets", "%s dropped, %s answered, %s passed to the kernel",
		 unit_count(cli_num(s, "dropped"), a), unit_count(cli_num(s, "answered"), b),
		 unit_count(cli_num(s, "passed"), c));
}

static void show_policy(const struct cli *cli, const json_t *s)
{
	const json_t *p = json_object_get(s, "policy");

	if (p)
		cli_line(cli, "policy", "%" PRIu64 " rules, default %s%s, generation %" PRIu64,
			 cli_num(p, "rules"), cli_str(p, "default"),
			 json_is_true(json_object_get(p, "shadow")) ? ", in shadow mode" : "",
			 cli_num(p, "generation"));
}

static void show_status(struct cli *cli, const json_t *s)
{
	char uptime[UNIT_STRLEN];

	cli_line(cli, "gateway", "%s, turnpike %s, up %s", cli_str(s, "instance"),
		 cli_str(s, "version"),
		 unit_duration(json_number_value(json_object_get(s, "uptime_s")), uptime));
	show_overlays(cli, s);
	show_uplinks(cli, s);
	cli_line(cli, "first line", "XDP %s", cli_str(s, "attach"));
	show_subnets(cli, s);
	show_policy(cli, s);
	show_traffic(cli, s);
}

int cli_gateway_status(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("status"), show_status);
}

/* --- acl ------------------------------------------------------------------------------------ */

static void show_acl(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"RULE", false, 0},  {"NAME", false, 0},   {"FLOWS", true, 0},
		{"FROM", false, 1},  {"TO", false, 1},	   {"PROTOCOL", false, 2},
		{"PORTS", false, 2}, {"SHADOW", false, 3},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "rules"), i, row)
	{
		cell_number(t, row, "rule");
		cell_str(t, row, "name");
		cell_number(t, row, "flows");
		cell_list(t, row, "from");
		cell_list(t, row, "to");
		cell_str(t, row, "protocol");
		cell_list(t, row, "ports");
		cell_yes(t, row, "shadow");
	}
	table_finish(cli, t);
	printf("\nDefault: %s; it let %" PRIu64 " flows pass and refused %" PRIu64 ".\n",
	       cli_str(reply, "default"), cli_num(reply, "default_flows"),
	       cli_num(reply, "default_refused"));
}

int cli_gateway_acl(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("acl"), show_acl);
}

/* --- nat ------------------------------------------------------------------------------------ */

static void show_addresses(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"ADDRESS", false, 0}, {"UPLINK", false, 0}, {"UDP", true, 0},	  {"TCP", true, 0},
		{"ICMP", true, 0},     {"RESTING", true, 1}, {"BLOCKS", true, 0}, {"OF", true, 0},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "addresses"), i, row)
	{
		cell_str(t, row, "address");
		cell_str(t, row, "uplink");
		cell_number(t, row, "udp");
		cell_number(t, row, "tcp");
		cell_number(t, row, "icmp");
		cell_number(t, row, "resting");
		cell_number(t, row, "blocks");
		cell_number(t, row, "blocks_limit");
	}
	table_finish(cli, t);
}

static void show_nodes(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"NODE", false, 0},   {"NAME", false, 0},   {"OVERLAY", false, 1},
		{"UPLINK", false, 2}, {"BLOCKS", false, 0},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "nodes"), i, row)
	{
		cell_str(t, row, "node");
		cell_str(t, row, "node_name");
		cell_str(t, row, "overlay");
		cell_str(t, row, "uplink");
		cell_list(t, row, "blocks");
	}
	table_finish(cli, t);
}

static void show_nat(struct cli *cli, const json_t *reply)
{
	if (!json_is_true(json_object_get(reply, "masquerade"))) {
		puts("Nothing is masqueraded: masquerade = false.");
		return;
	}
	show_addresses(cli, reply);
	putchar('\n');
	show_nodes(cli, reply);
}

int cli_gateway_nat(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("nat"), show_nat);
}

/* --- flows ---------------------------------------------------------------------------------- */

static void cell_end(struct table *t, const json_t *row, const char *addr, const char *port)
{
	if (cli_num(row, port))
		table_cell(t, PLAIN, "%s %" PRIu64, cli_str(row, addr), cli_num(row, port));
	else
		cell_str(t, row, addr);
}

static void show_flows(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"NODE", false, 0},    {"REMOTE", false, 0}, {"PROTO", false, 0},
		{"KIND", false, 2},    {"STATE", false, 3},  {"EXTERNAL", false, 1},
		{"RULE", false, 0},    {"LEFT", true, 0},    {"OUT PKTS", true, 5},
		{"OUT", true, 1},      {"IN PKTS", true, 5}, {"IN", true, 1},
		{"OVERLAY", false, 6},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(reply, i, row)
	{
		const json_t *out = json_object_get(row, "out"), *in = json_object_get(row, "in");

		cell_end(t, row, "node", "node_port");
		cell_end(t, row, "remote", "remote_port");
		cell_str(t, row, "protocol");
		cell_str(t, row, "kind");
		cell_str(t, row, "state");
		cell_str(t, row, "external");
		table_cell(t, PLAIN, "%s", cli_flow_rule(row));
		cell_duration(t, row, "expires_in_s");
		cell_count(t, out, "packets");
		cell_bytes(t, out, "bytes");
		cell_count(t, in, "packets");
		cell_bytes(t, in, "bytes");
		cell_str(t, row, "overlay");
	}
	table_finish(cli, t);
	if (json_array_size(reply) >= FLOWS_SHOWN)
		fprintf(stderr, "turnpike: only %d flows are shown; name a node\n", FLOWS_SHOWN);
}

int cli_gateway_flows(struct cli *cli, int argc, char **argv)
{
	json_t *request = cli_command("flows");

	if (argc)
		json_object_set_new(request, "node", json_string(argv[0]));
	json_object_set_new(request, "limit", json_integer(FLOWS_SHOWN));
	return cli_show(cli, request, show_flows);
}

/* --- drops, detach -------------------------------------------------------------------------- */

/* What was forwarded is no drop; all else that ever happened is shown. */
static bool is_shown(const struct cli *cli, const json_t *row)
{
	if (cli->all)
		return true;
	return cli_num(row, "packets") && strcmp(cli_str(row, "kind"), "forward") != 0;
}

static void show_drops(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"KIND", false, 0}, {"REASON", false, 0},  {"PACKETS", true, 0},
		{"BYTES", true, 2}, {"MEANING", false, 1},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i, shown = 0;

	json_array_foreach(reply, i, row)
	{
		const char *kind = cli_str(row, "kind");

		if (!is_shown(cli, row))
			continue;
		table_cell(t, strcmp(kind, "drop") == 0 ? YELLOW : PLAIN, "%s", kind);
		cell_str(t, row, "reason");
		cell_number(t, row, "packets");
		cell_bytes(t, row, "bytes");
		cell_str(t, row, "text");
		shown++;
	}
	if (!shown)
		puts("Nothing was dropped, passed on or answered.");
	else
		table_print(t, stdout, cli->width, cli->colour);
	table_free(t);
}

static void show_detached(struct cli *cli, const json_t *reply)
{
	(void)cli;
	(void)reply;
	puts("The gateway has detached; forwarding ends and so does the daemon.");
}

int cli_gateway_drops(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("drops"), show_drops);
}

int cli_gateway_detach(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("detach"), show_detached);
}
