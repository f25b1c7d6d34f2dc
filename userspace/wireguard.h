/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A WireGuard device, of the kernel or of a wireguard-go process: one interface for both.
 *
 * The device outlives whoever opened it. What was applied last is remembered, and the next config
 * is compared with that, not with the device: peers roam, and giving a roamed peer its configured
 * endpoint back would lose packets. Only the first apply after opening, or after wireguard-go was
 * started anew, looks at the device, and touches nothing there that is already so.
 *
 * Calls wait for the answer of the kernel or of wireguard-go; for the latter at most
 * TP_WIREGUARD_PATIENCE_MS without progress. tp_crypto_init() comes first.
 */
#ifndef TP_WIREGUARD_H
#define TP_WIREGUARD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "messages.h"

#define TP_WIREGUARD_PATIENCE_MS 3000

struct tp_wireguard_prefix {
	struct tp_addr addr; /* bits behind the prefix are ignored */
	uint8_t bits;	     /* IPv4 counts its own 32 */
};

struct tp_wireguard_peer {
	uint8_t public_key[WG_KEY_LEN];
	uint8_t preshared_key[WG_KEY_LEN]; /* zero: none */
	struct tp_endpoint endpoint;	   /* port 0: none; a peer keeps the one that it has */
	uint16_t keepalive;		   /* seconds; 0: none */
	const struct tp_wireguard_prefix *allowed;
	size_t n_allowed;
};

struct tp_wireguard_config {
	uint8_t private_key[WG_KEY_LEN];
	uint16_t listen_port; /* 0: any, and it stays what it is */
	uint32_t fwmark;      /* 0: none */
	const struct tp_wireguard_peer *peers;
	size_t n_peers;
};

enum tp_wireguard_backend {
	TP_WIREGUARD_AUTO, /* the kernel's where it has one, else wireguard-go */
	TP_WIREGUARD_KERNEL,
	TP_WIREGUARD_GO,
};

struct tp_wireguard;
struct tp_wireguard_starter;

/* Adopts the device of this name, or makes it. `starter` starts a wireguard-go when none serves
 * the device; NULL: one that its own systemd unit starts is waited for. 0; -EEXIST
 * when a device of another kind has the name, -EOPNOTSUPP when the backend asked for can't be had,
 * -ETIMEDOUT when no wireguard-go came, or another -errno; logged. */
int tp_wireguard_open(struct tp_wireguard **out, const char *name,
		      enum tp_wireguard_backend backend, struct tp_wireguard_starter *starter);

/* Lets go of the device, which goes on working. */
void tp_wireguard_close(struct tp_wireguard *dev);

/* Takes the device away, and closes. wireguard-go ends with its device. 0 or -errno. */
int tp_wireguard_delete(struct tp_wireguard *dev);

/* Another one after tp_wireguard_apply() found a wireguard-go that was started anew: then
 * addresses, routes and attached programs are gone with the former device. */
int tp_wireguard_ifindex(const struct tp_wireguard *dev);
bool tp_wireguard_adopted(const struct tp_wireguard *dev); /* else it was made */
enum tp_wireguard_backend tp_wireguard_backend(const struct tp_wireguard *dev); /* never AUTO */
const char *tp_wireguard_backend_name(enum tp_wireguard_backend backend);

/* Brings the device to `config`, which the caller keeps. No packet of a peer that stays is lost,
 * except that a changed private key or port is what it is. A prefix may move from one peer to
 * another. 0; -EINVAL when a peer or a prefix is there twice (the device is then untouched, and the
 * reason logged); -EADDRINUSE (listen_port); or another -errno, and then the next call looks at the
 * device again. */
int tp_wireguard_apply(struct tp_wireguard *dev, const struct tp_wireguard_config *config);

struct tp_wireguard_stats {
	uint8_t public_key[WG_KEY_LEN];
	struct tp_endpoint endpoint; /* port 0: none yet */
	uint64_t rx_bytes, tx_bytes;
	uint64_t last_handshake; /* ns of CLOCK_REALTIME; 0: never */
};
typedef void tp_wireguard_stats_fn(void *ctx, const struct tp_wireguard_stats *peer);

/* Calls fn for each peer; fn may not use dev. *listen_port (may be NULL): the one in use. 0;
 * -ENOTCONN: wireguard-go ended, and the next apply looks for another; or -errno. */
int tp_wireguard_stats(struct tp_wireguard *dev, uint16_t *listen_port, tp_wireguard_stats_fn *fn,
		       void *ctx);

/* What has to outlive the process: which endpoints were configured, so that the next one tells a
 * roamed peer from a changed config. No secrets. NULL: out of memory, or nothing was applied. */
json_t *tp_wireguard_save(const struct tp_wireguard *dev);

/* Before the first apply. 0, -EINVAL when it is not what tp_wireguard_save() makes, or -ENOMEM; the
 * next apply then believes that configured endpoints did not change. */
int tp_wireguard_restore(struct tp_wireguard *dev, const json_t *saved);

#endif
