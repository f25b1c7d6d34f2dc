/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process that starts wireguard-go for one that may not any more: made before privileges are
 * dropped, it does nothing but run that one program for a device's name, and ends with its parent.
 */
#ifndef TP_WIREGUARD_STARTER_H
#define TP_WIREGUARD_STARTER_H

struct tp_wireguard_starter;

/* Before there are secrets in memory, which it would have too. The program's path is kept. 0 or
 * -errno. */
int tp_wireguard_starter_new(struct tp_wireguard_starter **out, const char *program);
void tp_wireguard_starter_free(struct tp_wireguard_starter *s);

/* Starts wireguard-go for the device. 0; -errno; that it serves is seen by opening. */
int tp_wireguard_starter_start(struct tp_wireguard_starter *s, const char *name);

#endif
