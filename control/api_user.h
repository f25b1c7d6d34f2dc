/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A user as a message: a login answers with one, too; and the role that a user or a key is to have.
 */
#ifndef CONTROL_API_USER_H
#define CONTROL_API_USER_H

#include <jansson.h>

#include "control/user.h"

struct api_call;

json_t *api_user_json(const struct ctl_user *u);

/* The field "role". One may give the roles up to one's own; super_admins, and only they, are of no
 * tenant. 0 or -1 with c->err. */
int api_role(struct api_call *c, enum ctl_role *role);

#endif
