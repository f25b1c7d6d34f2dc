/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TP_CLI_QR_H
#define TP_CLI_QR_H

#include <stdio.h>

/* A QR code of half blocks, dark on light whatever the terminal's colours. 0, or -errno: -EFBIG
 * when no QR code is large enough for the text. */
int qr_print(FILE *out, const char *text);

#endif
