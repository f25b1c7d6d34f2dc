/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A place for a database file in a directory of its own, as SQLite puts others beside it. */
#ifndef TESTS_STORE_FILE_H
#define TESTS_STORE_FILE_H

/* Not there yet; ends with store_file_free(). */
char *store_file_new(void);
/* With what is beside it and a copy, PATH.copy. */
void store_file_free(char *path);

#endif
