// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike(1): options, the table of subcommands, and nothing else. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

#define SOCKETS "/run/turnpike/"

struct command {
	const char *daemon; /* that it asks; NULL: none */
	const char *group;  /* first word, or NULL */
	const char *name;
	const char *args;
	int min_args, max_args;
	const char *options; /* letters that only some commands know */
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{NULL, NULL, "genkey", "[FILE]", 0, 1, "", cli_genkey,
	 "make a private key, into FILE if given"},
	{NULL, NULL, "pubkey", "", 0, 0, "", cli_pubkey, "public key of the private key on stdin"},
	{"relay", "relay", "status", "", 0, 0, "", cli_relay_status,
	 "what the relay is and has done"},
	{"relay", "relay", "nodes", "", 0, 0, "", cli_relay_nodes, "known nodes and their traffic"},
	{"relay", "relay", "flows", "[NODE]", 0, 1, "", cli_relay_flows, "flows in force"},
	{"relay", "relay", "drops", "[-a]", 0, 0, "a", cli_relay_drops,
	 "packets not forwarded, by reason"},
	{"relay", "relay", "top", "[-n COUNT] [-d SECONDS]", 0, 0, "nd", cli_relay_top,
	 "live rates; q quits"},
	{"relay", "relay", "peer-config", "NAME", 1, 1, "", cli_relay_peer_config,
	 "wg-quick file for a node"},
	{"relay", "relay", "detach", "", 0, 0, "", cli_relay_detach,
	 "stop forwarding and the daemon"},
	{"gateway", "gateway", "status", "", 0, 0, "", cli_gateway_status,
	 "what the gateway is and has done"},
	{"gateway", "gateway", "acl", "", 0, 0, "", cli_gateway_acl, "rules and what they decided"},
	{"gateway", "gateway", "nat", "", 0, 0, "", cli_gateway_nat,
	 "masquerade addresses, ports in use, blocks of nodes"},
	{"gateway", "gateway", "relays", "", 0, 0, "", cli_gateway_relays,
	 "how far relays are, and who is reached through which"},
	{"gateway", "gateway", "flows", "[NODE]", 0, 1, "", cli_gateway_flows, "flows in force"},
	{"gateway", "gateway", "drops", "[-a]", 0, 0, "a", cli_gateway_drops,
	 "packets not forwarded, by reason"},
	{"gateway", "gateway", "top", "[-n COUNT] [-d SECONDS]", 0, 0, "nd", cli_gateway_top,
	 "live rates; q quits"},
	{"gateway", "gateway", "detach", "", 0, 0, "", cli_gateway_detach,
	 "stop forwarding and the daemon"},
	{"gateway", "explain", "flow", "SRC DST PROTO PORT", 4, 4, "", cli_explain_flow,
	 "what the gateway does with a new flow, step by step"},
	{"relay", "explain", "pair", "A B", 2, 2, "", cli_explain_pair,
	 "why A and B can or can't talk, step by step"},
	{"relay", NULL, "explain", "A B", 2, 2, "", cli_explain_pair, "the same"},
};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},	  {"version", no_argument, NULL, 'V'},
	{"all", no_argument, NULL, 'a'},	  {"count", required_argument, NULL, 'n'},
	{"delay", required_argument, NULL, 'd'},  {0},
};

/* What the command line said, besides struct cli. */
struct request {
	bool help, version;
	char special[4]; /* options given that only some commands know */
};

int cli_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("turnpike: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CLI_FAILURE;
}

__attribute__((format(printf, 1, 2))) static int usage_error(const char *fmt, ...)
{
	va_list ap;

	fputs("turnpike: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("; see turnpike --help\n", stderr);
	return CLI_USAGE;
}

/* Its words, for messages; valid until the next call. */
static const char *full_name(const struct command *c)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s%s%s", c->group ? c->group : "", c->group ? " " : "",
		 c->name);
	return name;
}

static void print_synopsis(FILE *out, const struct command *c)
{
	char line[64];

	snprintf(line, sizeof(line), "%s %s", full_name(c), c->args);
	fprintf(out, "  %-34s %s\n", line, c->help);
}

/* All commands, or those of a group, or one. */
static void print_help(FILE *out, const char *group, const struct command *only)
{
	fputs("Usage: turnpike [OPTION]... COMMAND\n\nCommands:\n", out);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];

		if (only ? c == only : !group || (c->group && !strcmp(c->group, group)))
			print_synopsis(out, c);
	}
	if (!only && !group)
		fputs("  control ...                        "
		      "the control plane: see turnpike control --help\n",
		      out);
	fputs("\nOptions:\n"
	      "  -s, --socket SOCKET   control socket of the daemon (" SOCKETS "DAEMON.sock)\n"
	      "  -j, --json            print JSON\n"
	      "  -h, --help            print this\n"
	      "  -V, --version         print the version\n",
	      out);
}

