// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "gateway/daemon.h"
#include "gateway/datapath_devices.h"
#include "gateway/datapath_purge.h"
#include "gateway/ruleset.h"
#include "log.h"

/* --- the policy ----------------------------------------------------------------------------- */

static int compile(struct gw_daemon *d, const struct gw_config *config,
		   struct gw_policy_tables **out)
{
	size_t size, n_locals;
	const struct tp_addr *locals = gw_links_locals(d->links, &n_locals);
	char *text = NULL;
	FILE *messages = open_memstream(&text, &size);
	int err = -ENOMEM;

	*out = NULL;
	if (messages) {
		err = gw_ruleset_compile(config, &d->state, locals, n_locals,
					 d->options->config_path, out, messages);
		fclose(messages);
	}
	tp_log_lines(err ? LOG_ERR : LOG_WARNING, text);
	free(text);
	return err;
}

/* Takes the tables over. What was in force before stays so unless all goes well. */
static int publish(struct gw_daemon *d, struct gw_policy_tables *fresh, uint64_t begun)
{
	int err = gw_datapath_policy_publish(d->published, fresh);

	if (err) {
		gw_policy_free(fresh);
		return err;
	}
	gw_policy_free(d->policy);
	d->policy = fresh;
	d->compile_ms = (double)(tp_now() - begun) / (double)TP_NS_PER_MS;
	return 0;
}

int gw_reload_policy(struct gw_daemon *d)
{
	struct gw_policy_tables *fresh;
	uint64_t begun = tp_now();

	return compile(d, d->config, &fresh) ?: publish(d, fresh, begun);
}

/* --- what is gone --------------------------------------------------------------------------- */

static void end_one(struct gw_daemon *d, enum gw_role role, uint32_t id, char *name)
{
	tp_info("%s: is gone, and its flows end", name);
	gw_links_forget(d->links, role, id);
	gw_datapath_settle();
	gw_blocks_end(d->blocks, role, id);
	if (gw_datapath_purge(d->dp, role, id))
		tp_err("%s: not all that was its could be removed", name);
	name[0] = '\0';
}

/* Devices before programs: no node's packet gets to the host unjudged. */
void gw_reload_end_others(struct gw_daemon *d)
{
	gw_overlays_retire(d->overlays);
	gw_datapath_keep(d->dp, d->config);
	for (uint32_t id = 0; id < TP_GW_OVERLAYS; id++) {
		char *name = d->state.overlays[id];

		if (name[0] && !gw_config_has_overlay(d->config, name))
			end_one(d, GW_OVERLAY, id, name);
	}
	for (uint32_t id = 0; id < TP_GW_UPLINKS; id++) {
		char *name = d->state.uplinks[id];

		if (name[0] && !gw_config_has_uplink(d->config, name))
			end_one(d, GW_UPLINK, id, name);
	}
	gw_state_save(&d->state);
}

/* --- reloading ------------------------------------------------------------------------------ */

/* The file's errors, each as a line of the log. */
static int load_config(const char *path, struct gw_config **out, const json_t *settings)
{
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	int err = errors ? gw_config_load(path, out, settings, errors) : -ENOMEM;

	if (errors)
		fclose(errors);
	tp_log_lines(LOG_ERR, text);
	free(text);
	return err;
}

static int check_frozen(const struct gw_daemon *d, const struct gw_config *fresh)
{
	char frozen[256];

	if (!gw_config_frozen_diff(d->config, fresh, frozen, sizeof(frozen)))
		return 0;
	tp_err("%s: a restart is needed to change %s", d->options->config_path, frozen);
	return -EPERM;
}

/* Numbers for what is new, told the disk before a program may know them. None is taken over from
 * what leaves: its flows may be there until the end. */
static int number(struct gw_daemon *d, const struct gw_config *fresh)
{
	if (gw_state_number_new(&d->state, fresh, gw_datapath_uplink_room(d->dp))) {
		tp_err("egress.uplinks: there is no room for another one before a restart");
		return -ENOSPC;
	}
	return gw_state_save(&d->state);
}

/* What most often fails comes first. The policy is published last: it never admits a node that is
 * not there yet. */
static int change(struct gw_daemon *d, const struct gw_config *fresh)
{
	struct gw_policy_tables *policy;
	uint64_t begun = tp_now();
	int err = compile(d, fresh, &policy);

	if (err)
		return err;
	err = gw_overlays_apply(d->overlays, fresh);
	err = err ?: gw_links_apply(d->links, fresh);
	err = err ?: gw_datapath_attach(d->dp, fresh, &d->state);
	if (!err)
		return publish(d, policy, begun);
	gw_policy_free(policy);
	return err;
}

/* All or nothing: what was changed before something failed is changed back. */
static int apply(struct gw_daemon *d, const struct gw_config *fresh)
{
	int err = number(d, fresh) ?: change(d, fresh);

	if (!err)
		return 0;
	gw_overlays_apply(d->overlays, d->config);
	gw_links_apply(d->links, d->config);
	gw_reload_end_others(d);
	return err;
}

int gw_reload_config(struct gw_daemon *d, const json_t *settings)
{
	struct gw_config *fresh;
	int err = load_config(d->options->config_path, &fresh, settings);

	err = err ?: check_frozen(d, fresh) ?: apply(d, fresh);
	if (err) {
		gw_config_free(fresh);
		return err;
	}
	gw_config_free(d->config);
	d->config = fresh;
	gw_reload_end_others(d);
	return 0;
}
