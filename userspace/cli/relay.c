// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike relay nodes, flows, drops, peer-config and detach. */
#include <string.h>

#include "cells.h"

#define FLOWS_SHOWN 10000

static void show_nodes(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"NAME", false, 0},	 {"NETWORK", false, 3},	   {"STATE", false, 0},
		{"ENDPOINT", false, 1},	 {"LOCAL", false, 7},	   {"SEEN", true, 2},
		{"RX PKTS", true, 5},	 {"RX", true, 0},	   {"TX PKTS", true, 5},
		{"TX", true, 0},	 {"FLOWS", true, 4},	   {"MTU", true, 6},
		{"ROUND TRIP", true, 6}, {"PUBLIC KEY", false, 8},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(reply, i, row)
	{
		const char *state = cli_str(row, "state");

		cell_str(t, row, "name");
		cell_str(t, row, "network");
		table_cell(t, strcmp(state, "online") == 0 ? GREEN : YELLOW, "%s", state);
		cell_str(t, row, "endpoint");
		cell_str(t, row, "local");
		cell_duration(t, row, "last_seen_s");
		cell_count(t, row, "rx_packets");
		cell_bytes(t, row, "rx_bytes");
		cell_count(t, row, "tx_packets");
		cell_bytes(t, row, "tx_bytes");
		cell_number(t, row, "flows");
		cell_number(t, row, "path_mtu");
		cell_millis(t, row, "round_trip_us");
		cell_str(t, row, "public_key");
	}
	table_finish(cli, t);
}

static void show_flows(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"FROM", false, 0},	{"TO", false, 0},	{"NETWORK", false, 6},
		{"SOURCE", false, 2},	{"LOCAL", false, 7},	{"DESTINATION", false, 3},
		{"INDEX", false, 4},	{"LEFT", true, 1},	{"PACKETS", true, 0},
		{"BYTES", true, 0},	{"BY DAEMON", true, 5}, {"MTU", true, 8},
		{"NEXT HOP", false, 9},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(reply, i, row)
	{
		cell_str(t, row, "from");
		cell_str(t, row, "to");
		cell_str(t, row, "network");
		cell_str(t, row, "source");
		cell_str(t, row, "local");
		cell_str(t, row, "destination");
		cell_str(t, row, "index");
		cell_duration(t, row, "expires_in_s");
		cell_count(t, row, "packets");
		cell_bytes(t, row, "bytes");
		cell_count(t, row, "user_packets");
		cell_number(t, row, "mtu");
		cell_str(t, row, "next_hop");
	}
	table_finish(cli, t);
	if (json_array_size(reply) >= FLOWS_SHOWN)
		fprintf(stderr, "turnpike: only %d flows are shown; name a node\n", FLOWS_SHOWN);
}

static void show_drops(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"KIND", false, 0},  {"REASON", false, 0},  {"XDP", true, 0},
		{"DAEMON", true, 0}, {"MEANING", false, 1},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i, shown = 0;

	json_array_foreach(reply, i, row)
	{
		const char *kind = cli_str(row, "kind");

		if (!cli->all && !cli_num(row, "xdp") && !cli_num(row, "user"))
			continue;
		table_cell(t, strcmp(kind, "drop") == 0 ? YELLOW : PLAIN, "%s", kind);
		cell_str(t, row, "reason");
		cell_number(t, row, "xdp");
		cell_number(t, row, "user");
		cell_str(t, row, "text");
		shown++;
	}
	if (shown)
		table_print(t, stdout, cli->width, cli->colour);
	else
		puts("Nothing was dropped, passed on or answered.");
	table_free(t);
}

static void show_text(struct cli *cli, const json_t *reply)
{
	const char *text = cli_str(reply, "text");
	size_t len = strlen(text);

	(void)cli;
	fputs(text, stdout);
	if (len && text[len - 1] != '\n')
		putchar('\n');
}

static void show_detached(struct cli *cli, const json_t *reply)
{
	(void)cli;
	(void)reply;
	puts("The relay has detached; forwarding ends and so does the daemon.");
}

int cli_relay_nodes(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("nodes"), show_nodes);
}

int cli_relay_flows(struct cli *cli, int argc, char **argv)
{
	json_t *request = cli_command("flows");

	if (argc)
		json_object_set_new(request, "node", json_string(argv[0]));
	json_object_set_new(request, "limit", json_integer(FLOWS_SHOWN));
	return cli_show(cli, request, show_flows);
}

int cli_relay_drops(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("drops"), show_drops);
}

int cli_relay_peer_config(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return cli_show(cli, json_pack("{s:s,s:s}", "command", "peer-config", "name", argv[0]),
			show_text);
}

int cli_relay_detach(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("detach"), show_detached);
}
