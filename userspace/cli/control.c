// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control: its options and its table of subcommands, and nothing else. */
#include "control_live.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "crypto.h"

struct command {
	const char *noun, *verb; /* verb NULL: the noun alone */
	const char *args;
	int min_args, max_args;
	control_command *run;
	const char *help;
};

#define ANY 1000

static const struct command commands[] = {
	{"login", NULL, "[USER]", 0, 1, control_login,
	 "get a token: --server, --ca, --credentials"},
	{"logout", NULL, "", 0, 0, control_logout, "forget it"},
	{"status", NULL, "", 0, 0, control_status, "what the control plane is, and who one is"},
	{"daemon", NULL, "", 0, 0, control_daemon, "the daemon on this host, by its socket"},
	{"audit", NULL, "", 0, 0, control_audit,
	 "who did what, the newest first; --since, --limit, --all"},
	{"watch", NULL, "", 0, 0, control_watch, "what happens, as it happens"},
	{"tenant", "list", "", 0, 0, control_tenant_list, "tenants"},
	{"tenant", "create", "NAME", 1, 1, control_tenant_create, "a new one, in use from then on"},
	{"tenant", "use", "NAME", 1, 1, control_tenant_use, "the one that commands are about"},
	{"tenant", "show", "", 0, 0, control_tenant_show, "its settings for new networks"},
	{"tenant", "set", "KEY=VALUE...", 1, ANY, control_tenant_set, "change them"},
	{"tenant", "delete", "NAME", 1, 1, control_tenant_delete, "with all that it has"},
	{"user", "list", "", 0, 0, control_user_list, "users; --platform: super_admins"},
	{"user", "create", "NAME", 1, 1, control_user_create,
	 "--role viewer|operator|tenant_admin; its password is asked for"},
	{"user", "password", "[NAME]", 0, 1, control_user_password, "set one's own, or another's"},
	{"user", "disable", "NAME", 1, 1, control_user_disable, "no login, and no token counts"},
	{"user", "enable", "NAME", 1, 1, control_user_enable, "no more disabled"},
	{"user", "delete", "NAME", 1, 1, control_user_delete, ""},
	{"api-key", "list", "", 0, 0, control_api_key_list, "keys of programs that use the API"},
	{"api-key", "create", "NAME", 1, 1, control_api_key_create,
	 "--role, --expires; shown once"},
	{"api-key", "revoke", "NAME", 1, 1, control_api_key_revoke, "by name or id"},
	{"group", "list", "", 0, 0, control_group_list, "groups of devices"},
	{"group", "create", "NAME", 1, 1, control_group_create, ""},
	{"group", "rename", "NAME NEW", 2, 2, control_group_rename, ""},
	{"group", "delete", "NAME", 1, 1, control_group_delete, ""},
	{"group", "members", "NAME", 1, 1, control_group_members, ""},
	{"group", "add", "GROUP DEVICE", 2, 2, control_group_add, ""},
	{"group", "remove", "GROUP DEVICE", 2, 2, control_group_remove, ""},
	{"device", "list", "", 0, 0, control_device_list, "devices of all networks"},
	{"device", "delete", "NAME", 1, 1, control_device_delete, "from all networks, for good"},
	{"network", "list", "", 0, 0, control_network_list, ""},
	{"network", "create", "NAME [CIDR]", 1, 2, control_network_create,
	 "without CIDR: a free /24"},
	{"network", "enroll", "NAME GROUP [CIDR]", 2, 3, control_network_enroll,
	 "a new one with the group's devices"},
	{"network", "set", "NAME KEY=VALUE...", 2, ANY, control_network_set,
	 "listenPort, keepalive, dns, stunServers"},
	{"network", "delete", "NAME", 1, 1, control_network_delete, "with all its peers"},
	{"node", "list", "", 0, 0, control_node_list, "who is in the network"},
	{"node", "show", "NODE", 1, 1, control_node_show,
	 "its connection, and how far its relays are"},
	{"node", "add", "DEVICE", 1, 1, control_node_add, "invite a device; --tag"},
	{"node", "remove", "NODE", 1, 1, control_node_remove, ""},
	{"node", "tag", "NODE [TAG...]", 1, ANY, control_node_tag, "these tags and no others"},
	{"node", "endpoint", "NODE [ADDR:PORT]", 1, 2, control_node_endpoint,
	 "declare it public; without: not any more"},
	{"node", "relay", "NODE yes|no", 2, 2, control_node_relay,
	 "others may be pinned to it; wants a declared endpoint"},
	{"egress", "set", "NODE [CIDR...]", 1, ANY, control_egress_set,
	 "a gateway to these subnets; without: none"},
	{"auth-key", "list", "", 0, 0, control_auth_key_list, "keys that devices join by"},
	{"auth-key", "create", "[NAME]", 0, 1, control_auth_key_create,
	 "--role node|gateway|relay, --tag, --reusable, --uses, --ephemeral, --expires"},
	{"auth-key", "revoke", "NAME", 1, 1, control_auth_key_revoke,
	 "by name or id; who has joined stays"},
	{"policy", "list", "", 0, 0, control_policy_list, "rules in force"},
	{"policy", "apply", "FILE", 1, 1, control_policy_apply,
	 "rules from a JSON file; --name, --position"},
	{"policy", "test", "FROM TO PROTO [PORT]", 3, 4, control_policy_test, "would it pass?"},
	{"policy", "delete", "NAME", 1, 1, control_policy_delete, ""},
	{"relay", "list", "", 0, 0, control_relay_list, "the tenant's; --platform: the platform's"},
	{"relay", "nodes", "RELAY", 1, 1, control_relay_nodes,
	 "how far the network's nodes are from it"},
	{"relay", "create", "NAME KEY ENDPOINT...", 3, ANY, control_relay_create,
	 "one without an agent, or that joins later"},
	{"relay", "delete", "NAME", 1, 1, control_relay_delete, ""},
	{"relay", "drain", "NAME", 1, 1, control_relay_drain,
	 "to be taken out of service: nodes leave it"},
	{"relay", "undrain", "NAME", 1, 1, control_relay_undrain, "not any more"},
	{"relay", "assign", "NODE RELAY", 2, 2, control_relay_assign,
	 "pin a node to a relay, or to a relay peer"},
	{"relay", "unassign", "NODE", 1, 1, control_relay_unassign, ""},
	{"relay", "serve", "RELAY", 1, 1, control_relay_serve,
	 "it is there for the network; --platform: one of the platform's"},
	{"relay", "unserve", "RELAY", 1, 1, control_relay_unserve, "not any more"},
	{"peer", "add", "NAME", 1, 1, control_peer_add,
	 "a stock WireGuard peer: prints its file once; --tag, --qr"},
	{"peer", "export", "NAME", 1, 1, control_peer_export,
	 "its file as it is now, without the key"},
	{"peer", "stale", "", 0, 0, control_peer_stale, "whose file would be another now"},
};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

