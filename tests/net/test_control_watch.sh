#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 240
# turnpike control watch and the call it makes: what happens is told at once, to whom it may be; and
# logins: how they are renewed, and how they end.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control.sh"

control_start
ctl_login >/dev/null
ctl tenant create acme >/dev/null
ctl network create office 100.64.1.0/24 >/dev/null
ctl user create vera --role viewer <<<"a good password" >/dev/null
ACME=$(jq -r .tenant $TURNPIKE_SESSION)
ADMIN=$(jq -r .token $TURNPIKE_SESSION)
VERA=$(login vera "a good password")

# --- the call ---------------------------------------------------------------------------------

next() {
	reply .next
}
watch_api() { # TOKEN-VARIABLE SINCE SECONDS
	api "$1" "$ACME" WatchEvents "{\"since\":\"$2\",\"waitSeconds\":$3}"
}
in_background() { # NAME TOKEN-VARIABLE SINCE SECONDS
	(
		REPLY=$LAB/$1.json
		START=$(now_ms)
		watch_api "$2" "$3" "$4"
		echo "$STATUS $(($(now_ms) - START))" >$LAB/$1.done
	) &
}
watch_api VERA "" 0
SINCE=$(next)
START=$(now_ms)
watch_api VERA "$SINCE" 1
equal "nothing happens: an empty answer after a second" "200 0" "$STATUS $(reply '.events | length')"
expect "which is a second" test $(($(now_ms) - START)) -ge 900
in_background change VERA "$SINCE" 20
in_background secret VERA "$SINCE" 2
ctl user create paul --role viewer <<<"a good password" >/dev/null
ctl group create people >/dev/null
wait_for 10 test -s $LAB/change.done
expect "an event ends the wait at once ($(cat $LAB/change.done) ms)" \
	test "$(cut -d" " -f2 $LAB/change.done)" -lt 15000
equal "a viewer sees the group, not the user, and not by whom" 'group.create "" people' \
	"$(jq -r '.events[] | "\(.action) \(.actor | tojson) \(.details | fromjson.name)"' $LAB/change.json)"
watch_api ADMIN "$SINCE" 0
equal "a super_admin sees both, and by whom" "user.create user:admin group.create user:admin" \
	"$(reply '[.events[] | .action, .actor] | join(" ")')"
watch_api ADMIN "$(next)" 1
equal "each event is told once" 0 "$(reply '.events | length')"

# Another tenant's are its own.
OTHER=$(api ADMIN - CreateTenant '{"name":"other"}'; reply .tenant.id)
api ADMIN "$OTHER" CreateGroup '{"name":"theirs"}'
api ADMIN "$OTHER" WatchEvents "{\"since\":\"$SINCE\",\"waitSeconds\":1}"
equal "who watches one tenant learns nothing of others" "$OTHER theirs" \
	"$(reply '[.events[] | select(.action == "group.create")] | map(.tenantId, (.details | fromjson.name)) | unique_by(.) | sort_by(length) | reverse | join(" ")')"
watch_api VERA "$SINCE" 0
refuse "nor does whoever is of another" grep -q theirs $REPLY

# Its user is disabled while the call waits.
watch_api VERA "" 0
in_background out VERA "$(next)" 20
sleep 0.2
ctl user disable vera >/dev/null
ctl group create more >/dev/null
wait_for 10 test -s $LAB/out.done
equal "who is disabled meanwhile learns nothing" unauthenticated "$(jq -r .code $LAB/out.json)"
equal "nor can they renew" "401 unauthenticated" "$(api VERA - RefreshToken '{}'; echo "$STATUS $(reply .code)")"

# More than may wait: they are refused, and nobody else is kept waiting.
said_to() { # NUMBER WORD: of the crowd
	[ "$(grep -l "$2" $LAB/crowd.* | wc -l)" = "$1" ]
}
crowd() {
	local i since
	watch_api ADMIN "" 0
	since=$(next)
	for i in {1..70}; do
		curl -s -o $LAB/crowd.$i -H "Authorization: Bearer $ADMIN" -H "X-Tenant-ID: $ACME" \
			-H 'Content-Type: application/json' -d "{\"since\":\"$since\",\"waitSeconds\":50}" \
			"$API/WatchEvents" >/dev/null 2>&1 & # else `expect` would wait for them
	done
	wait_for 40 said_to 6 resource_exhausted
}
expect "64 of a tenant may watch, the next are refused" crowd
equal "others are answered meanwhile" 200 "$(api ADMIN - GetStatus '{}'; echo "$STATUS")"
ctl group create enough >/dev/null
expect "all 64 are told" wait_for 20 said_to 64 enough

# --- the command ------------------------------------------------------------------------------

