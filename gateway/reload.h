/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From one configuration to the next, all or nothing, while packets flow. */
#ifndef GATEWAY_RELOAD_H
#define GATEWAY_RELOAD_H

struct gw_daemon;
struct json_t;

/* Compiles the rules and puts them in force. 0 or -errno, logged, and the old ones stand. */
int gw_reload_policy(struct gw_daemon *d);

/* Reads the config file, with these settings from the control plane (or NULL) grafted in, and puts
 * it in force: d->config is another one then. 0, or -errno with nothing changed and the reason
 * logged. */
int gw_reload_config(struct gw_daemon *d, const struct json_t *settings);

/* Ends what is left of overlays and uplinks that d->config lacks: devices that were made here,
 * programs, flows, ports, numbers. */
void gw_reload_end_others(struct gw_daemon *d);

#endif
