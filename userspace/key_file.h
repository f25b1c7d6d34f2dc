/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Private keys that a daemon makes for itself, in files that `wg` could read (crypto.h loads them).
 */
#ifndef TP_KEY_FILE_H
#define TP_KEY_FILE_H

#include <stdint.h>

/* The key in the file; where there is no file, a new key and a new file (0600) with it, which is
 * whole or not there after a crash, too. 0, or what tp_key_load() says of a file that is there, or
 * -errno when none can be made. */
int tp_key_file_get(const char *path, uint8_t secret[32]);

#endif
