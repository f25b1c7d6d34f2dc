// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "store_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

char *store_file_new(void)
{
	char dir[] = "/tmp/test-store-XXXXXX", *path;

	assert_non_null(mkdtemp(dir));
	assert_true(asprintf(&path, "%s/db", dir) > 0);
	return path;
}

void store_file_free(char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".copy", ".copy-wal", ".copy-shm"};
	char *name;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		assert_true(asprintf(&name, "%s%s", path, ends[i]) > 0);
		unlink(name);
		free(name);
	}
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	free(path);
}
