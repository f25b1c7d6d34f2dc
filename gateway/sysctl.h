/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's settings, as files of text below /proc/sys. */
#ifndef GATEWAY_SYSCTL_H
#define GATEWAY_SYSCTL_H

/* All of the file, to be freed; NULL on failure. 0 or -errno. */
int gw_sysctl_read(const char *path, char **text);
/* One line. 0 or -errno; settings of its network namespace open to CAP_NET_ADMIN. */
int gw_sysctl_write(const char *path, const char *line);

#endif
