/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* NCP, the node control protocol: its numbers. docs/ncp.md says what they are of. */
#ifndef TP_NCP_H
#define TP_NCP_H

#define TP_NCP_VERSION	1
#define TP_NCP_PROLOGUE "turnpike-ncp-1"
#define TP_NCP_PORT	8447

/* Bytes of JSON text. */
#define TP_NCP_HELLO_MAX      4096	 /* either payload of the handshake */
#define TP_NCP_TO_NODE_MAX    (16 << 20) /* a message from control to a node */
#define TP_NCP_TO_CONTROL_MAX (256 << 10)

/* Bytes that may wait to be sent: a longest message and some more. */
#define TP_NCP_NODE_UNSENT_MAX	  (1 << 20)
#define TP_NCP_CONTROL_UNSENT_MAX (20 << 20)

#define TP_NCP_HANDSHAKE_MS 10000 /* from the connection to the first transport message */
#define TP_NCP_PING_MS	    20000 /* without anything sent */
#define TP_NCP_DEAD_MS	    60000 /* without anything heard, or without the peer taking a byte */
#define TP_NCP_LINGER_MS    3000  /* for the last words to be taken */

#endif
