/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of nodes.h share: nodes.c has the connections, nodes_waiting.c those that have not
 * said hello, nodes_turns.c whose turn it is, nodes_tell.c what is told. */
#ifndef CONTROL_NODES_PRIVATE_H
#define CONTROL_NODES_PRIVATE_H

#include <event2/event.h>
#include <jansson.h>
#include <sys/queue.h>

#include "backoff.h"
#include "control/audience.h"
#include "control/nodes.h"
#include "control/path_reports.h"
#include "control/view.h"
#include "ncp_session.h"
#define TP_HASH_OR_DIE /* half a node in the table would be worse than a restart */
#include "hash.h"

struct node {
	struct ctl_nodes *nodes;
	struct tp_ncp_session *session;
	int fd;			  /* the session's */
	struct ctl_device device; /* id is "" before its hello, and when it is on its way out */
	char auth_key[129];
	json_t *view;		     /* as it was told */
	struct ctl_seat *seats;	     /* by the view */
	bool known;		     /* its hello was good */
	struct ctl_waiting *waiting; /* where it is until then */
	bool whole;		     /* it wants a snapshot */
	bool uninvited;		     /* perhaps, into some network */
	struct ctl_node_state state;
	TAILQ_ENTRY(node) entry;
	TAILQ_ENTRY(node) turn; /* while it is due, */
	uint64_t round;		/* not before the one after this */
	bool due;		/* else, when something is pending, it waits: */
	struct event *again;	/* NULL before the first time */
	struct tp_backoff backoff;
	UT_hash_handle hh; /* by device.id, while that is not "" */
};

/* Nodes, the oldest first. */
TAILQ_HEAD(node_list, node);

/* Connections that have not said hello. */
struct ctl_waiting {
	struct node_list list;
	unsigned int n;
	unsigned int share; /* of the descriptors that are left, one in so many */
};

struct ctl_nodes {
	struct event_base *base;
	struct ctl_store *store;
	struct tp_acceptor *acceptor;
	struct event *distribute;
	bool scheduled;
	uint64_t round, took; /* of distributions, and ns that this one has taken: 0 between them */
	uint64_t slice;	      /* ns of a round; then whatever else is ready has its turn */
	uint64_t rest_until;  /* none before that */
	struct ctl_views *views;
	struct ctl_audience *audience;
	struct ctl_path_reports *paths;
	struct ctl_seen *seen;
	struct tp_ncp_session_config config;
	unsigned long ends[TP_NCP_N_ENDS];
	struct ctl_waiting silent,
		greeted;       /* before their hello: without a handshake, and with one */
	uint64_t files;	       /* that the process may have open */
	struct node_list list; /* with a good hello */
	struct node_list due;  /* of these, by their turns */
	struct node *by_device;
	struct ctl_nodes_stats stats;
};

/* nodes.c */
struct node *ctl_node_of(const struct ctl_nodes *nodes, const char *device);
/* It is nobody's any more, and ends with these words. */
void ctl_node_show_out(struct node *n, const char *code, const char *text);

void ctl_node_free(struct node *n);

/* nodes_waiting.c */
void ctl_waiting_init(struct ctl_nodes *nodes);
/* One has just connected; or its first handshake message has opened, which may be a replay. Either
 * may end an older one. */
void ctl_waiting_add(struct node *n);
void ctl_waiting_greeted(struct node *n);
/* It waits no longer. */
void ctl_waiting_remove(struct node *n);

/* nodes_turns.c */
/* Something touches it. */
void ctl_turn_due(struct node *n);
/* Whose turn is in this round; who becomes due meanwhile has to wait for the next one. */
struct node *ctl_turn_next(const struct ctl_nodes *nodes);
/* It has its turn now; then this, or that: it is told, or has another one after a while. */
void ctl_turn_take(struct node *n);
void ctl_turn_done(struct node *n);
void ctl_turn_failed(struct node *n);
/* It has none any more. */
void ctl_turn_forget(struct node *n);
/* The round goes on, or the next one comes. */
void ctl_turns_schedule(struct ctl_nodes *nodes);

/* nodes_tell.c */
int ctl_nodes_tell_start(struct ctl_nodes *nodes);
void ctl_nodes_tell_stop(struct ctl_nodes *nodes);
/* Takes over the message. */
int ctl_node_send(struct node *n, json_t *msg);
void ctl_node_say_error(struct node *n, const char *code, const char *text);
/* Into which networks it is invited, and soon a snapshot. */
void ctl_node_welcome(struct node *n);
/* It is told nothing more. */
void ctl_node_forget(struct node *n);

#endif
