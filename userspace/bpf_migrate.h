/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Carries map entries over to a map of another layout or size, by the BTF that both maps carry:
 * members of keys and values are matched by name, through nested structs and arrays. Works in
 * either direction between versions.
 *
 *   same type and size           copied as it is
 *   unsigned integers that grew  zero-extended
 *   ... that shrank              copied if the value fits, else the entry is left out
 *   in the new layout only       zero
 *   anything else                zero
 *
 * Integers whose type is named __be… are never resized: widening would move their bytes.
 */
#ifndef TP_BPF_MIGRATE_H
#define TP_BPF_MIGRATE_H

#include <stdint.h>

struct btf;

struct tp_bpf_migrated {
	uint32_t copied;
	uint32_t left_out; /* a value did not fit into its new type */
};

/* Copies all entries of map `from` into map `to`, both of the same type: HASH, ARRAY or
 * PERCPU_ARRAY. An array is copied as far as the shorter one goes. 0 with *done (may be NULL)
 * filled; -E2BIG when `to` is full; -EOPNOTSUPP for other map types and for layouts that differ
 * without BTF or in bit fields; or another -errno. What was copied before an error stays. */
int tp_bpf_migrate(int from, int to, struct tp_bpf_migrated *done);

struct tp_bpf_remap;

/* How to make a value of type `to` out of one of type `from`. 0 with *out for the caller to free,
 * or -errno as above. */
int tp_bpf_remap_new(const struct btf *from_btf, uint32_t from, const struct btf *to_btf,
		     uint32_t to, struct tp_bpf_remap **out);
/* The same from the values of map `from` to those of map `to`, by the BTF that they carry;
 * -EOPNOTSUPP without. */
int tp_bpf_remap_values(int from, int to, struct tp_bpf_remap **out);
void tp_bpf_remap_free(struct tp_bpf_remap *r);
/* dst has to be zeroed. 0, or -ERANGE when a value does not fit. */
int tp_bpf_remap_apply(const struct tp_bpf_remap *r, const void *src, void *dst);

#endif
