// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control peer: stock WireGuard peers, whose key pair is made here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control_cli.h"
#include "crypto.h"
#include "qr.h"

#define PLACEHOLDER "<private key>" /* in the file that the control plane makes */

/* The file with the key in its place, a new text that is wiped before it is freed. */
static char *with_key(const char *file, const char *key)
{
	const char *at = strstr(file, PLACEHOLDER);
	char *text;

	if (!at)
		return NULL;
	if (asprintf(&text, "%.*s%s%s", (int)(at - file), file, key, at + strlen(PLACEHOLDER)) < 0)
		return NULL;
	return text;
}

/* Once: nobody else has the private key, and it is kept nowhere. */
static int print_file(struct control *c, const json_t *reply, const char *key)
{
	char *text = with_key(cli_str(reply, "config"), key);
	json_t *out;
	int err = 0;

	if (!text)
		return cli_fail("the answer has no file for wg-quick");
	if (c->cli.json) {
		out = json_pack("{s:O,s:s}", "peer", json_object_get(reply, "peer"), "config",
				text);
		cli_print_json(out);
		json_decref(out);
	} else {
		fputs(text, stdout);
		if (c->qr)
			err = qr_print(stdout, text);
	}
	tp_wipe(text, strlen(text));
	free(text);
	return err == -EFBIG ? cli_fail("the file is too long for a QR code")
	       : err	     ? cli_fail("no QR code: %s", strerror(-err))
			     : CLI_OK;
}

int control_peer_add(struct control *c, int argc, char **argv)
{
	char private_text[TP_KEY_STRLEN], public_text[TP_KEY_STRLEN];
	json_t *in = control_in_network(c), *reply;
	uint8_t secret[WG_KEY_LEN], pub[WG_KEY_LEN];
	int status = CLI_FAILURE;

	(void)argc;
	if (!in)
		return CLI_FAILURE;
	tp_secret_key(secret);
	tp_public_key(pub, secret);
	tp_key_format(secret, private_text);
	json_object_set_new(in, "name", json_string(argv[0]));
	json_object_set_new(in, "publicKey", json_string(tp_key_format(pub, public_text)));
	json_object_set_new(in, "tags", control_tags(c));
	reply = control_call(c, "AddStockPeer", in);
	if (reply)
		status = print_file(c, reply, private_text);
	json_decref(reply);
	tp_wipe(secret, sizeof(secret));
	tp_wipe(private_text, sizeof(private_text));
	return status;
}

static void show_file(struct control *c, const json_t *reply)
{
	(void)c;
	fputs(cli_str(reply, "config"), stdout);
}

int control_peer_export(struct control *c, int argc, char **argv)
{
	json_t *in = control_peer(c, argv[0]);

	(void)argc;
	return in ? control_show(c, "ExportStockPeer", in, show_file) : CLI_FAILURE;
}

static void show_stale(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0}, {"ADDRESS", false, 0}, {"EXPORTED AT REVISION", true, 0}};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const json_t *peer = json_object_get(row, "peer");

		cell_str(t, peer, "deviceName");
		cell_str(t, peer, "allocatedIp");
		cell_str(t, row, "exportedRevision");
	}
	table_finish(&c->cli, t);
}

/* Of all networks, or of the one that -n names. */
int control_peer_stale(struct control *c, int argc, char **argv)
{
	json_t *in = c->network ? control_in_network(c) : json_object();

	(void)argc;
	(void)argv;
	return in ? control_show_list(c, "ListStalePeers", in, "peers", show_stale) : CLI_FAILURE;
}