enum {
	OPT_CA = 256,
	OPT_CREDENTIALS,
	OPT_ROLE,
	OPT_TAG,
	OPT_REUSABLE,
	OPT_USES,
	OPT_EPHEMERAL,
	OPT_EXPIRES,
	OPT_NAME,
	OPT_POSITION,
	OPT_PORT,
	OPT_PLATFORM,
	OPT_QR,
	OPT_SINCE,
	OPT_LIMIT,
	OPT_ALL,
};

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{"session", required_argument, NULL, 'f'},
	{"server", required_argument, NULL, 's'},
	{"tenant", required_argument, NULL, 't'},
	{"network", required_argument, NULL, 'n'},
	{"ca", required_argument, NULL, OPT_CA},
	{"credentials", required_argument, NULL, OPT_CREDENTIALS},
	{"role", required_argument, NULL, OPT_ROLE},
	{"tag", required_argument, NULL, OPT_TAG},
	{"reusable", no_argument, NULL, OPT_REUSABLE},
	{"uses", required_argument, NULL, OPT_USES},
	{"ephemeral", no_argument, NULL, OPT_EPHEMERAL},
	{"expires", required_argument, NULL, OPT_EXPIRES},
	{"name", required_argument, NULL, OPT_NAME},
	{"position", required_argument, NULL, OPT_POSITION},
	{"port", required_argument, NULL, OPT_PORT},
	{"platform", no_argument, NULL, OPT_PLATFORM},
	{"qr", no_argument, NULL, OPT_QR},
	{"since", required_argument, NULL, OPT_SINCE},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"all", no_argument, NULL, OPT_ALL},
	{0},
};

static void print_help(FILE *out, const char *noun)
{
	char line[64];

	fputs("Usage: turnpike control [OPTION]... COMMAND\n\nCommands:\n", out);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];

		if (noun && strcmp(noun, c->noun) != 0)
			continue;
		snprintf(line, sizeof(line), "%s%s%s %s", c->noun, c->verb ? " " : "",
			 c->verb ? c->verb : "", c->args);
		fprintf(out, "  %-32s %s\n", line, c->help);
	}
	fputs("\nOptions:\n"
	      "  -n, --network NAME    the network; needless while there is only one\n"
	      "  -t, --tenant NAME     the tenant, instead of the one in use\n"
	      "  -s, --server URL      the control plane, instead of the one logged in to\n"
	      "  -f, --session FILE    where the token is kept ($TURNPIKE_SESSION)\n"
	      "  -j, --json            print JSON\n"
	      "  -h, --help            print this; after a noun, only its commands\n"
	      "turnpike-control(1) explains the others.\n",
	      out);
}

