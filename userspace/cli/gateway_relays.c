// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike gateway relays: of a control plane's member. */
#include <inttypes.h>
#include <string.h>

#include "cells.h"
#include "units.h"

static enum paint paint_of(const char *state)
{
	if (!strcmp(state, "alive"))
		return GREEN;
	return strcmp(state, "dead") ? YELLOW : RED;
}

static void cell_state(struct table *t, const json_t *relay)
{
	const char *state = cli_str(relay, "state");

	table_cell(t, paint_of(state), "%s%s", state,
		   json_is_true(json_object_get(relay, "drain")) ? ", drains" : "");
}

static void show_relays(struct cli *cli, const json_t *networks)
{
	static const struct column columns[] = {
		{"RELAY", false, 0},  {"STATE", false, 0},    {"RTT", true, 0},
		{"PEERS", true, 0},   {"ENDPOINT", false, 1}, {"SERVICE ADDRESS", false, 2},
		{"OVERLAY", false, 3}};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *network, *relay;
	size_t i, j;

	json_array_foreach(networks, i, network)
	{
		json_array_foreach(json_object_get(network, "relays"), j, relay)
		{
			cell_str(t, relay, "name");
			cell_state(t, relay);
			cell_millis(t, relay, "rtt_us");
			cell_number(t, relay, "peers");
			cell_str(t, relay, "endpoint");
			cell_str(t, relay, "service_address");
			cell_str(t, network, "overlay");
		}
	}
	table_finish(cli, t);
}

static void show_peers(struct cli *cli, const json_t *networks)
{
	static const struct column columns[] = {
		{"PEER", false, 0},	{"THROUGH", false, 0}, {"WHY", false, 0},
		{"WAY", true, 0},	{"SINCE", true, 2},    {"HANDSHAKE", true, 1},
		{"ENDPOINT", false, 1}, {"OVERLAY", false, 3},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *network, *peer;
	size_t i, j;

	json_array_foreach(networks, i, network)
	{
		json_array_foreach(json_object_get(network, "peers"), j, peer)
		{
			cell_str(t, peer, "peer");
			cell_str(t, peer, "relay");
			cell_str(t, peer, "why");
			cell_millis(t, peer, "way_us");
			cell_duration(t, peer, "moved_s");
			cell_duration(t, peer, "handshake_s");
			cell_str(t, peer, "endpoint");
			cell_str(t, network, "overlay");
		}
	}
	table_finish(cli, t);
}

static void show_both(struct cli *cli, const json_t *networks)
{
	show_relays(cli, networks);
	printf("\n");
	show_peers(cli, networks);
}

int cli_gateway_relays(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, cli_command("relays"), show_both);
}

void cli_gateway_status_relays(const struct cli *cli, const json_t *relays)
{
	const json_t *r;
	size_t i;

	json_array_foreach(relays, i, r)
	{
		const char *state = cli_str(r, "state");
		enum paint paint = paint_of(state);
		char rtt[UNIT_STRLEN] = "";

		if (cli_has(r, "rtt_us"))
			snprintf(rtt, sizeof(rtt), ", %.1f ms",
				 (double)cli_num(r, "rtt_us") / 1000);
		cli_line(cli, "", "  relay %s, %s%s%s%s, %" PRIu64 " peers", cli_str(r, "name"),
			 paint_on(paint, cli->colour), state, paint_off(paint, cli->colour), rtt,
			 cli_num(r, "peers"));
	}
}