watching() { # NAME ARGUMENT...
	local name=$1
	shift
	"$B/turnpike" control watch "$@" >$LAB/$name.out 2>$LAB/$name.err &
	LAB_PID[$name]=$!
}
watching table
watching lines --json
PROBE=0
# Until both have begun: what happens before is not theirs.
begun() {
	ctl group create "probe-$((++PROBE))" >/dev/null && grep -q probe $LAB/table.out && grep -q probe $LAB/lines.out
}
wait_for 30 begun
ctl peer add phone >/dev/null
expect "a peer is added: a line for people" wait_for 20 grep -qE \
	'^[0-9:]{8}  peer.add +user:admin +device phone, network ' $LAB/table.out
expect "one of JSON for programs" wait_for 20 eval \
	'[ "$(jq -r "select(.action == \"peer.key\") | .details | fromjson.address" $LAB/lines.out)" = 100.64.1.1 ]'
equal "each line is an object by itself" 0 "$(grep -vc '^{.*}$' $LAB/lines.out)"
stop control
control_start
expect "the control plane goes: it says so" wait_for 30 grep -q 'trying again' $LAB/table.err
again() {
	ctl group create "again-$((++PROBE))" >/dev/null && grep -q again $LAB/table.out
}
expect "and is watched again when it is back" wait_for 40 again
expect "with a word about what may be missing" grep -q 'were missed' $LAB/table.err
kill -HUP "${LAB_PID[table]}"
expect "it ends with its terminal" wait_for 20 not running table
"$B/turnpike" control watch 2>/dev/null | head -n 1 >$LAB/head.out &
PIPE=$!
piped() {
	ctl group create "piped-$((++PROBE))" >/dev/null && ! kill -0 $PIPE 2>/dev/null
}
expect "and with its reader" wait_for 30 piped
stop lines
refuse "not without a login" ctl -f $LAB/none.json watch

# --- logins -----------------------------------------------------------------------------------

token() {
	jq -r .token $TURNPIKE_SESSION
}
expires_in() { # SECONDS
	jq --argjson in "$1" '.expires = (now | floor) + $in' $TURNPIKE_SESSION >$LAB/session.new
	cat $LAB/session.new >$TURNPIKE_SESSION
}
OLD=$(token)
ctl network list >/dev/null
equal "a fresh token is used as it is" "$OLD" "$(token)"
expires_in 600
expect "one that is past its half" ctl -t acme network list
refuse "is renewed by using it" test "$(token)" = "$OLD"
expect "for another hour" test "$(jq '.expires - now | floor' $TURNPIKE_SESSION)" -gt 3000
equal "and is its owner's alone" 600 "$(stat -c %a $TURNPIKE_SESSION)"
expires_in -60
equal "one that is over is said to be" 1 \
	"$(ctl network list 2>&1 | grep -c '^turnpike: the login ended at .* UTC (unauthenticated): log in again, turnpike control login admin$')"
expires_in 3000
expect "the token itself is still good here" ctl network list

# Claims of the real token, with others in their place.
forged() { # JQ-FILTER
	local part
	part=$(cut -d. -f2 <<<"$ADMIN" | tr -- -_ +/)
	while [ $((${#part} % 4)) -ne 0 ]; do part+==; done
	control_token "$(base64 -d <<<"$part" | jq -c "$1")"
}
LATE=$(forged '.auth_time -= 7 * 86400')
api LATE - GetStatus '{}'
equal "a token of a login seven days ago is good for its hour" 200 "$STATUS"
api LATE - RefreshToken '{}'
equal "but is not renewed" "401 this login is over: log in again" "$STATUS $(reply .message)"
NEARLY=$(forged '.auth_time -= 7 * 86400 - 600')
api NEARLY - RefreshToken '{}'
expect "ten minutes before, it is, for ten minutes" \
	test "$(reply '(.expiresAt | sub("\\..*"; "Z") | fromdate) - now | floor')" -le 600
ctl user create rita --role viewer <<<"a good password" >/dev/null
RITA=$(login rita "a good password")
api RITA - RefreshToken '{}'
equal "a login is renewed" 200 "$STATUS"
ctl user password rita <<<"another password" >/dev/null
api RITA - RefreshToken '{}'
equal "not when the password is another" "401 unauthenticated" "$STATUS $(reply .code)"

# Programs have an API key instead.
KEY=$(ctl api-key create ci --role viewer)
with_key() {
	TURNPIKE_API_KEY=$KEY "$B/turnpike" control -f $LAB/none.json -s http://$CONTROL_LISTEN "$@"
}
expect "an API key in the environment, no session" with_key network list
refuse "with its own role" with_key network create x 100.64.9.0/24
equal "nothing is kept of it" "" "$(ls $LAB/none.json 2>/dev/null)"
