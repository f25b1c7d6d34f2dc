/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* WatchEvents: calls that are answered when something has happened. */
#ifndef CONTROL_API_WATCH_H
#define CONTROL_API_WATCH_H

struct api_watch;
struct ctl_api;

struct api_watch *api_watch_new(struct ctl_api *api);
/* Answers all that wait. */
void api_watch_free(struct api_watch *watch);

#endif
