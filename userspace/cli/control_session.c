// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The file that keeps who one is between commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "control_cli.h"
#include "crypto.h"

#define SERVER	"http://127.0.0.1:8443"
#define RENEW_S 1800 /* before a token ends: half its life */

/* $TURNPIKE_SESSION, or below the home directory. */
static char *default_path(void)
{
	const char *named = getenv("TURNPIKE_SESSION"), *config = getenv("XDG_CONFIG_HOME"),
		   *home = getenv("HOME");
	char *path = NULL;
	int n;

	if (named && *named)
		return strdup(named);
	if (config && *config)
		n = asprintf(&path, "%s/turnpike/control.json", config);
	else
		n = asprintf(&path, "%s/.config/turnpike/control.json", home ? home : "");
	return n < 0 ? NULL : path;
}

static char *member(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? strdup(text) : NULL;
}

static int check_mode(const char *path)
{
	struct stat st;

	if (stat(path, &st) || !(st.st_mode & (S_IRWXG | S_IRWXO)))
		return 0;
	return cli_fail("%s: others can read it; chmod 600", path);
}

/* Instead of the login that the file has, for this command. */
static void use_api_key(struct control_session *s, const char *key)
{
	control_session_forget(s);
	free(s->tenant);
	s->tenant = NULL;
	s->token = strdup(key);
	s->api_key = true;
}

static int not_logged_in(const struct control *c)
{
	return control_fail(c, "unauthenticated", "not logged in: turnpike control login");
}

int control_session_load(struct control *c, bool needed)
{
	struct control_session *s = &c->session;
	const char *key = getenv("TURNPIKE_API_KEY");
	json_t *j;

	s->path = c->session_path ? strdup(c->session_path) : default_path();
	if (!s->path)
		return cli_fail("out of memory");
	if (access(s->path, F_OK)) {
		if (needed && !key)
			return not_logged_in(c);
	} else if (check_mode(s->path)) {
		return CLI_FAILURE;
	}
	j = json_load_file(s->path, 0, NULL);
	if (!j && needed && access(s->path, F_OK) == 0)
		return control_fail(c, "unauthenticated", "%s: cannot be read", s->path);
	s->server = c->server ? strdup(c->server) : member(j, "server");
	s->ca = c->ca ? strdup(c->ca) : member(j, "ca");
	s->token = member(j, "token");
	s->tenant = member(j, "tenant");
	s->user = member(j, "user");
	s->expires = json_integer_value(json_object_get(j, "expires"));
	json_decref(j);
	if (key && *key && needed)
		use_api_key(s, key);
	if (needed && !s->token)
		return not_logged_in(c);
	if (!s->server)
		s->server = strdup(SERVER);
	return s->server ? CLI_OK : cli_fail("out of memory");
}

/* The directories above the file. */
static void make_directories(const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(copy, 0700);
		*slash = '/';
	}
	free(copy);
}

/* Whole or not at all. */
static int write_file(const char *path, const char *text)
{
	char *fresh;
	int fd, err = 0;

	if (asprintf(&fresh, "%s.new", path) < 0)
		return -ENOMEM;
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		err = -errno;
	else if (dprintf(fd, "%s\n", text) < 0 || close(fd) || rename(fresh, path))
		err = -errno;
	free(fresh);
	return err;
}

/* Takes `j` over. */
static int write_session(const char *path, json_t *j)
{
	char *text = json_dumps(j, JSON_INDENT(2));
	int err = text ? 0 : -ENOMEM;

	json_decref(j);
	make_directories(path);
	err = err ?: write_file(path, text);
	if (text)
		tp_wipe(text, strlen(text));
	free(text);
	return err ? cli_fail("%s: %s", path, strerror(-err)) : CLI_OK;
}

int control_session_save(const struct control_session *s)
{
	return write_session(s->path,
			     json_pack("{s:s,s:s*,s:s*,s:s*,s:s*,s:I}", "server", s->server, "ca",
				       s->ca, "token", s->token, "tenant", s->tenant, "user",
				       s->user, "expires", (json_int_t)s->expires));
}

int control_session_set_tenant(const struct control_session *s, const char *from, const char *to)
{
	json_t *j = json_load_file(s->path, 0, NULL);

	if (from && strcmp(cli_str(j, "tenant"), from) != 0) {
		json_decref(j);
		return CLI_OK;
	}
	if (!j)
		return cli_fail("%s: cannot be read", s->path);
	if (to)
		json_object_set_new(j, "tenant", json_string(to));
	else
		json_object_del(j, "tenant");
	return write_session(s->path, j);
}

void control_session_forget(struct control_session *s)
{
	if (s->token)
		tp_wipe(s->token, strlen(s->token));
	free(s->token);
	free(s->user);
	s->token = s->user = NULL;
	s->expires = 0;
}

void control_session_fini(struct control_session *s)
{
	control_session_forget(s);
	free(s->path);
	free(s->server);
	free(s->ca);
	free(s->tenant);
}

/* --- tokens --------------------------------------------------------------------------------- */

static int64_t parse_expiry(const char *text)
{
	struct tm tm = {0};

	return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : 0;
}

/* A tenant's user is in that tenant; a super_admin stays in the one that was in use. */
void control_session_take(struct control_session *s, const json_t *reply)
{
	const json_t *user = json_object_get(reply, "user");
	const char *tenant = json_string_value(json_object_get(user, "tenantId"));

	control_session_forget(s);
	s->token = strdup(cli_str(reply, "token"));
	s->user = strdup(cli_str(user, "username"));
	s->expires = parse_expiry(cli_str(reply, "expiresAt"));
	if (tenant && *tenant) {
		free(s->tenant);
		s->tenant = strdup(tenant);
	}
}

static int tell_over(const struct control_session *s, struct control_failure *why)
{
	const time_t when = (time_t)s->expires;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&when, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	strcpy(why->code, "unauthenticated");
	snprintf(why->message, sizeof(why->message), "the login ended at %s", text);
	return -1;
}

/* What -s, -t or --platform say is this command's only: not for the file. */
static void save_renewed(const struct control_session *s)
{
	json_t *j = json_load_file(s->path, 0, NULL);

	if (!j)
		return;
	json_object_set_new(j, "token", json_string(s->token));
	json_object_set_new(j, "user", json_string(s->user));
	json_object_set_new(j, "expires", json_integer(s->expires));
	write_session(s->path, j);
}

int control_session_renew(struct control_session *s, struct control_failure *why)
{
	const int64_t now = time(NULL);
	struct control_session asking = *s;
	struct control_failure refused;
	json_t *reply;

	if (!s->token || !s->expires || s->expires - now > RENEW_S)
		return 0;
	if (s->expires <= now)
		return tell_over(s, why);
	asking.tenant = NULL;
	reply = control_post(&asking, "RefreshToken", json_object(), &refused);
	if (reply) {
		char *tenant = s->tenant ? strdup(s->tenant) : NULL;

		control_session_take(s, reply);
		free(s->tenant);
		s->tenant = tenant;
		save_renewed(s);
	}
	json_decref(reply);
	return 0; /* what is not renewed is good for now */
}

int control_read_password(const char *prompt, char *buf, size_t size)
{
	struct termios before, quiet;
	bool terminal = !tcgetattr(STDIN_FILENO, &before);
	char *line;

	if (terminal) {
		fprintf(stderr, "%s: ", prompt);
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	line = fgets(buf, (int)size, stdin);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (!line)
		return cli_fail("no password given"), -1;
	buf[strcspn(buf, "\r\n")] = '\0';
	return 0;
}
