/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/state.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/config.h"
#include "log.h"

typedef char device_name[IFNAMSIZ];

/* --- numbers -------------------------------------------------------------------------------- */

static int find(device_name const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

int gw_state_overlay(const struct gw_state *s, const char *name)
{
	return find(s->overlays, TP_GW_OVERLAYS, name);
}

int gw_state_uplink(const struct gw_state *s, const char *name)
{
	return find(s->uplinks, TP_GW_UPLINKS, name);
}

uint32_t gw_state_uplinks(const struct gw_state *s)
{
	uint32_t n = TP_GW_UPLINKS;

	while (n && !s->uplinks[n - 1][0])
		n--;
	return n;
}

/* There are as many numbers as devices may be configured, so one is found. */
static void number_one(device_name *names, int n, const char *name, const struct gw_config *c,
		       bool (*configured)(const struct gw_config *c, const char *name))
{
	int at = find(names, n, name);

	if (at < 0)
		at = find(names, n, "");
	for (int i = 0; at < 0 && i < n; i++)
		if (!configured(c, names[i]))
			at = i;
	if (at >= 0)
		snprintf(names[at], IFNAMSIZ, "%s", name);
}

void gw_state_number(struct gw_state *s, const struct gw_config *c)
{
	for (size_t i = 0; i < c->n_overlays; i++)
		number_one(s->overlays, TP_GW_OVERLAYS, c->overlays[i].name, c,
			   gw_config_has_overlay);
	for (size_t i = 0; i < c->egress.n_uplinks; i++)
		number_one(s->uplinks, TP_GW_UPLINKS, c->egress.uplinks[i], c,
			   gw_config_has_uplink);
}

static int number_free(device_name *names, int n, const char *name)
{
	int at = find(names, n, name);

	if (at < 0)
		at = find(names, n, "");
	if (at >= 0)
		snprintf(names[at], IFNAMSIZ, "%s", name);
	return at < 0 ? -ENOSPC : 0;
}

int gw_state_number_new(struct gw_state *s, const struct gw_config *c, uint32_t uplinks)
{
	int err = 0;

	for (size_t i = 0; !err && i < c->n_overlays; i++)
		err = number_free(s->overlays, TP_GW_OVERLAYS, c->overlays[i].name);
	for (size_t i = 0; !err && i < c->egress.n_uplinks; i++)
		err = number_free(s->uplinks, (int)uplinks, c->egress.uplinks[i]);
	return err;
}

/* --- the file ------------------------------------------------------------------------------- */

static void read_names(const json_t *list, device_name *names, size_t n)
{
	for (size_t i = 0; i < json_array_size(list) && i < n; i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name && strlen(name) < IFNAMSIZ)
			strcpy(names[i], name);
	}
}

static uint16_t read_u16(const json_t *root, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(root, key));

	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

int gw_state_load(struct gw_state *s, const struct gw_config *config)
{
	const char *reserved;
	json_error_t error;
	json_t *root;

	memset(s, 0, sizeof(*s));
	s->wireguard = json_object();
	s->made = json_object();
	if (asprintf(&s->path, "%s/%s.json", config->state_dir, config->instance) < 0) {
		s->path = NULL;
		return -ENOMEM;
	}
	if (access(s->path, F_OK))
		return 0;
	root = json_load_file(s->path, 0, &error);
	if (!root) {
		tp_warn("%s: %s; starting without it", s->path, error.text);
		return 0;
	}
	read_names(json_object_get(root, "overlays"), s->overlays, TP_GW_OVERLAYS);
	read_names(json_object_get(root, "uplinks"), s->uplinks, TP_GW_UPLINKS);
	s->nat_first = read_u16(root, "nat_first");
	s->nat_ports = read_u16(root, "nat_ports");
	s->nat_block = read_u16(root, "nat_block");
	json_object_update(s->wireguard, json_object_get(root, "wireguard"));
	json_object_update(s->made, json_object_get(root, "made"));
	s->endpoints = json_incref(json_object_get(root, "endpoints"));
	reserved = json_string_value(json_object_get(root, "reserved_ports"));
	s->reserved = reserved ? strdup(reserved) : NULL;
	s->loopback = json_is_true(json_object_get(root, "loopback"));
	json_decref(root);
	return 0;
}

void gw_state_fini(struct gw_state *s)
{
	free(s->path);
	free(s->reserved);
	json_decref(s->wireguard);
	json_decref(s->made);
	json_decref(s->endpoints);
	memset(s, 0, sizeof(*s));
}

static json_t *names_json(device_name const *names, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(names[i]));
	return list;
}

static json_t *state_json(const struct gw_state *s)
{
	return json_pack("{s:o,s:o,s:i,s:i,s:i,s:b,s:s?,s:O,s:O,s:O?}", "overlays",
			 names_json(s->overlays, TP_GW_OVERLAYS), "uplinks",
			 names_json(s->uplinks, TP_GW_UPLINKS), "nat_first", s->nat_first,
			 "nat_ports", s->nat_ports, "nat_block", s->nat_block, "loopback",
			 s->loopback, "reserved_ports", s->reserved, "wireguard", s->wireguard,
			 "made", s->made, "endpoints", s->endpoints);
}

static int write_file(const char *path, const json_t *root)
{
	FILE *f = fopen(path, "we");
	int err;

	if (!f)
		return -errno;
	err = json_dumpf(root, f, JSON_INDENT(2)) ? -EIO : 0;
	if (!err && (fflush(f) || fsync(fileno(f))))
		err = -errno;
	if (fclose(f) && !err)
		err = -errno;
	return err;
}

int gw_state_save(const struct gw_state *s)
{
	json_t *root = state_json(s);
	char *fresh;
	int err;

	if (!root || asprintf(&fresh, "%s.new", s->path) < 0) {
		json_decref(root);
		return -ENOMEM;
	}
	err = write_file(fresh, root);
	if (!err && rename(fresh, s->path))
		err = -errno;
	if (err)
		tp_err("%s: cannot be written: %s", s->path, strerror(-err));
	free(fresh);
	json_decref(root);
	return err;
}
