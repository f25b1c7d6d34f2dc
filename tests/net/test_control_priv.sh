#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 90
# turnpike-control with the user that it is meant to become: what it has left, that it works with
# it; and what systemd makes of its unit.

# With groups that it has to leave.
[ "$(id -G)" = "0 4 24" ] || exec setpriv --groups 0,4,24 "$0" "$@"

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control.sh"

ID=4711

# A user of this test alone, in its mount namespace.
add_user() {
	grep -v '^turnpike:' /etc/passwd >$LAB/passwd
	grep -v '^turnpike:' /etc/group >$LAB/group
	echo "turnpike:x:$ID:$ID::/nonexistent:/usr/sbin/nologin" >>$LAB/passwd
	echo "turnpike:x:$ID:" >>$LAB/group
	mount --bind $LAB/passwd /etc/passwd && mount --bind $LAB/group /etc/group
}
add_user
equal "there is a user turnpike" $ID "$(id -u turnpike)"

of_threads() { # FIELD of /proc/PID/status: what its threads have, each value once
	sed -n "s/^$1:[[:space:]]*//p" /proc/"${LAB_PID[control]}"/task/*/status | tr '\t' ' ' | sort -u | paste -sd ,
}
chmod 755 $LAB # the daemon gets through to its own
control_start
ADMIN=$(login admin "$(jq -r .password $CONTROL_STATE/control-admin.json)")
expect "a login, whose password a thread hashes" test -n "$ADMIN"
equal "there are several threads" yes "$([ "$(ls /proc/"${LAB_PID[control]}"/task | wc -l)" -gt 1 ] && echo yes)"
equal "all are the user" "$ID $ID $ID $ID" "$(of_threads Uid)"
equal "and its group" "$ID $ID $ID $ID" "$(of_threads Gid)"
equal "and of no other" "" "$(of_threads Groups | tr -d ' ')"
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	equal "$set is empty" 0000000000000000 "$(of_threads $set)"
done
equal "no new privileges" 1 "$(of_threads NoNewPrivs)"
equal "a system call filter" 2 "$(of_threads Seccomp)"
equal "its memory is nobody's to read but root's" 0 "$(stat -c %u /proc/"${LAB_PID[control]}"/mem)"

# --- what is its own --------------------------------------------------------------------------

equal "all of state_dir is the user's" "$ID" "$(find $CONTROL_STATE -printf '%U\n' | sort -u)"
equal "and nobody else's" "" "$(find $CONTROL_STATE -type f -perm /077)"
equal "so is the control socket" $ID "$(stat -c %u $LAB/control.sock)"
equal "which root can ask" 0 "$("$B/turnpike" control daemon -s $LAB/control.sock --json >/dev/null; echo $?)"
equal "and then reads the key that nodes connect to" "$(control_ready | jq -r .ncp.public_key)" \
	"$("$B/turnpike" control daemon -s $LAB/control.sock | awk '$1 == "key" { print $2 }')"

# --- it works with that -----------------------------------------------------------------------

api ADMIN - CreateTenant '{"name":"acme"}'
equal "it writes its database" 200 "$STATUS"
ACME=$(reply .tenant.id)
kill -HUP "${LAB_PID[control]}"
expect "SIGHUP is heard" wait_for 30 grep -q 'nothing to reload' $LAB/log/control.log
stop control
equal "a clean stop" 0 $?
control_start
equal "as the user again" "$ID $ID $ID $ID" "$(of_threads Uid)"
api ADMIN "$ACME" CreateWireGuardNetwork '{"name":"office"}'
equal "and writes what root left to it" 200 "$STATUS"
expect "root makes a backup beside it" "$B/turnpike-control" -c $LAB/control.conf --backup $LAB/copy.db
api ADMIN "$ACME" CreateGroup '{"name":"after"}'
equal "after which it still writes" 200 "$STATUS"
stop control
expect "root restores" "$B/turnpike-control" -c $LAB/control.conf --restore $LAB/copy.db
control_start
api ADMIN "$ACME" CreateGroup '{"name":"restored"}'
equal "and it writes that, too" 200 "$STATUS"
stop control

# Without the right to change users it does not run on as root.
unprivileged() {
	timeout 30 setpriv --bounding-set -setuid --inh-caps -setuid "$B/turnpike-control" -c $LAB/control.conf 2>&1
	echo "status $?"
}
unprivileged >$LAB/unprivileged
equal "root that may not become the user does not start" "status 1" "$(tail -n 1 $LAB/unprivileged)"
expect "and says so" grep -q 'cannot become user turnpike' $LAB/unprivileged

# --- the unit ---------------------------------------------------------------------------------

unit() {
	mkdir -p $LAB/units
	sed "s|/usr/sbin/turnpike-control|$B/turnpike-control|" \
		"$LAB_ROOT/configs/turnpike-control.service" >$LAB/units/turnpike-control.service
	systemd-analyze --man=no verify $LAB/units/turnpike-control.service 2>&1
}
if ! command -v systemd-analyze >/dev/null; then
	skip "the unit" "no systemd-analyze"
else
	equal "systemd finds nothing wrong with the unit" "" "$(unit | grep -F turnpike)"
	EXPOSURE=$(systemd-analyze security --offline=true $LAB/units/turnpike-control.service --no-pager | tail -n 1 |
		grep -oE '[0-9]+\.[0-9]')
	expect "its exposure is $EXPOSURE of 10, at most 3" test "${EXPOSURE%.*}" -lt 3
fi
