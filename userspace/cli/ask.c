// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Asking the daemon and reading its answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "control.h"

const char *cli_ask_error(const struct cli *cli, int err)
{
	static char text[512];
	const char *path = cli->socket, *who = cli->daemon;

	switch (-err) {
	case ENOENT:
		snprintf(text, sizeof(text), "no %s is running: no socket %s", who, path);
		break;
	case ECONNREFUSED:
		snprintf(text, sizeof(text), "no %s is running: nobody listens at %s", who, path);
		break;
	case EACCES:
	case EPERM:
		snprintf(text, sizeof(text), "not allowed to use %s: be root or in its group",
			 path);
		break;
	case ETIMEDOUT:
		snprintf(text, sizeof(text), "the %s at %s does not answer", who, path);
		break;
	case ECONNRESET:
		snprintf(text, sizeof(text), "the %s at %s hung up without an answer", who, path);
		break;
	case EBADMSG:
		snprintf(text, sizeof(text), "the answer from %s is not what a %s says", path, who);
		break;
	case EILSEQ: snprintf(text, sizeof(text), "a name that is not UTF-8"); break;
	default: snprintf(text, sizeof(text), "%s: %s", path, strerror(-err)); break;
	}
	return text;
}

json_t *cli_command(const char *name)
{
	return json_pack("{s:s}", "command", name);
}

int cli_ask_quietly(const struct cli *cli, json_t *request, json_t **reply)
{
	/* json_pack() makes no string of what is not UTF-8. */
	int err = request ? tp_control_call(cli->socket, request, reply) : -EILSEQ;

	json_decref(request);
	return err;
}

json_t *cli_ask(const struct cli *cli, json_t *request)
{
	json_t *reply;
	int err = cli_ask_quietly(cli, request, &reply);

	if (!err && !cli_has(reply, "error"))
		return reply;
	if (err)
		reply = tp_control_error("%s", cli_ask_error(cli, err));
	cli_fail("%s", cli_str(reply, "error"));
	if (cli->json)
		cli_print_json(reply);
	json_decref(reply);
	return NULL;
}

int cli_show(struct cli *cli, json_t *request, void (*show)(struct cli *cli, const json_t *reply))
{
	json_t *reply = cli_ask(cli, request);

	if (!reply)
		return CLI_FAILURE;
	if (cli->json)
		cli_print_json(reply);
	else
		show(cli, reply);
	json_decref(reply);
	return CLI_OK;
}

void cli_print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

const char *cli_str(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "-";
}

uint64_t cli_num(const json_t *object, const char *key)
{
	const json_t *j = json_object_get(object, key);
	double v = json_number_value(j);

	if (json_is_integer(j))
		return (uint64_t)json_integer_value(j);
	if (json_is_string(j)) /* as proto3 has 64-bit integers */
		return strtoull(json_string_value(j), NULL, 10);
	return v > 0 && v < 1e18 ? (uint64_t)v : 0;
}

bool cli_has(const json_t *object, const char *key)
{
	const json_t *j = json_object_get(object, key);

	return j && !json_is_null(j);
}
