// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control: what connections and relays tell of nodes at the moment. */
#include <stdlib.h>
#include <string.h>

#include "control_live.h"

#define STATE_STRLEN 300

const char *control_away(const char *kind)
{
	return strcmp(kind, "stock") ? "away" : "-";
}

static enum paint state_text(const json_t *row, const char *without, char text[STATE_STRLEN])
{
	const json_t *state = json_object_get(row, "state");
	const char *failure = state ? cli_str(state, "failure") : "";
	bool behind = state && strcmp(cli_str(state, "toldRevision"),
				      cli_str(state, "acknowledgedRevision")) != 0;

	snprintf(text, STATE_STRLEN, "%s%s",
		 *failure ? "failed: "
		 : behind ? "catching up"
		 : state  ? "connected"
			  : without,
		 failure);
	return *failure ? RED : behind ? YELLOW : state ? GREEN : PLAIN;
}

void cell_state(struct table *t, const json_t *row, const char *without)
{
	char text[STATE_STRLEN];
	enum paint paint = state_text(row, without, text);

	table_cell(t, paint, "%s", text);
}

void cell_nearest(struct table *t, const json_t *row)
{
	const json_t *trips = json_object_get(row, "roundTrips"), *first = json_array_get(trips, 0);
	size_t n = json_array_size(trips);

	if (!n)
		table_cell(t, DIM, "-");
	else if (n == 1)
		table_cell(t, PLAIN, "%s %.1f ms", cli_str(first, "relayName"),
			   (double)cli_num(first, "rttUs") / 1000);
	else
		table_cell(t, PLAIN, "%s %.1f ms +%zu", cli_str(first, "relayName"),
			   (double)cli_num(first, "rttUs") / 1000, n - 1);
}

/* --- one node --------------------------------------------------------------------------------- */

static void print_list(struct control *c, const char *title, const json_t *list)
{
	const json_t *e;
	size_t i;

	json_array_foreach(list, i, e)
		cli_line(&c->cli, i ? "" : title, "%s", json_string_value(e));
}

static void print_state(struct control *c, const json_t *peer)
{
	const json_t *state = json_object_get(peer, "state");
	char text[STATE_STRLEN];

	state_text(peer, control_away(cli_str(peer, "deviceKind")), text);
	cli_line(&c->cli, "state", "%s", text);
	if (!state)
		return;
	cli_line(&c->cli, "since", "%s", cli_str(state, "connectedSince"));
	cli_line(&c->cli, "revision", "%s, told %s", cli_str(state, "acknowledgedRevision"),
		 cli_str(state, "toldRevision"));
}

static void print_trips(struct control *c, const json_t *peer)
{
	const json_t *trips = json_object_get(peer, "roundTrips"), *trip;
	const char *pinned = cli_str(peer, "relayId");
	size_t i;

	json_array_foreach(trips, i, trip)
		cli_line(&c->cli, i ? "" : "round trips", "%s %.1f ms%s",
			 cli_str(trip, "relayName"), (double)cli_num(trip, "rttUs") / 1000,
			 strcmp(cli_str(trip, "relayId"), pinned) ? "" : ", assigned");
	if (!json_array_size(trips))
		cli_line(&c->cli, "round trips", "not known");
}

static void print_node(struct control *c, const json_t *peer)
{
	cli_line(&c->cli, "name", "%s", cli_str(peer, "deviceName"));
	cli_line(&c->cli, "kind", "%s", cli_str(peer, "deviceKind"));
	cli_line(&c->cli, "address", "%s", cli_str(peer, "allocatedIp"));
	cli_line(&c->cli, "public key", "%s", cli_str(peer, "publicKey"));
	if (cli_has(peer, "endpoint") && *cli_str(peer, "endpoint"))
		cli_line(&c->cli, "endpoint", "%s%s", cli_str(peer, "endpoint"),
			 json_is_true(json_object_get(peer, "endpointDeclared")) ? ", declared"
										 : "");
	print_list(c, "tags", json_object_get(peer, "tags"));
	print_list(c, "leads to", json_object_get(peer, "egressSubnets"));
	print_state(c, peer);
	print_trips(c, peer);
}

int control_node_show(struct control *c, int argc, char **argv)
{
	json_t *in = control_peer(c, argv[0]), *rows;
	const json_t *peer;

	(void)argc;
	rows = in ? control_list(c, "ListWireGuardPeers", in, "peers") : NULL;
	if (!rows)
		return CLI_FAILURE;
	peer = json_array_get(rows, 0);
	if (c->cli.json)
		cli_print_json(peer);
	else
		print_node(c, peer);
	json_decref(rows);
	return CLI_OK;
}

/* --- one relay: who is how far, and who is there because an operator wants it ----------------- */

static json_t *trip_of(const json_t *peer, const char *relay)
{
	json_t *trip;
	size_t i;

	json_array_foreach(json_object_get(peer, "roundTrips"), i,
			   trip) if (!strcmp(cli_str(trip, "relayId"), relay)) return trip;
	return NULL;
}

/* By a name that stands there, which may be a platform relay's; else from the tenant's list. */
static char *find_relay(struct control *c, const json_t *peers, const char *name)
{
	const json_t *peer, *trip;
	size_t i, k;

	json_array_foreach(peers, i, peer)
		json_array_foreach(json_object_get(peer, "roundTrips"), k,
				   trip) if (!strcmp(cli_str(trip, "relayName"),
						     name)) return strdup(cli_str(trip, "relayId"));
	return control_relay_id(c, name);
}

/* {"name", "kind", "address", "assigned", "rttUs"?} of each that has to do with the relay. */
static json_t *nodes_at(const json_t *peers, const char *relay)
{
	json_t *nodes = json_array();
	const json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		bool assigned = !strcmp(cli_str(peer, "relayId"), relay);
		json_t *trip = trip_of(peer, relay);

		if (!trip && !assigned)
			continue;
		json_array_append_new(
			nodes,
			json_pack("{s:s,s:s,s:s,s:b,s:O*}", "name", cli_str(peer, "deviceName"),
				  "kind", cli_str(peer, "deviceKind"), "address",
				  cli_str(peer, "allocatedIp"), "assigned", assigned, "rttUs",
				  trip ? json_object_get(trip, "rttUs") : NULL));
	}
	return nodes;
}

static void show_nodes_at(struct control *c, const json_t *nodes)
{
	static const struct column columns[] = {
		{"NAME", false, 0},	 {"KIND", false, 1},	 {"ADDRESS", false, 0},
		{"ROUND TRIP", true, 0}, {"ASSIGNED", false, 0},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
	{
		cell_str(t, node, "name");
		cell_str(t, node, "kind");
		cell_str(t, node, "address");
		cell_millis(t, node, "rttUs");
		cell_yes(t, node, "assigned");
	}
	table_finish(&c->cli, t);
}

int control_relay_nodes(struct control *c, int argc, char **argv)
{
	json_t *in = control_in_network(c), *peers, *nodes;
	char *relay;

	(void)argc;
	peers = in ? control_list(c, "ListWireGuardPeers", in, "peers") : NULL;
	relay = peers ? find_relay(c, peers, argv[0]) : NULL;
	if (!relay) {
		json_decref(peers);
		return CLI_FAILURE;
	}
	nodes = nodes_at(peers, relay);
	if (c->cli.json)
		cli_print_json(nodes);
	else
		show_nodes_at(c, nodes);
	json_decref(nodes);
	json_decref(peers);
	free(relay);
	return CLI_OK;
}
