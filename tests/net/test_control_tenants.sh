#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 120
# turnpike control: which tenant a command is about, for who may act for all, for who is of one, and
# for programs with an API key; and what the session's file keeps of it.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control.sh"

kept() { # KEY: in the session's file
	jq -r ".$1 // \"none\"" "${2:-$TURNPIKE_SESSION}"
}
in_use() { # COMMAND-OPTION...: as people see it
	ctl "$@" status | sed -nE 's/^ *tenant +//p'
}
told() { # COMMAND...: of a failure
	ctl "$@" 2>&1 >/dev/null
}

control_start
ctl_login >/dev/null || die "no login"
acme=$(ctl tenant create acme)
other=$(ctl tenant create other)

# --- who may act for all --------------------------------------------------------------------------

equal "status names the tenant in use" other "$(in_use)"
equal "or the one of this command" acme "$(in_use -t acme)"
equal "which the session does not keep" "$other" "$(kept tenant)"
equal "nor a server that is this command's" "$CONTROL_SERVER" "$(
	ctl -s http://localhost:8443 tenant use acme; kept server)"
equal "tenant use has it kept" "$acme" "$(kept tenant)"
expect "a network" ctl network create office 100.64.1.0/24
equal "which the other has not" "[]" "$(ctl -t other network list --json | jq -c .)"
refuse "a tenant that is none" ctl -t nobody network list

# --- who is of one --------------------------------------------------------------------------------

olga() {
	ctl -f $LAB/olga.json "$@"
}
expect "a user of acme" ctl user create olga --role operator <<<"a good password"
expect "logs in" olga -s $CONTROL_SERVER login olga <<<"a good password"
equal "is in acme" acme "$(olga status | sed -nE 's/^ *tenant +//p')"
equal "and may say so by name" office "$(olga -t acme network list --json | jq -r '.[].name')"
expect "or have it kept" olga tenant use acme
expect "or say so by id" olga -t "$acme" network list
equal "but may not name another" 1 "$(told -f $LAB/olga.json -t other network list |
	grep -c 'of the tenant "acme" and may act for no other')"
equal "which need not exist" 1 "$(told -f $LAB/olga.json tenant use nobody |
	grep -c 'of the tenant "acme" and may act for no other')"

# --- programs -------------------------------------------------------------------------------------

KEY=$(ctl api-key create ci --role operator | tail -n 1)
equal "a key's tenant by name" office "$(TURNPIKE_API_KEY=$KEY ctl -t acme network list --json | jq -r '.[].name')"
before=$(<$TURNPIKE_SESSION)
TURNPIKE_API_KEY=$KEY refuse "a key has no session that keeps a tenant" ctl tenant use acme
equal "and leaves somebody's as it is" "$before" "$(<$TURNPIKE_SESSION)"

# --- a tenant that goes ---------------------------------------------------------------------------

expect "the one that is not in use" ctl tenant delete other
equal "the other stays in use" acme "$(in_use)"
ctl tenant create other >/dev/null
ctl tenant use acme
expect "by -t, too" ctl -t other tenant delete other
equal "which leaves the one in use" acme "$(in_use)"
ctl -f $LAB/second.json login --server $CONTROL_SERVER --credentials $CONTROL_STATE/control-admin.json >/dev/null
expect "used in a second session" ctl -f $LAB/second.json tenant use acme
expect "deleted in the first" ctl -t acme tenant delete acme
equal "where none is in use then" "none -" "$(kept tenant) $(in_use)"
equal "so that a command says what to do" 1 "$(told network list | grep -c 'say which tenant, turnpike control tenant use')"
equal "and in the second" 1 "$(told -f $LAB/second.json network list | grep -c 'not there any more.*turnpike control tenant use')"
equal "as status does" 1 "$(in_use -f $LAB/second.json | grep -c "^$acme is not there any more")"
refuse "its people are nobody" olga status
