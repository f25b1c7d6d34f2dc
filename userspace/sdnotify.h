/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Telling systemd how the daemon is doing, as sd_notify(3) describes it. */
#ifndef TP_SDNOTIFY_H
#define TP_SDNOTIFY_H

/* Sends `state` ("READY=1", or several assignments separated by newlines) to the socket that
 * $NOTIFY_SOCKET names. 0 when sent or when nobody asked for it, else -errno. */
int tp_sdnotify(const char *state);

/* "RELOADING=1" with the time that systemd wants to see beside it. READY=1 ends it. */
int tp_sdnotify_reloading(void);

/* "STATUS=…", a line for people in `systemctl status`. */
__attribute__((format(printf, 1, 2))) int tp_sdnotify_status(const char *fmt, ...);

#endif
