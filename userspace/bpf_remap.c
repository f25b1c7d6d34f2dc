/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From two BTF types, the list of copies that turns a value of the one into the other. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_migrate.h"

#define DEPTH_MAX 16

struct copy {
	uint32_t from, to; /* offsets in bytes */
	uint32_t from_size, to_size;
};

struct tp_bpf_remap {
	struct copy *copies;
	size_t n, room;
};

/* A type at a place within the whole. */
struct spot {
	const struct btf *btf;
	uint32_t type;
	uint32_t offset;
};

static int plan(struct tp_bpf_remap *r, struct spot from, struct spot to, int depth);

static int add_copy(struct tp_bpf_remap *r, struct copy c)
{
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 16;
		struct copy *copies = reallocarray(r->copies, room, sizeof(*copies));

		if (!copies)
			return -ENOMEM;
		r->copies = copies;
		r->room = room;
	}
	r->copies[r->n++] = c;
	return 0;
}

/* Looks through typedefs and qualifiers; *big_endian: one of them was named __be…. */
static const struct btf_type *underlying(const struct spot *s, bool *big_endian)
{
	const struct btf_type *t = btf__type_by_id(s->btf, s->type);

	*big_endian = false;
	while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
		const char *name = btf__name_by_offset(s->btf, t->name_off);

		if (btf_is_typedef(t) && name && !strncmp(name, "__be", 4))
			*big_endian = true;
		t = btf__type_by_id(s->btf, t->type);
	}
	return t;
}

static bool is_scalar(const struct btf_type *t)
{
	return btf_is_int(t) || btf_is_any_enum(t);
}

static bool is_unsigned(const struct btf_type *t)
{
	if (btf_is_int(t))
		return !(btf_int_encoding(t) & BTF_INT_SIGNED);
	return !btf_kflag(t);
}

static int plan_scalar(struct tp_bpf_remap *r, const struct spot *from, const struct btf_type *ft,
		       const struct spot *to, const struct btf_type *tt, bool big_endian)
{
	struct copy c = {from->offset, to->offset, ft->size, tt->size};

	if (c.from_size != c.to_size && (big_endian || !is_unsigned(ft) || !is_unsigned(tt)))
		return 0;
	if (c.from_size > sizeof(uint64_t) && c.from_size != c.to_size)
		return 0;
	return add_copy(r, c);
}

static int plan_array(struct tp_bpf_remap *r, const struct spot *from, const struct btf_type *ft,
		      const struct spot *to, const struct btf_type *tt, int depth)
{
	const struct btf_array *fa = btf_array(ft), *ta = btf_array(tt);
	uint32_t n = fa->nelems < ta->nelems ? fa->nelems : ta->nelems;
	int64_t f_size = btf__resolve_size(from->btf, fa->type);
	int64_t t_size = btf__resolve_size(to->btf, ta->type);

	if (f_size < 0 || t_size < 0)
		return -EINVAL;
	if (f_size == 1 && t_size == 1) /* bytes: one copy instead of n */
		return add_copy(r, (struct copy){from->offset, to->offset, n, n});
	for (uint32_t i = 0; i < n; i++) {
		struct spot f = {from->btf, fa->type, from->offset + i * (uint32_t)f_size};
		struct spot t = {to->btf, ta->type, to->offset + i * (uint32_t)t_size};
		int err = plan(r, f, t, depth);

		if (err)
			return err;
	}
	return 0;
}

/* Finds a member by name; those of anonymous structs and unions count as the outer one's. */
static bool find_member(const struct spot *in, const struct btf_type *t, const char *name,
			struct spot *out, int depth)
{
	const struct btf_member *m = btf_members(t);

	for (uint16_t i = 0; i < btf_vlen(t); i++, m++) {
		const char *its = btf__name_by_offset(in->btf, m->name_off);
		struct spot s = {in->btf, m->type, in->offset + btf_member_bit_offset(t, i) / 8};
		const struct btf_type *inner;
		bool big_endian;

		if (its && *its) {
			if (strcmp(its, name))
				continue;
			*out = s;
			return true;
		}
		inner = underlying(&s, &big_endian);
		if (inner && btf_is_composite(inner) && depth < DEPTH_MAX &&
		    find_member(&s, inner, name, out, depth + 1))
			return true;
	}
	return false;
}

