// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control_failure.h"

#include <stdarg.h>
#include <string.h>

#include "control_cli.h"

/* What to do about it, if that is known; "" else. */
static const char *way_out(const struct control *c, const struct control_failure *why)
{
	const struct control_session *s = &c->session;

	if (!strcmp(why->code, "unauthenticated") && s->token && !s->api_key)
		return ": log in again, turnpike control login ";
	if (!s->tenant && !strncmp(why->message, "X-Tenant-ID ", 12))
		return ": say which tenant, turnpike control tenant use NAME";
	if (s->tenant && !strncmp(why->message, "no tenant ", 10))
		return ": it is not there any more, say which: turnpike control tenant use NAME";
	return "";
}

int control_tell(const struct control *c, const struct control_failure *why)
{
	const char *out = way_out(c, why);
	bool again = out[0] && c->session.user && strcmp(why->code, "unauthenticated") == 0;
	json_t *j;

	if (!*why->code)
		return CLI_FAILURE; /* told already */
	if (!c->cli.json)
		return cli_fail("%s (%s)%s%s", why->message, why->code, out,
				again ? c->session.user : "");
	j = json_pack("{s:s,s:s}", "code", why->code, "message", why->message);
	cli_print_json(j);
	json_decref(j);
	return CLI_FAILURE;
}

int control_fail(const struct control *c, const char *code, const char *fmt, ...)
{
	struct control_failure why;
	va_list ap;

	snprintf(why.code, sizeof(why.code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(why.message, sizeof(why.message), fmt, ap);
	va_end(ap);
	return control_tell(c, &why);
}
