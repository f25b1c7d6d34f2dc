#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 420
#
# Two relays at different distances, two plain members, one control plane.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control_lab.sh"

lab_up
lab_host relay-far 6 30
lab_host alice 1
lab_host bob 2
control_up
ctl tenant create acme >/dev/null || die "no tenant"
ctl network create office >/dev/null || die "no network"
relay_joins_as relay-far
relay_joins_as relay wan0 $R4
agent_joins alice
agent_joins bob

meet() {
	in_ns alice ping -n -q -c 1 -W 2 "$(member_ip bob)"
}
expect "they meet" wait_for 60 meet

# --- how far relays find their nodes ------------------------------------------------------------

trip() { # RELAY NODE
	member_at "$1" relay nodes --json |
		jq --arg n "$2." '.[] | select(.name | startswith($n)) | .round_trip_us // 0'
}
is_far() { # NODE
	[ "$(trip relay-far "$1")" -ge 60000 ]
}
is_near() { # NODE
	local near
	near=$(trip relay "$1")
	[ "$near" -gt 0 ] && [ "$near" -lt "$(trip relay-far "$1")" ]
}
# A relay measures at a node's handshakes with it. Where the first was held up by a busy machine, the
# next comes after two minutes.
for node in alice bob; do
	expect "relay-far finds $node 60 ms away" wait_for 30 is_far $node
	expect "the near one does not" wait_for 160 is_near $node
	note "$node: $(trip relay-far $node) us, $(trip relay $node) us"
done

# --- and who reads it ----------------------------------------------------------------------------

# What people are told of a node: its relays, the nearest first.
nearest() { # NODE RELAY
	[ "$(ctl node show "$1" --json | jq -r '.roundTrips | map(.relayName) | join(" ")')" = "$2 $(other_relay "$2")" ]
}
other_relay() {
	[ "$1" = relay ] && echo relay-far || echo relay
}
expect "the API knows that alice has the near relay first" wait_for 60 nearest alice relay
expect "people are told so" grep -q "round trips  *relay [0-9.]* ms" <(ctl node show alice)
expect "in the list, too" grep -q "relay [0-9.]* ms +1" <(ctl node list)
both_are_far() {
	ctl relay nodes relay-far --json |
		jq -e '[.[] | select(.rttUs >= 59000).name] | sort == ["alice", "bob"]'
}
expect "and who is how far from the far relay" wait_for 20 both_are_far
expect "a node that is connected is shown so" \
	test "$(ctl node show bob --json | jq '.state.connectedSince != null')" = true
refuse "a relay that is not there" ctl relay nodes nowhere

# A file leads through the first relay, until it is known which is the nearest.
leads_through() { # ENDPOINT
	[ "$(sed -n '/^# alice/,/^Endpoint/s/^Endpoint = //p' $LAB/carol.conf)" = "$1" ]
}
nearer() {
	export_again carol && leads_through $R4
}
lab_host carol 3
expect "carol, a stock peer, gets a file" stock carol
expect "that leads through the relay that was there first" leads_through "198.18.6.2:$RELAY_PORT"
expect "once she has been seen, the next leads through the near one" wait_for 160 nearer
equal "and is not stale for what varies" "" "$(stale)"

ctl relay drain relay >/dev/null || die "no drain"
equal "but is when the relay is to be left" carol "$(stale)"
expect "the next has the other alone" export_again carol
expect "and leads through it" leads_through "198.18.6.2:$RELAY_PORT"
equal "which is how the file should be" "" "$(stale)"
refuse "the one that drains is not in it" grep -q "$R4" $LAB/carol.conf
ctl relay undrain relay >/dev/null || die "no undrain"

# --- a policy for nodes themselves --------------------------------------------------------------

cat >$LAB/policy.json <<-RULES
	[ { "name": "to-bob", "from": ["alice"], "to": ["bob"], "protocol": "icmp" } ]
RULES
expect "a rule that leads to bob" ctl policy apply $LAB/policy.json --name initial
back() {
	in_ns bob ping -n -q -c 1 -W 2 "$(member_ip alice)"
}
expect "bob does not reach alice any more" wait_for 30 not back
expect "alice reaches bob" wait_for 30 meet
