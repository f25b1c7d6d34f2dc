/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket of a daemon: a unix stream socket on which a client sends one JSON object in
 * one line, {"command": ...}, and gets one JSON value back. Who may open the socket may command the
 * daemon; nothing else is asked.
 */
#ifndef TP_CONTROL_H
#define TP_CONTROL_H

#include <jansson.h>

struct event_base;
struct tp_control;

/* Listens at `path` (mode 0660), making its directory if that is missing. `handler` gets each
 * request, always an object, and returns a new reference to the answer; NULL is answered as an
 * internal error. It must not free the tp_control; the answer is on its way when the event loop
 * gets control back, so a handler may ask the loop to end.
 * 0; -EADDRINUSE when a live daemon listens there (a dead one's socket is replaced); -ENOTSOCK when
 * the path is something else; -ENAMETOOLONG; -errno. Logs nothing. */
int tp_control_new(struct tp_control **out, struct event_base *base, const char *path,
		   json_t *(*handler)(void *arg, const json_t *request), void *arg);
/* Stops listening and removes the socket file if it is still this one (and the process may). */
void tp_control_free(struct tp_control *c);

/* {"error": "..."}, a new reference. */
__attribute__((format(printf, 1, 2))) json_t *tp_control_error(const char *fmt, ...);

/* The client's side, blocking, 10 s at most. 0 with a new reference in *reply (an error answer is
 * a reply too); -ENOENT or -ECONNREFUSED when no daemon listens, -EACCES, -ETIMEDOUT,
 * -EINTR after a signal handler ran, -ECONNRESET when it closed without an answer, -EBADMSG when
 * the answer is not JSON, -EFBIG. */
int tp_control_call(const char *path, const json_t *request, json_t **reply);

#endif
