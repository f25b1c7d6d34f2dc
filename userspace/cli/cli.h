/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The `turnpike` command: what its subcommands share. */
#ifndef TP_CLI_H
#define TP_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

enum cli_exit { CLI_OK = 0, CLI_FAILURE = 1, CLI_USAGE = 2 };

struct cli {
	const char *socket;
	const char *daemon; /* whose it is, for messages: "relay" */
	bool json;
	bool all;	       /* drops -a */
	unsigned int count;    /* top -n; 0: until told to stop */
	unsigned int delay_ms; /* top -d */
	bool colour;	       /* stdout understands it and wants it */
	unsigned int width;    /* of the terminal; 0: not a terminal, no limit */
};

/* Subcommands. argv holds their arguments alone, as many as the table in main.c asks for. Each
 * returns an enum cli_exit. */
int cli_genkey(struct cli *cli, int argc, char **argv);
int cli_pubkey(struct cli *cli, int argc, char **argv);
int cli_relay_status(struct cli *cli, int argc, char **argv);
int cli_relay_nodes(struct cli *cli, int argc, char **argv);
int cli_relay_flows(struct cli *cli, int argc, char **argv);
int cli_relay_drops(struct cli *cli, int argc, char **argv);
int cli_relay_top(struct cli *cli, int argc, char **argv);
int cli_relay_peer_config(struct cli *cli, int argc, char **argv);
int cli_relay_detach(struct cli *cli, int argc, char **argv);
int cli_explain_pair(struct cli *cli, int argc, char **argv);
int cli_gateway_status(struct cli *cli, int argc, char **argv);
int cli_gateway_acl(struct cli *cli, int argc, char **argv);
int cli_gateway_nat(struct cli *cli, int argc, char **argv);
int cli_gateway_relays(struct cli *cli, int argc, char **argv);
void cli_gateway_status_relays(const struct cli *cli, const json_t *relays);
int cli_gateway_flows(struct cli *cli, int argc, char **argv);
int cli_gateway_drops(struct cli *cli, int argc, char **argv);
int cli_gateway_top(struct cli *cli, int argc, char **argv);
int cli_gateway_detach(struct cli *cli, int argc, char **argv);
int cli_explain_flow(struct cli *cli, int argc, char **argv);

/* `turnpike control`, with argv from that word on. */
int cli_control(const struct cli *cli, int argc, char **argv);

/* "turnpike: ..." on stderr; returns CLI_FAILURE. */
__attribute__((format(printf, 1, 2))) int cli_fail(const char *fmt, ...);

/* {"command": name}, a new reference. */
json_t *cli_command(const char *name);
/* Asks the daemon; takes over `request`. 0 with a new reference, or -errno. */
int cli_ask_quietly(const struct cli *cli, json_t *request, json_t **reply);
/* The same, and tells on stderr what went wrong, an {"error"} answer included; with --json the
 * error goes to stdout as JSON too. NULL on failure. */
json_t *cli_ask(const struct cli *cli, json_t *request);
/* Why asking failed, as a sentence; valid until the next call. */
const char *cli_ask_error(const struct cli *cli, int err);

/* Asks, then prints the answer as JSON with --json, else through `show`. */
int cli_show(struct cli *cli, json_t *request, void (*show)(struct cli *cli, const json_t *reply));

void cli_print_json(const json_t *j);

/* Members of answers; one that is absent, null or of another type is "-", 0 or false. */
const char *cli_str(const json_t *object, const char *key);
uint64_t cli_num(const json_t *object, const char *key);
bool cli_has(const json_t *object, const char *key); /* there and not null */

#endif
