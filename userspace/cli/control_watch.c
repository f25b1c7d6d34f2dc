// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control watch: what happens, line by line, until the terminal or the reader goes. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control_cli.h"

#define WAIT_S	    20 /* below the client's own patience */
#define RETRY_MIN_S 1
#define RETRY_MAX_S 15

/* --- printing ------------------------------------------------------------------------------- */

static enum paint colour_of(const char *action)
{
	if (!strcmp(action, "node.failed"))
		return RED;
	if (!strcmp(action, "node.connect"))
		return GREEN;
	if (!strcmp(action, "node.disconnect"))
		return YELLOW;
	return strcmp(action, "node.applied") ? BOLD : DIM;
}

/* Text that others have chosen must not steer the terminal. */
static void print_safe(const char *text, int width)
{
	int n = 0;

	for (; *text; text++, n++)
		putchar((unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
	for (; n < width; n++)
		putchar(' ');
}

/* {"device":"gw1","network":"…"} as "device gw1, network …". */
static void print_details(const char *text)
{
	json_t *details = json_loads(text, 0, NULL), *value;
	const char *key, *comma = "";

	json_object_foreach(details, key, value)
	{
		char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		printf("%s", comma);
		print_safe(key, 0);
		putchar(' ');
		print_safe(json_is_string(value) ? json_string_value(value) : dumped, 0);
		free(dumped);
		comma = ", ";
	}
	json_decref(details);
	putchar('\n');
}

static void print_event(const struct control *c, const json_t *event)
{
	const char *time = cli_str(event, "time"), *action = cli_str(event, "action");
	enum paint paint = colour_of(action);

	if (c->cli.json) {
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	printf("%-8.8s  %s", strlen(time) > 11 ? time + 11 : time, paint_on(paint, c->cli.colour));
	print_safe(action, 16);
	printf("%s  ", paint_off(paint, c->cli.colour));
	print_safe(cli_str(event, "actor"), 20);
	printf("  ");
	print_details(cli_str(event, "details"));
}

/* Whoever read this is gone? A pipe tells only who asks. */
static bool reader_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return fflush(stdout) || ferror(stdout) || (poll(&out, 1, 0) > 0 && out.revents & POLLERR);
}

/* --- asking --------------------------------------------------------------------------------- */

static void take(const struct control *c, const json_t *reply, json_t *in)
{
	const json_t *event;
	size_t i;

	if (json_is_true(json_object_get(reply, "missed")))
		fputs("turnpike: some events were missed: the control plane was started anew, or "
		      "there were too many\n",
		      stderr);
	json_array_foreach(json_object_get(reply, "events"), i, event) print_event(c, event);
	json_object_set(in, "since", json_object_get(reply, "next"));
}

/* The control plane may be restarted while one watches; whatever else it answers is the end. */
static bool may_pass(const struct control_failure *why, const json_t *in)
{
	return cli_has(in, "since") && !strcmp(why->code, "unavailable");
}

static void wait_a_little(const struct control_failure *why, unsigned int *step)
{
	if (!*step)
		fprintf(stderr, "turnpike: %s; trying again\n", why->message);
	*step = *step ? *step * 2 : RETRY_MIN_S;
	if (*step > RETRY_MAX_S)
		*step = RETRY_MAX_S;
	sleep(*step);
}

int control_watch(struct control *c, int argc, char **argv)
{
	json_t *in = json_pack("{s:i}", "waitSeconds", WAIT_S);
	struct control_failure why;
	unsigned int retry = 0;
	int status = CLI_OK;
	json_t *reply;

	(void)argc;
	(void)argv;
	while (!status && !reader_gone()) {
		reply = control_try(c, "WatchEvents", json_incref(in), &why);
		if (reply) {
			take(c, reply, in);
			retry = 0;
		} else if (may_pass(&why, in)) {
			wait_a_little(&why, &retry);
		} else {
			status = control_tell(c, &why);
		}
		json_decref(reply);
	}
	json_decref(in);
	return status;
}
