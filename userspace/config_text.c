// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A config file before libconfig sees it. libconfig 1.5 reads a number without the suffix L as 32
 * bits and drops the rest in silence, ends a string at \x00, and follows @include into files whose
 * names it forgets in its errors. None of this can be seen in what it hands out, so it is dealt
 * with here, by the tokens of libconfig's own scanner.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"

#define FILE_MAX (64u << 20)

struct scan {
	const char *at, *end;
	FILE *out;
	int line;
	struct tp_config_report *report;
};

static bool starts(const struct scan *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return (size_t)(s->end - s->at) >= n && memcmp(s->at, prefix, n) == 0;
}

static void copy(struct scan *s, size_t n)
{
	for (; n && s->at < s->end; n--, s->at++) {
		s->line += *s->at == '\n';
		if (*s->at == '\0')
			tp_config_error(s->report, s->line, "zero byte in the text");
		putc(*s->at, s->out);
	}
}

static void copy_while(struct scan *s, bool (*belongs)(char c))
{
	while (s->at < s->end && belongs(*s->at))
		copy(s, 1);
}

/* Up to and including `last`, or to the end. */
static void copy_through(struct scan *s, const char *last)
{
	while (s->at < s->end && !starts(s, last))
		copy(s, 1);
	copy(s, strlen(last));
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

static bool in_float(char c)
{
	return isdigit((unsigned char)c) || (c && strchr("eE.+-", c));
}

static void scan_string(struct scan *s)
{
	copy(s, 1);
	while (s->at < s->end && *s->at != '"') {
		if (starts(s, "\\x00"))
			tp_config_error(s->report, s->line, "a string cannot hold a zero byte");
		copy(s, *s->at == '\\' ? 2 : 1);
	}
	copy(s, 1);
}

static int digit(char c, int base)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return base == 16 && isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* The end of the integer at s->at, and its value cut to 64 bits. */
static const char *number_end(const struct scan *s, long long *value)
{
	int base = starts(s, "0x") || starts(s, "0X") ? 16 : 10;
	int sign = *s->at == '-' ? -1 : 1;
	const char *p = s->at + (base == 16 ? 2 : *s->at == '-' || *s->at == '+');

	*value = 0;
	for (; p < s->end && digit(*p, base) >= 0; p++) {
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, sign * digit(*p, base), value))
			*value = sign < 0 ? LLONG_MIN : LLONG_MAX;
	}
	return p;
}

static void scan_number(struct scan *s)
{
	long long value;
	const char *end = number_end(s, &value), *suffix = end;

	if (end < s->end && (*end == '.' || *end == 'e' || *end == 'E')) {
		copy_while(s, in_float);
		return;
	}
	while (suffix < s->end && suffix < end + 2 && *suffix == 'L')
		suffix++;
	if (value >= INT_MIN && value <= INT_MAX) {
		copy(s, (size_t)(suffix - s->at));
		return;
	}
	fprintf(s->out, "%lldL", value);
	s->at = suffix;
}

static bool number_starts(const struct scan *s)
{
	bool sign = *s->at == '-' || *s->at == '+';

	return s->at + sign < s->end && isdigit((unsigned char)s->at[sign]);
}

static void scan_token(struct scan *s)
{
	if (*s->at == '"') {
		scan_string(s);
	} else if (*s->at == '#' || starts(s, "//")) {
		copy_through(s, "\n");
	} else if (starts(s, "/*")) {
		copy(s, 2);
		copy_through(s, "*/");
	} else if (isalpha((unsigned char)*s->at) || *s->at == '*') {
		copy_while(s, in_name);
	} else if (number_starts(s)) {
		scan_number(s);
	} else if (*s->at == '.') {
		copy_while(s, in_float);
	} else {
		if (starts(s, "@include"))
			tp_config_error(s->report, s->line, "@include is not supported");
		copy(s, 1);
	}
}

int tp_config_clean(const char *text, size_t len, char **out, struct tp_config_report *report)
{
	struct scan s = {.at = text, .end = text + len, .line = 1, .report = report};
	size_t size, before = report->n;

	*out = NULL;
	s.out = open_memstream(out, &size);
	if (!s.out)
		return -ENOMEM;
	while (s.at < s.end)
		scan_token(&s);
	if (fclose(s.out) != 0) {
		free(*out);
		*out = NULL;
		return -ENOMEM;
	}
	return report->n == before ? 0 : -EINVAL;
}

static int pump(FILE *in, FILE *out)
{
	char buf[16384];
	size_t n, total = 0;

	while ((n = fread(buf, 1, sizeof(buf), in)) > 0) {
		total += n;
		if (total > FILE_MAX)
			return -EFBIG;
		if (fwrite(buf, 1, n, out) != n)
			return -ENOMEM;
	}
	return ferror(in) ? -errno : 0;
}

int tp_config_slurp(const char *path, char **text, size_t *len)
{
	FILE *in, *out;
	int err;

	*text = NULL;
	*len = 0;
	in = fopen(path, "re");
	if (!in)
		return -errno;
	out = open_memstream(text, len);
	if (!out) {
		fclose(in);
		return -ENOMEM;
	}
	err = pump(in, out);
	if (fclose(out) != 0 && !err)
		err = -ENOMEM;
	fclose(in);
	if (err) {
		free(*text);
		*text = NULL;
	}
	return err;
}
