/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a daemon's maps come from. Below <pin_path>/<instance>:
 *
 *   v<N>      the maps in use and the links; v<other> that of another release
 *   next      maps being filled, before they take v<N>'s place
 *
 * A directory is renamed into place when it is complete, so v<N> always is. The running program
 * keeps forwarding on the old maps, pinned or not, until its link is given the new program.
 * Wherever this is cut short, the next start finds either the old state or the new one, and moves
 * the links to it.
 */
#ifndef TP_BPF_PINS_H
#define TP_BPF_PINS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_map;
struct bpf_object;

struct tp_bpf_pins {
	unsigned int version; /* of the maps' layout */
	char current[16];     /* "v<version>" */
	char *name;	      /* of the instance */
	int top;	      /* <pin_path>; -1: not open, as the others */
	int instance;	      /* <pin_path>/<instance> */
	int dir;	      /* <pin_path>/<instance>/v<version> */
};

/* The user that the daemon is, or becomes; root when there is none. */
uid_t tp_bpf_pins_owner(void);
/* Id of a map, 0 when unknown. */
uint32_t tp_bpf_map_id(int fd);
/* Entries that the map pinned as `name` has room for; 0: there is none. */
uint32_t tp_bpf_pinned_entries(int dir, const char *name);

/* Nothing open. */
void tp_bpf_pins_init(struct tp_bpf_pins *p);
void tp_bpf_pins_fini(struct tp_bpf_pins *p);

/* Opens the instance's directory, making it, and brings a start that was cut short to an end. Until
 * tp_bpf_pins_fini() or its end, this process is the only one to do so: others get -EBUSY.
 * 0 or -errno, logged. */
int tp_bpf_pins_open(struct tp_bpf_pins *p, const char *pin_path, const char *instance,
		     unsigned int version);
/* Opens what is there of the instance, for tp_bpf_pins_detach_open(), and holds it as above.
 * 0, -ENOENT when there is nothing (not logged), or -errno, logged. */
int tp_bpf_pins_find(struct tp_bpf_pins *p, const char *pin_path, const char *instance);
/* Opens the directory to take maps from: v<version>, else the newest other. 0 with *dir for the
 * caller to close, -ENOENT when there is none, or -errno. */
int tp_bpf_pins_source(const struct tp_bpf_pins *p, unsigned int *version, int *dir);

/* Does the directory hold every map of the object, just as that wants it? */
bool tp_bpf_pins_match(const struct bpf_object *obj, int dir);
/* Before load: the object takes the directory's maps. 0 or -errno. */
int tp_bpf_pins_reuse(struct bpf_object *obj, int dir);
/* After load: pins the object's maps, which fill() first gives what an earlier layout had, in place
 * of the current ones. 0 or -errno, logged. */
int tp_bpf_pins_replace(struct tp_bpf_pins *p, const struct bpf_object *obj, int (*fill)(void *arg),
			void *arg);
/* Copies the entries of a map that another layout had, as far as they fit (bpf_migrate.h), logging
 * what did not. 0 or -errno. */
int tp_bpf_pins_copy(const struct bpf_map *map, int from);

/* Opens p->dir and brings the links of other versions there. 0 or -errno. */
int tp_bpf_pins_settle(struct tp_bpf_pins *p);
/* After attaching: removes what earlier layouts left. */
void tp_bpf_pins_cleanup(const struct tp_bpf_pins *p);

/* Detaches everything pinned and removes all directories of the instance; empty(), unless NULL, is
 * called for each before. 0, also when there was nothing; -EBUSY when a daemon runs on them; or
 * -errno, logged. */
int tp_bpf_pins_detach(const char *pin_path, const char *instance, int (*empty)(void *arg, int dir),
		       void *arg);
/* The same for one that is open. */
int tp_bpf_pins_detach_open(const struct tp_bpf_pins *p, int (*empty)(void *arg, int dir),
			    void *arg);

#endif