static int usage_error(const char *what, const char *word)
{
	fprintf(stderr, "turnpike: control: %s%s; see turnpike control --help\n", what, word);
	return CLI_USAGE;
}

static int parse_number(const char *text, unsigned int *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || n > 1000000000)
		return usage_error("not a number: ", text);
	*out = (unsigned int)n;
	return CLI_OK;
}

/* None at all is what a key that is revoked has. */
static int parse_uses(const char *text, unsigned int *out)
{
	int err = parse_number(text, out);

	return err || *out ? err : usage_error("a key is good for one use at least: ", text);
}

static int add_tag(struct control *c, const char *tag)
{
	if (c->n_tags == CONTROL_TAGS)
		return usage_error("too many tags", "");
	c->tags[c->n_tags++] = tag;
	return CLI_OK;
}

static int parse_option(struct control *c, int opt, bool *help)
{
	switch (opt) {
	case 'j': c->cli.json = true; return CLI_OK;
	case 'h': *help = true; return CLI_OK;
	case 'f': c->session_path = optarg; return CLI_OK;
	case 's': c->server = optarg; return CLI_OK;
	case 't': c->tenant = optarg; return CLI_OK;
	case 'n': c->network = optarg; return CLI_OK;
	case OPT_CA: c->ca = optarg; return CLI_OK;
	case OPT_CREDENTIALS: c->credentials = optarg; return CLI_OK;
	case OPT_ROLE: c->role = optarg; return CLI_OK;
	case OPT_TAG: return add_tag(c, optarg);
	case OPT_REUSABLE: c->reusable = true; return CLI_OK;
	case OPT_USES: return parse_uses(optarg, &c->uses);
	case OPT_EPHEMERAL: c->ephemeral = true; return CLI_OK;
	case OPT_EXPIRES: c->expires = optarg; return CLI_OK;
	case OPT_NAME: c->name = optarg; return CLI_OK;
	case OPT_POSITION: return parse_number(optarg, &c->position);
	case OPT_PORT: return parse_number(optarg, &c->port);
	case OPT_PLATFORM: c->platform = true; return CLI_OK;
	case OPT_QR: c->qr = true; return CLI_OK;
	case OPT_SINCE: c->since = optarg; return CLI_OK;
	case OPT_LIMIT: return parse_number(optarg, &c->limit);
	case OPT_ALL: c->all = true; return CLI_OK;
	default: fputs("see turnpike control --help\n", stderr); return CLI_USAGE;
	}
}

/* *words: how many of argv name it. */
static const struct command *find_command(int argc, char **argv, int *words)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];

		*words = c->verb ? 2 : 1;
		if (argc >= *words && !strcmp(argv[0], c->noun) &&
		    (!c->verb || !strcmp(argv[1], c->verb)))
			return c;
	}
	return NULL;
}

static int unknown_command(int argc, char **argv)
{
	char words[128];

	snprintf(words, sizeof(words), "%s%s%s", argv[0], argc > 1 ? " " : "",
		 argc > 1 ? argv[1] : "");
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (argc < 2 && !strcmp(argv[0], commands[i].noun))
			return usage_error("and then? ", words);
	return usage_error("unknown command ", words);
}

static int run(struct control *c, int argc, char **argv)
{
	int words, status;
	const struct command *command = find_command(argc, argv, &words);

	if (!command)
		return unknown_command(argc, argv);
	argc -= words;
	argv += words;
	if (argc < command->min_args || argc > command->max_args)
		return usage_error("it takes ", *command->args ? command->args : "no arguments");
	if (tp_crypto_init())
		return CLI_FAILURE;
	status = control_session_load(c, command->run != control_login &&
						 command->run != control_logout &&
						 command->run != control_daemon);
	return status ? status : command->run(c, argc, argv);
}

int cli_control(const struct cli *cli, int argc, char **argv)
{
	struct control c = {.cli = *cli};
	bool help = false;
	int opt, status = CLI_OK;

	optind = 0; /* getopt begins anew */
	while (!status && (opt = getopt_long(argc, argv, "jhf:s:t:n:", long_options, NULL)) != -1)
		status = parse_option(&c, opt, &help);
	argc -= optind;
	argv += optind;
	if (status)
		return status;
	if (help || !argc) {
		print_help(help ? stdout : stderr, argc ? argv[0] : NULL);
		return help ? CLI_OK : CLI_USAGE;
	}
	status = run(&c, argc, argv);
	control_session_fini(&c.session);
	return status;
}
