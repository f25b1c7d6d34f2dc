/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define LINE_MAX_LEN 1024

static int shown_level = LOG_INFO;

/* What the limit of the place that logs next has held back; tp_log() tells it and forgets it. */
static __thread unsigned long left_out;

/* Where the first error goes; NULL: nowhere. */
static __thread char *kept;
static __thread size_t kept_size;

void tp_log_level(int level)
{
	shown_level = level;
}

bool tp_log_wants(int level)
{
	return level <= shown_level;
}

/* A line stays a line whatever names and texts from outside went into it. */
static void mask_controls(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

/* Appends to the text of *len bytes; what does not fit is cut off. */
static void append(char *line, size_t *len, const char *fmt, va_list args)
{
	size_t room = LINE_MAX_LEN - *len;
	int n = vsnprintf(line + *len, room, fmt, args);

	if (n > 0)
		*len += (size_t)n < room ? (size_t)n : room - 1;
}

__attribute__((format(printf, 3, 4))) static void appendf(char *line, size_t *len, const char *fmt,
							  ...)
{
	va_list args;

	va_start(args, fmt);
	append(line, len, fmt, args);
	va_end(args);
}

/* It may end up in JSON: a character that is cut apart would be none. */
static void keep(const char *text)
{
	if (!kept || kept[0])
		return;
	snprintf(kept, kept_size, "%s", text);
	for (char *s = kept; *s; s++)
		if ((unsigned char)*s >= 0x7f)
			*s = '?';
}

void tp_log_keep(char *text, size_t size)
{
	kept = text;
	kept_size = size;
	if (text)
		text[0] = '\0';
}

void tp_log(int level, const char *fmt, ...)
{
	unsigned long more = left_out;
	int saved_errno = errno;
	char line[LINE_MAX_LEN + 1];
	size_t len = 0, head;
	ssize_t written;
	va_list args;

	left_out = 0;
	if (!tp_log_wants(level))
		return;

	appendf(line, &len, "<%d>", level);
	head = len;
	va_start(args, fmt);
	append(line, &len, fmt, args);
	va_end(args);
	if (more)
		appendf(line, &len, " (%lu more left out)", more);
	mask_controls(line);
	if (level <= LOG_ERR)
		keep(line + head);
	line[len++] = '\n';

	/* One write a line, so that lines of several processes do not mix. There is nowhere to
	 * report that it failed. */
	written = write(STDERR_FILENO, line, len);
	(void)written;
	errno = saved_errno;
}

bool tp_log_allow(struct tp_log_limit *limit)
{
	uint64_t now = tp_now();

	if (now < limit->next_ns) {
		limit->suppressed++;
		return false;
	}
	limit->next_ns = now + TP_NS_PER_SEC;
	left_out = limit->suppressed;
	limit->suppressed = 0;
	return true;
}

void tp_log_lines(int level, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")))
		if (*line)
			tp_log(level, "%s", line);
}
