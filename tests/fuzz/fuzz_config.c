// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* relay.conf from its text to the checked struct. A refusal must say where and why. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "relay/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses a string that it had read when it meets a syntax error. */
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex";
}

/* "f:LINE: message" */
static void demand_message(const char *line)
{
	const char *p = line;

	if (strncmp(p, "f:", 2) != 0 || !isdigit((unsigned char)p[2]))
		abort();
	strtoul(p + 2, (char **)&p, 10);
	if (strncmp(p, ": ", 2) != 0 || p[2] == '\n' || p[2] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct relay_config *config;
	char *errors;
	size_t n;
	FILE *f = open_memstream(&errors, &n);
	int err = relay_config_parse("f", (const char *)data, len, &config, f);

	fclose(f);
	if ((err == 0) != (config != NULL) || (err == 0) != (n == 0))
		abort();
	if (err)
		demand_message(errors);
	relay_config_free(config);
	free(errors);
	return 0;
}
