// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike relay status */
#include <inttypes.h>

#include "cells.h"
#include "units.h"

static void show_attachment(const struct cli *cli, const json_t *s)
{
	const json_t *interface;
	size_t i;

	cli_line(cli, "attach", "%s", cli_str(s, "attach"));
	json_array_foreach(json_object_get(s, "interfaces"), i, interface)
	{
		bool attached = json_is_true(json_object_get(interface, "attached"));
		enum paint paint = attached ? GREEN : RED;

		cli_line(cli, i ? "" : "interfaces", "%s, %s%s%s", cli_str(interface, "name"),
			 paint_on(paint, cli->colour), attached ? "attached" : "not attached",
			 paint_off(paint, cli->colour));
	}
}

static void show_addresses(const struct cli *cli, const json_t *s)
{
	if (cli_has(s, "stun_port"))
		cli_line(cli, "listens on", "UDP %" PRIu64 ", STUN also on %" PRIu64,
			 cli_num(s, "listen_port"), cli_num(s, "stun_port"));
	else
		cli_line(cli, "listens on", "UDP %" PRIu64, cli_num(s, "listen_port"));
	cli_line(cli, "service addr", "%s", cli_str(s, "service_address"));
}

static void show_traffic(const struct cli *cli, const json_t *s, const char *path,
			 const char *title)
{
	const json_t *t = json_object_get(json_object_get(s, "forwarded"), path);
	char packets[UNIT_STRLEN], bytes[UNIT_STRLEN];

	cli_line(cli, title, "%s packets, %s", unit_count(cli_num(t, "packets"), packets),
		 unit_bytes(cli_num(t, "bytes"), bytes));
}

static void show_others(const struct cli *cli, const json_t *s)
{
	char dropped[UNIT_STRLEN], answered[UNIT_STRLEN], passed[UNIT_STRLEN];

	cli_line(cli, "other packets", "%s dropped, %s answered, %s passed to the kernel",
		 unit_count(cli_num(s, "dropped"), dropped),
		 unit_count(cli_num(s, "answered"), answered),
		 unit_count(cli_num(s, "passed"), passed));
}

static void show_handshakes(const struct cli *cli, const json_t *s)
{
	const json_t *h = json_object_get(s, "handshakes");

	cli_line(cli, "handshakes",
		 "%" PRIu64 " initiations, %" PRIu64 " responses, %" PRIu64 " cookies relayed",
		 cli_num(h, "initiations"), cli_num(h, "responses"), cli_num(h, "cookies"));
	cli_line(cli, "", "%" PRIu64 " registrations, %" PRIu64 " probes, %" PRIu64 " challenges",
		 cli_num(h, "registrations"), cli_num(h, "probes"), cli_num(h, "challenges"));
	cli_line(cli, "", "%" PRIu64 " pending", cli_num(s, "pending"));
}

static void show_status(struct cli *cli, const json_t *s)
{
	const json_t *nodes = json_object_get(s, "nodes");
	char uptime[UNIT_STRLEN];

	cli_line(cli, "relay", "%s, turnpike %s, up %s", cli_str(s, "instance"),
		 cli_str(s, "version"),
		 unit_duration(json_number_value(json_object_get(s, "uptime_s")), uptime));
	cli_line(cli, "public key", "%s", cli_str(s, "public_key"));
	show_attachment(cli, s);
	show_addresses(cli, s);
	cli_line(cli, "nodes", "%" PRIu64 " online of %" PRIu64, cli_num(nodes, "online"),
		 cli_num(nodes, "known"));
	cli_line(cli, "flows", "%" PRIu64 " of at most %" PRIu64, cli_num(s, "flows"),
		 cli_num(s, "flows_limit"));
	show_traffic(cli, s, "xdp", "by XDP");
	show_traffic(cli, s, "user", "by daemon");
	show_others(cli, s);
	show_handshakes(cli, s);
}

int cli_relay_status(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_show(cli, json_pack("{s:s}", "command", "status"), show_status);
}
