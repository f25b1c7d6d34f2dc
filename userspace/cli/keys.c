// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* genkey and pubkey: what `wg` has under these names, for boxes without it. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "crypto.h"

static void warn_if_readable(void)
{
	struct stat st;

	if (!fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode) && st.st_mode & S_IRWXO)
		fputs("turnpike: warning: others can read the file that gets the key; "
		      "genkey FILE makes a private one\n",
		      stderr);
}

/* 0 or -errno; on failure no file is left. */
static int write_key_file(const char *path, const char *text)
{
	char line[TP_KEY_STRLEN + 1];
	int fd, err = 0, len = snprintf(line, sizeof(line), "%s\n", text);

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	errno = ENOSPC; /* for a short write */
	if (write(fd, line, (size_t)len) != len || fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (err)
		unlink(path);
	tp_wipe(line, sizeof(line));
	return err;
}

/* Takes over `j`. */
static void print_once(json_t *j)
{
	cli_print_json(j);
	json_decref(j);
}

int cli_genkey(struct cli *cli, int argc, char **argv)
{
	char private_text[TP_KEY_STRLEN], public_text[TP_KEY_STRLEN];
	uint8_t secret[WG_KEY_LEN], pub[WG_KEY_LEN];
	int err = 0;

	if (tp_crypto_init())
		return CLI_FAILURE;
	tp_secret_key(secret);
	tp_public_key(pub, secret);
	tp_key_format(secret, private_text);
	tp_key_format(pub, public_text);
	if (argc) {
		err = write_key_file(argv[0], private_text);
		if (err)
			cli_fail("%s: %s", argv[0], strerror(-err));
		else if (cli->json)
			print_once(
				json_pack("{s:s,s:s}", "file", argv[0], "public_key", public_text));
		else
			puts(public_text);
	} else {
		warn_if_readable();
		if (cli->json)
			print_once(json_pack("{s:s,s:s}", "private_key", private_text, "public_key",
					     public_text));
		else
			puts(private_text);
	}
	tp_wipe(secret, sizeof(secret));
	tp_wipe(private_text, sizeof(private_text));
	return err ? CLI_FAILURE : CLI_OK;
}

/* One key with white space around it. */
static int read_key(FILE *in, uint8_t key[WG_KEY_LEN])
{
	char text[256], *start = text;
	size_t n = fread(text, 1, sizeof(text) - 1, in);
	int err = -EINVAL;

	text[n] = '\0';
	while (isspace((unsigned char)*start))
		start++;
	while (n && isspace((unsigned char)text[n - 1]))
		text[--n] = '\0';
	if (feof(in) && strlen(text) == n)
		err = tp_key_parse(start, key);
	tp_wipe(text, sizeof(text));
	return err;
}

int cli_pubkey(struct cli *cli, int argc, char **argv)
{
	uint8_t secret[WG_KEY_LEN], pub[WG_KEY_LEN];
	char text[TP_KEY_STRLEN];

	(void)argc;
	(void)argv;
	if (tp_crypto_init())
		return CLI_FAILURE;
	if (read_key(stdin, secret))
		return cli_fail("stdin holds no WireGuard key (44 characters of base64)");
	tp_public_key(pub, secret);
	tp_wipe(secret, sizeof(secret));
	tp_key_format(pub, text);
	if (cli->json)
		print_once(json_pack("{s:s}", "public_key", text));
	else
		puts(text);
	return CLI_OK;
}
