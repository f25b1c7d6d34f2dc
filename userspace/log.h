/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages to stderr, each line with a syslog priority in front (<N>), as journald reads it. */
#ifndef TP_LOG_H
#define TP_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

/* Show messages up to this syslog level; LOG_INFO at first. */
void tp_log_level(int level);
bool tp_log_wants(int level);

__attribute__((format(printf, 2, 3))) void tp_log(int level, const char *fmt, ...);

/* From now on the first error that is logged is kept in `text`, too, cut to that size: "" until
 * then. NULL ends that. */
void tp_log_keep(char *text, size_t size);

/* Each line of a text as a message of its own; empty ones are left out. Cuts the text up. */
void tp_log_lines(int level, char *text);

#define tp_err(...)   tp_log(LOG_ERR, __VA_ARGS__)
#define tp_warn(...)  tp_log(LOG_WARNING, __VA_ARGS__)
#define tp_info(...)  tp_log(LOG_INFO, __VA_ARGS__)
#define tp_debug(...) tp_log(LOG_DEBUG, __VA_ARGS__)

/* For messages that a packet can trigger: at most one a second per place, with the count left out.
 */
struct tp_log_limit {
	unsigned long long next_ns;
	unsigned long suppressed;
};
bool tp_log_allow(struct tp_log_limit *limit);

#define tp_log_limited(level, ...)                                   \
	do {                                                         \
		static struct tp_log_limit tp_limit_;                \
		if (tp_log_wants(level) && tp_log_allow(&tp_limit_)) \
			tp_log(level, __VA_ARGS__);                  \
	} while (0)

#endif
