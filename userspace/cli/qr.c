// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "qr.h"

#include <errno.h>
#include <qrencode.h>
#include <stdbool.h>
#include <string.h>

#include "crypto.h"

#define QUIET	       2 /* modules around; four in the standard, cameras make do with less */
#define BLACK_ON_WHITE "\033[30;107m"
#define RESET	       "\033[0m"

static bool dark(const QRcode *qr, int x, int y)
{
	return x >= 0 && y >= 0 && x < qr->width && y < qr->width &&
	       qr->data[y * qr->width + x] & 1;
}

/* Two rows in one line of text. */
static void print_line(FILE *out, const QRcode *qr, int y)
{
	static const char *const blocks[] = {" ", "▄", "▀", "█"};

	fputs(BLACK_ON_WHITE, out);
	for (int x = -QUIET; x < qr->width + QUIET; x++)
		fputs(blocks[dark(qr, x, y) * 2 + dark(qr, x, y + 1)], out);
	fputs(RESET "\n", out);
}

int qr_print(FILE *out, const char *text)
{
	QRcode *qr = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	if (!qr)
		return errno == ERANGE ? -EFBIG : -errno;
	for (int y = -QUIET; y < qr->width + QUIET; y += 2)
		print_line(out, qr, y);
	tp_wipe(qr->data, (size_t)qr->width * (size_t)qr->width);
	QRcode_free(qr);
	return 0;
}