static int parse_count(const char *s, unsigned int *out)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || n < 1 || n > 1000000000)
		return usage_error("\"%s\" is not a count", s);
	*out = (unsigned int)n;
	return CLI_OK;
}

static int parse_delay(const char *s, unsigned int *out)
{
	char *end;
	double seconds = strtod(s, &end);

	if (end == s || *end || !(seconds >= 0.1 && seconds <= 3600))
		return usage_error("\"%s\" is not between 0.1 and 3600 seconds", s);
	*out = (unsigned int)(seconds * 1000);
	return CLI_OK;
}

static int parse_option(int opt, struct cli *cli, struct request *req)
{
	char letter[2] = {(char)opt, '\0'};

	if (strchr("and", opt) && !strchr(req->special, opt))
		strcat(req->special, letter);
	switch (opt) {
	case 's': cli->socket = optarg; return CLI_OK;
	case 'j': cli->json = true; return CLI_OK;
	case 'h': req->help = true; return CLI_OK;
	case 'V': req->version = true; return CLI_OK;
	case 'a': cli->all = true; return CLI_OK;
	case 'n': return parse_count(optarg, &cli->count);
	case 'd': return parse_delay(optarg, &cli->delay_ms);
	default: /* getopt has said what is wrong */
		fputs("see turnpike --help\n", stderr);
		return CLI_USAGE;
	}
}

static int parse_options(int argc, char **argv, struct cli *cli, struct request *req)
{
	int opt, err = CLI_OK;

	while (!err && (opt = getopt_long(argc, argv, "s:jhVan:d:", long_options, NULL)) != -1)
		err = parse_option(opt, cli, req);
	return err;
}

/* *words: how many of argv name the command. NULL when there is none of that name. */
static const struct command *find_command(int argc, char **argv, int *words)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];

		*words = c->group ? 2 : 1;
		if (argc >= *words && (!c->group || !strcmp(argv[0], c->group)) &&
		    !strcmp(argv[*words - 1], c->name))
			return c;
	}
	return NULL;
}

static bool is_group(const char *word)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (commands[i].group && !strcmp(commands[i].group, word))
			return true;
	return false;
}

static void look_at_stdout(struct cli *cli)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize ws;

	if (!isatty(STDOUT_FILENO))
		return;
	cli->colour = !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws))
		cli->width = ws.ws_col;
}

static void choose_daemon(struct cli *cli, const char *daemon)
{
	static char path[64];

	cli->daemon = daemon;
	if (cli->socket)
		return;
	snprintf(path, sizeof(path), SOCKETS "%s.sock", daemon);
	cli->socket = path;
}

static int run_command(struct cli *cli, const struct request *req, int argc, char **argv)
{
	int words;
	const struct command *c = find_command(argc, argv, &words);
	const char *group = !c && is_group(argv[0]) ? argv[0] : NULL;

	if (!c && !(req->help && group && argc == 1)) {
		if (group && argc > 1)
			return usage_error("unknown command \"%s %s\"", group, argv[1]);
		return group ? usage_error("%s what?", group)
			     : usage_error("unknown command \"%s\"", argv[0]);
	}
	if (req->help) {
		print_help(stdout, group, c);
		return CLI_OK;
	}
	for (const char *o = req->special; *o; o++)
		if (!strchr(c->options, *o))
			return usage_error("%s does not know -%c", full_name(c), *o);
	if (c->daemon)
		choose_daemon(cli, c->daemon);
	argc -= words;
	argv += words;
	if (argc < c->min_args || argc > c->max_args)
		return usage_error("%s takes %s", full_name(c),
				   *c->args ? c->args : "no arguments");
	return c->run(cli, argc, argv);
}

int main(int argc, char **argv)
{
	struct cli cli = {.delay_ms = 1000};
	struct request req = {0};
	int status;

	look_at_stdout(&cli);
	/* Its commands have options of their own. */
	if (argc > 1 && !strcmp(argv[1], "control")) {
		status = cli_control(&cli, argc - 1, argv + 1);
		return fflush(stdout) || ferror(stdout)
			       ? cli_fail("can't write to stdout: %s", strerror(errno))
			       : status;
	}
	status = parse_options(argc, argv, &cli, &req);
	if (status)
		return status;
	if (req.version) {
		puts("turnpike " TP_VERSION);
	} else if (optind < argc) {
		status = run_command(&cli, &req, argc - optind, argv + optind);
	} else {
		print_help(req.help ? stdout : stderr, NULL, NULL);
		status = req.help ? CLI_OK : CLI_USAGE;
	}
	if (fflush(stdout) || ferror(stdout))
		return cli_fail("can't write to stdout: %s", strerror(errno));
	return status;
}
