// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A daemon's control socket with answers from a file, to test the command line without a relay:
 *
 *	fake_control SOCKET ANSWERS
 *
 * ANSWERS is a JSON object: command -> its answer, or a list under "command#" that is gone through
 * one answer a call, the last one for ever. Values may also be these strings: "hang" (never
 * answers), "close" (closes without an answer), "rubbish". Requests go to stdout, one a line.
 * The socket appears under its name once it listens. Written anew rather than over the daemon's own
 * server, so that it can misbehave.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

static json_t *pick_answer(json_t *answers, const char *command)
{
	char list_name[64];
	json_t *list;

	snprintf(list_name, sizeof(list_name), "%s#", command);
	list = json_object_get(answers, list_name);
	if (!list)
		return json_incref(json_object_get(answers, command));
	list = json_incref(json_array_get(list, 0));
	if (json_array_size(json_object_get(answers, list_name)) > 1)
		json_array_remove(json_object_get(answers, list_name), 0);
	return list;
}

static void serve(int fd, json_t *answers)
{
	json_error_t error;
	FILE *f = fdopen(fd, "r+");
	char line[65536];
	json_t *request, *answer = NULL;
	const char *trick;

	if (!f || !fgets(line, sizeof(line), f))
		goto out;
	fputs(line, stdout);
	fflush(stdout);
	request = json_loads(line, 0, &error);
	answer = pick_answer(answers, json_string_value(json_object_get(request, "command")));
	json_decref(request);
	trick = json_string_value(answer);
	if (trick && !strcmp(trick, "hang"))
		return; /* the connection stays open */
	fseek(f, 0, SEEK_CUR);
	if (trick && !strcmp(trick, "rubbish"))
		fputs("<html>\n", f);
	else if (!answer)
		fputs("{\"error\":\"unknown command\"}\n", f);
	else if (!trick) {
		json_dumpf(answer, f, JSON_COMPACT | JSON_ENCODE_ANY);
		fputc('\n', f);
	}
out:
	json_decref(answer);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	json_error_t error;
	json_t *answers;
	int listener;

	if (argc != 3)
		errx(2, "usage: fake_control SOCKET ANSWERS");
	answers = json_load_file(argv[2], 0, &error);
	if (!answers)
		errx(1, "%s:%d: %s", argv[2], error.line, error.text);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.new", argv[1]);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, 16) || rename(addr.sun_path, argv[1]))
		err(1, "%s", argv[1]);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			err(1, "accept");
		serve(fd, answers);
	}
}
