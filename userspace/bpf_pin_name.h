/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pins that are named after a network device. */
#ifndef TP_BPF_PIN_NAME_H
#define TP_BPF_PIN_NAME_H

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TP_BPF_PIN_NAME (IFNAMSIZ + 8) /* a prefix has at most 7 characters */

/* Neither bpffs takes a dot in a name nor the kernel a colon in that of a device. */
static inline void tp_bpf_swap_chars(char *s, char from, char to)
{
	for (; *s; s++)
		if (*s == from)
			*s = to;
}

static inline void tp_bpf_pin_name(const char *prefix, const char *ifname, char *buf)
{
	snprintf(buf, TP_BPF_PIN_NAME, "%s%s", prefix, ifname);
	tp_bpf_swap_chars(buf, '.', ':');
}

/* The reverse; false when the pin has another prefix. */
static inline bool tp_bpf_pin_ifname(const char *prefix, const char *pin, char *ifname)
{
	if (strncmp(pin, prefix, strlen(prefix)))
		return false;
	snprintf(ifname, IFNAMSIZ, "%s", pin + strlen(prefix));
	tp_bpf_swap_chars(ifname, ':', '.');
	return true;
}

#endif