static bool has_bitfields(const struct btf_type *t)
{
	for (uint16_t i = 0; i < btf_vlen(t); i++)
		if (btf_member_bitfield_size(t, i) || btf_member_bit_offset(t, i) % 8)
			return true;
	return false;
}

static int plan_members(struct tp_bpf_remap *r, const struct spot *from, const struct btf_type *ft,
			const struct spot *to, const struct btf_type *tt, int depth)
{
	const struct btf_member *m = btf_members(tt);

	if (has_bitfields(ft) || has_bitfields(tt))
		return -EOPNOTSUPP;
	for (uint16_t i = 0; i < btf_vlen(tt); i++, m++) {
		const char *name = btf__name_by_offset(to->btf, m->name_off);
		struct spot t = {to->btf, m->type, to->offset + btf_member_bit_offset(tt, i) / 8};
		struct spot f = *from;
		int err;

		if (name && *name && !find_member(from, ft, name, &f, depth))
			continue;
		err = plan(r, f, t, depth); /* an anonymous member: same outer struct */
		if (err)
			return err;
	}
	return 0;
}

static int plan(struct tp_bpf_remap *r, struct spot from, struct spot to, int depth)
{
	bool from_be, to_be;
	const struct btf_type *ft = underlying(&from, &from_be), *tt = underlying(&to, &to_be);

	if (!ft || !tt || depth > DEPTH_MAX)
		return -EINVAL;
	if (is_scalar(ft) && is_scalar(tt))
		return plan_scalar(r, &from, ft, &to, tt, from_be || to_be);
	if (btf_is_array(ft) && btf_is_array(tt))
		return plan_array(r, &from, ft, &to, tt, depth + 1);
	if (btf_is_composite(ft) && btf_is_composite(tt))
		return plan_members(r, &from, ft, &to, tt, depth + 1);
	return 0;
}

int tp_bpf_remap_new(const struct btf *from_btf, uint32_t from, const struct btf *to_btf,
		     uint32_t to, struct tp_bpf_remap **out)
{
	struct tp_bpf_remap *r = calloc(1, sizeof(*r));
	int err;

	*out = NULL;
	if (!r)
		return -ENOMEM;
	err = plan(r, (struct spot){from_btf, from, 0}, (struct spot){to_btf, to, 0}, 0);
	if (err)
		tp_bpf_remap_free(r);
	else
		*out = r;
	return err;
}

void tp_bpf_remap_free(struct tp_bpf_remap *r)
{
	if (!r)
		return;
	free(r->copies);
	free(r);
}

static uint64_t load(const uint8_t *p, uint32_t size)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (size) {
	case 1: memcpy(&u8, p, 1); return u8;
	case 2: memcpy(&u16, p, 2); return u16;
	case 4: memcpy(&u32, p, 4); return u32;
	default: memcpy(&u64, p, 8); return u64;
	}
}

static void store(uint8_t *p, uint32_t size, uint64_t value)
{
	uint8_t u8 = (uint8_t)value;
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	switch (size) {
	case 1: memcpy(p, &u8, 1); break;
	case 2: memcpy(p, &u16, 2); break;
	case 4: memcpy(p, &u32, 4); break;
	default: memcpy(p, &value, 8); break;
	}
}

int tp_bpf_remap_apply(const struct tp_bpf_remap *r, const void *src, void *dst)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct copy *c = &r->copies[i];
		const uint8_t *from = (const uint8_t *)src + c->from;
		uint8_t *to = (uint8_t *)dst + c->to;
		uint64_t value;

		if (c->from_size == c->to_size) {
			memcpy(to, from, c->to_size);
			continue;
		}
		value = load(from, c->from_size);
		if (c->to_size < sizeof(value) && value >> (8 * c->to_size))
			return -ERANGE;
		store(to, c->to_size, value);
	}
	return 0;
}
