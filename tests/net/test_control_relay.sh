#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A relay that joins a control plane, and is told whom it serves: stock peers by exported files, a
# policy that changes, control gone and back, the relay restarted without it.
# limit: 300

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control_lab.sh"

lab_up
lab_site alice 1
lab_site bob 2
lab_host carol 3
control_up
expect "an administrator makes a tenant" ctl tenant create acme
expect "and a network" ctl network create office
relay_joins
expect "a relay has joined, and got its service address" \
	test "$(relay_get .service_address)" = 100.127.255.1
rm $LAB/relay.auth

for peer in alice bob carol; do
	expect "$peer gets a file" stock $peer
done
equal "addresses in a row" "1 2 3" "${NODE[alice]} ${NODE[bob]} ${NODE[carol]}"
equal "the files of the first two are stale" "alice bob" \
	"$(stale)"
for peer in alice bob; do
	expect "$peer gets a new one" export_again $peer
done
online() {
	[ "$(tp relay nodes --json | jq '[.[] | select(.state == "online")] | length')" = "$1" ]
}
expect "all three register" wait_for 40 online 3
expect "alice reaches bob" wait_for 40 reaches alice bob
expect "and carol" wait_for 40 reaches alice carol

seen_by_control() {
	[ "$(ctl node list --json | jq -r '[.. | objects | select(.deviceName? == "alice")][0].endpoint')" = \
		"$(tp relay nodes --json | jq -r '.[] | select(.name | startswith("alice")) | .endpoint')" ]
}
expect "control knows where the relay has seen alice" wait_for 20 seen_by_control
shaken() {
	[ "$(ctl node list --json | jq '[.. | objects | select(.deviceName?) | .lastHandshakeAt // empty] | length')" = 3 ]
}
expect "and when each last shook hands with it" wait_for 60 shaken
equal "which is when stock peers were seen last" 3 "$(ctl device list --json |
	jq '[.. | objects | select(.kind? == "stock") | .lastSeenAt // empty] | length')"

counted() {
	[ "$(ctl relay list --json | jq '.[0].traffic | .nodes == 3 and .online == 3 and
		(.flows | tonumber) >= 4 and (.packets | tonumber) > 0 and (.bytes | tonumber) > 0')" = true ]
}
expect "control knows what the relay has forwarded, and for how many" wait_for 90 counted
expect "so its list of relays says, too" grep -qE ' 3/3 +[0-9]+ +[0-9.]+ (B|KiB) +[0-9]+ ' <(ctl relay list)

# --- a policy ---------------------------------------------------------------------------------

in_force() { # JQ-CONDITION on `relay status`
	[ "$(relay_get "$1")" = true ]
}
cat >$LAB/policy.json <<-'RULES'
	[ { "name": "bob", "from": ["alice"], "to": ["bob"] } ]
RULES
ping_start steady alice "$(node_ip bob)"
expect "a policy that lets alice talk to bob only" ctl policy apply $LAB/policy.json --name initial
gone() {
	! reaches alice carol
}
expect "ends her way to carol" wait_for 20 gone
refuse "and keeps it closed" reaches alice carol
device_state() { # KIND
	ctl device list --json | jq -r --arg k "$1" '[.. | objects | select(.kind? == $k) | .state |
		if . == null then "none"
		elif .acknowledgedRevision == .toldRevision and .failure == "" then "in force"
		else "behind" end] | unique | join(" ")'
}
up_to_date() {
	[ "$(device_state relay)" = "in force" ]
}
expect "control knows that the relay has it in force" wait_for 20 up_to_date
equal "so its list of relays says" connected \
	"$(ctl relay list | awk 'NR == 1 { at = index($0, "STATE") } NR == 2 { print substr($0, at) }' | cut -d' ' -f1)"
equal "and nothing of stock peers, which have no connection" none "$(device_state stock)"
expect "explain says why" sh -c "'$B/turnpike' explain pair -s $LAB/relay.sock \
	\$('$B/turnpike' relay nodes -s $LAB/relay.sock --json | jq -r '[.[].name] | sort | .[0] + \" \" + .[2]') |
	grep -q 'may not talk'"

# --- control gone -----------------------------------------------------------------------------

stop control KILL
expect "control is gone, which the relay sees" wait_for 90 in_force '.control.connected | not'
stop relay KILL
relay_start
equal "the relay starts without it, serving whom it served" 3 \
	"$(relay_get .nodes.known)"
expect "and they talk" wait_for 40 reaches alice bob
control_start
expect "control is back, and the relay finds it" wait_for 90 in_force .control.connected
ping_lossless steady "alice and bob all the while"
refuse "the policy is still in force" reaches alice carol
equal "no address was given twice" 3 \
	"$(ctl node list --json | jq -r '[.. | objects | .ip? // .address? // .allocatedIp? // empty] | unique | length')"
