#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 480
#
# Two networks of one control plane that have the same two relays, and two plain members that are in
# both. Then one relay's daemon is killed, while its XDP program goes on forwarding.
#
#	alice ──┬── relay         0 ms
#	        ├── relay-far    20 ms each way
#	bob ────┴── control

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control_lab.sh"

lab_up
lab_host relay-far 6 20
lab_host alice 1
lab_host bob 2
control_up
ctl tenant create acme >/dev/null || die "no tenant"
ctl network create office 100.64.1.0/24 >/dev/null || die "no network"
relay_joins_as relay-far
relay_joins_as relay wan0 $R4
agent_joins alice
agent_joins bob

# --- two networks -----------------------------------------------------------------------------

ip_in() { # NAME PREFIX: its address in the network that begins so
	ip -n "$1" -4 -j addr | jq -r --arg net "$2" 'first(.[].addr_info[] | select(.local | startswith($net)) | .local)'
}
meet_in() { # PREFIX
	in_ns alice ping -n -q -c 1 -W 1 "$(ip_in bob "$1")"
}
all_via() { # RELAY: both members, in both networks
	local name
	for name in alice bob; do
		[ "$(member_at "$name" gateway relays --json |
			jq -r '[.[].peers[] | .relay] | "\(length) \(unique | join(" "))"')" = "2 $1" ] || return 1
	done
}

ctl network create field 100.64.9.0/24 >/dev/null || die "no second network"
for relay in relay relay-far; do
	ctl -n field relay serve $relay >/dev/null || die "$relay does not serve the second network"
done
for name in alice bob; do
	ctl -n field node add $name >/dev/null || die "$name is not in the second network"
done
expect "alice reaches bob in the first network" wait_for 60 meet_in 100.64.1.
expect "and in the second" wait_for 60 meet_in 100.64.9.
expect "both measure the relays in both, and take the nearer" wait_for 60 all_via relay
equal "for the relay these are four nodes" 4 "$(member_get relay relay .nodes.known)"
node_of() { # MEMBER NETWORK: its name at the relay
	member_at relay relay nodes --json | jq -r --arg like "$1.$2@" '.[].name | select(startswith($like))'
}
verdict() { # NETWORK NETWORK: on alice in the one and bob in the other
	"$B/turnpike" explain pair -s $LAB/relay.sock "$(node_of alice "$1")" "$(node_of bob "$2")"
}
says() { # TEXT NETWORK NETWORK; who has just moved to this relay may still be shaking hands there
	grep -q "$1" <(verdict "$2" "$3")
}
expect "which may talk within a network" wait_for 20 says 'everything is in place' field field
expect "not from one into the other" grep -q 'can never reach each other' <(verdict office field)

# --- a relay without its daemon -----------------------------------------------------------------

ping_start first alice "$(ip_in bob 100.64.1.)" 0.05
ping_start second alice "$(ip_in bob 100.64.9.)" 0.05
ping_start machine alice $CONTROL 0.05
ping_more first 5
stop relay KILL
expect "its daemon killed, packets go on: XDP is there" ping_more first 10
expect "nobody answers for it, so both leave it, in both networks" wait_for 40 all_via relay-far
ping_more first 20
ping_more second 20
# Less than it takes to notice: three seconds at the least, which is what a dead relay costs. A busy
# machine holds up pings that go through none, too.
read -r _ _ stall < <(ping_stop machine)
for network in first second; do
	read -r _ _ gap < <(ping_stop $network)
	expect "the $network network's pair was apart for $gap ms ($stall without a relay), not for what it took to notice" \
		test $((gap - stall)) -lt 2500
done

# --- nowhere else to go -------------------------------------------------------------------------

member_start relay "$B/turnpike-relay" -c $LAB/relay.conf
expect "it is back, and so are they" wait_for 90 all_via relay
stop relay-far
relays_are() { # STATE...: of all relays as both members have it
	local name
	for name in alice bob; do
		[ "$(member_get "$name" gateway '[.overlays[].relays[]?.state] | unique | join(" ")')" = "$*" ] || return 1
	done
}
expect "the other's daemon stops, which both notice" wait_for 40 relays_are alive dead
ping_start last alice "$(ip_in bob 100.64.1.)" 0.05
stop relay KILL
expect "and then this one's" wait_for 40 relays_are dead
expect "they stay where XDP forwards" all_via relay
ping_more last 20
ping_lossless last "without a daemon anywhere"
