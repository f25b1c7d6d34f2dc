// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int gw_sysctl_read(const char *path, char **text)
{
	FILE *in = fopen(path, "re");
	size_t room = 0;
	int err = 0;

	*text = NULL;
	if (!in)
		return -errno;
	errno = 0;
	if (getdelim(text, &room, '\0', in) < 0 && errno)
		err = -errno;
	fclose(in);
	if (!err && !*text)
		*text = strdup("");
	if (!err && !*text)
		err = -ENOMEM;
	if (err) {
		free(*text);
		*text = NULL;
	}
	return err;
}

int gw_sysctl_write(const char *path, const char *line)
{
	FILE *out = fopen(path, "we");
	int err;

	if (!out)
		return -errno;
	err = fprintf(out, "%s\n", line) < 0 || fflush(out) ? -errno : 0;
	fclose(out);
	return err;
}
