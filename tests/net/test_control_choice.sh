#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 480
#
# Two relays at different distances, two plain members, one control plane:
#
#	alice ──┬── relay         0 ms
#	        ├── relay-far    30 ms each way
#	bob ────┴── control

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control_lab.sh"

other() { # NAME
	[ "$1" = alice ] && echo bob || echo alice
}

way() { # NAME PEER JQ-FILTER: how that member reaches another
	member_at "$1" gateway relays --json |
		jq -r --arg peer "$2" ".[0].peers[] | select(.peer == \$peer) | $3"
}

via() { # NAME: the relay through which that member reaches the other
	way "$1" "$(other "$1")" .relay
}

both_via() { # RELAY
	[ "$(via alice)" = "$1" ] && [ "$(via bob)" = "$1" ]
}

relay_of() { # NAME RELAY JQ-FILTER: what that member knows of a relay
	member_get "$1" gateway "[.overlays[].relays[]? | select(.name == \"$2\")][0] | $3"
}

meet() {
	in_ns alice ping -n -q -c 1 -W 1 "$(member_ip bob)"
}

# Of the peer in a member's WireGuard device, by wg(8): where it is, when it had its last handshake.
peer_at() { # NAME WHAT
	member_wg "$1" show all "$2" | awk -v key="$(member_key "$(other "$1")")" '$(NF - 1) == key { print $NF }'
}

member_key() { # NAME
	member_wg "$1" show all public-key | awk '{ print $NF }'
}

unplug() { # DEVICE: of the middle of the network; the box behind it is as good as dead
	ip -n inet link set "$1" down
}
plug() { # DEVICE
	ip -n inet link set "$1" up
}

lab_up
lab_host relay-far 6 30
lab_host alice 1
lab_host bob 2
control_up
ctl tenant create acme >/dev/null || die "no tenant"
ctl network create office >/dev/null || die "no network"
relay_joins_as relay-far # which control names first, as long as nobody knows better
relay_joins_as relay wan0 $R4
agent_conf alice
sed -i 's/^metrics_listen = .*/metrics_listen = "127.0.0.1:9587";/' $LAB/alice.conf
agent_start alice
agent_joins bob
expect "they meet" wait_for 60 meet

# --- the nearer one ------------------------------------------------------------------------------

measured() { # NAME
	[ "$(relay_of "$1" relay .state)" = alive ] && [ "$(relay_of "$1" relay-far .state)" = alive ]
}
expect "alice has measured both" wait_for 30 measured alice
expect "bob has measured both" wait_for 30 measured bob
expect "the far one is 60 ms away" test "$(relay_of alice relay-far '.rtt_us > 59000')" = true
expect "both go through the nearer one" wait_for 30 both_via relay

# --- the death of a relay ------------------------------------------------------------------------

at_relay() { # NAME ADDRESS
	[ "$(peer_at "$1" endpoints)" = "$2:$RELAY_PORT" ]
}

# A stock peer, with a session by the nearer one too, because alice began it.
lab_host carol 3
stock carol || die "no carol"
expect "alice reaches carol" wait_for 20 in_ns alice ping -n -q -c 1 -W 1 "$(node_ip carol)"
carol_at() { # ADDRESS: where she has alice
	[ "$(wg show carol endpoints | grep -F "$(member_key alice)" | cut -f 2)" = "$1:$RELAY_PORT" ]
}
# At once, or when the nearer one has told that she is there, too.
expect "through the nearer one" wait_for 30 carol_at $RELAY4

ping_start pair alice "$(member_ip bob)" 0.1
unplug relay0
expect "both leave a relay that is dead" wait_for 20 both_via relay-far
expect "they meet through the other" wait_for 20 meet
ping_more pair 10
read -r _ _ gap < <(ping_stop pair)
expect "it took $gap ms" test "$gap" -gt 500
expect "alice's device has bob there" at_relay alice 198.18.6.2
expect "bob's device has alice there" at_relay bob 198.18.6.2
knows_dead() { # NAME; who may have left before, because the other one had
	[ "$(relay_of "$1" relay .state)" = dead ]
}
expect "alice knows that it is dead" wait_for 10 knows_dead alice
metric() { # NAME RELAY
	in_ns alice curl -s http://127.0.0.1:9587/metrics |
		awk -v name="$1{" -v relay="relay=\"$2\"" 'index($1, name) == 1 && index($1, relay) { print $2 }'
}
equal "metrics: that it is" 0 "$(metric turnpike_gateway_relay_up relay)"
equal "that nobody is reached through it" 0 "$(metric turnpike_gateway_relay_peers relay)"
equal "but through the other, bob and carol" 2 "$(metric turnpike_gateway_relay_peers relay-far)"
equal "which has a round trip" 1 "$(metric turnpike_gateway_relay_rtt_seconds relay-far | awk '{ print ($1 > 0.059) }')"
valid() {
	in_ns alice curl -s http://127.0.0.1:9587/metrics | promtool check metrics
}
expect "all valid" valid
shown() {
	member_at alice gateway relays | grep -q "^bob *relay-far *the only one that works" &&
		member_at alice gateway status | grep -q "relay relay, dead, 0 peers"
}
expect "and the tables" shown
expect "and why bob is where he is" \
	test "$(way alice bob .why)" = "the only one that works"

expect "carol was taken along: she reaches alice" \
	wait_for 20 in_ns carol ping -n -q -c 1 -W 1 "$(member_ip alice)"
expect "through the other" carol_at 198.18.6.2

# --- what is not about relays moves nobody -------------------------------------------------------

shaken=$(peer_at alice latest-handshakes)
has_peers() { # N: peers of alice's overlay
	[ "$(member_get alice gateway '.overlays[0].peers')" = "$1" ]
}
ctl peer add phone >/dev/null || die "no phone"
expect "alice hears of another peer" wait_for 30 has_peers 5
expect "which leaves bob where he is" at_relay alice 198.18.6.2
stop alice
agent_start alice
expect "a restart" wait_for 30 member_joined alice gateway
expect "does, too" at_relay alice 198.18.6.2
expect "and the session goes on" test "$(peer_at alice latest-handshakes)" = "$shaken"
expect "they meet" wait_for 20 meet

# --- it comes back -------------------------------------------------------------------------------

is_returning() { # NAME
	[ "$(relay_of "$1" relay .state)" = returning ]
}
ping_start pair alice "$(member_ip bob)" 0.1
plug relay0
expect "bob does not trust it at once" wait_for 20 is_returning bob
expect "and stays" test "$(via bob)" = relay-far
expect "then both are back" wait_for 40 both_via relay
ping_more pair 10
read -r sent received gap < <(ping_stop pair)
expect "with $((sent - received)) of $sent pings lost (longest gap $gap ms)" test "$gap" -lt 10000
expect "at the nearer one" wait_for 10 at_relay alice $RELAY4
sent_to() { # ADDRESS: bytes, by alice
	member_wg alice show all dump | awk -v a="$1/32" '$(NF - 4) == a { print $(NF - 1) }'
}
expect "carol had a session, and has one" test "$(sent_to "$(node_ip carol)")" -gt 0
equal "nobody has spoken to the phone, who had none" 0 "$(sent_to 100.64.1.4)"

# --- what operators want -------------------------------------------------------------------------

ctl relay drain relay || die "no drain"
expect "a relay that drains is left" wait_for 30 both_via relay-far
expect "they meet" wait_for 20 meet
ctl relay undrain relay || die "no undrain"
expect "and taken again" wait_for 30 both_via relay
ctl relay assign bob relay-far || die "not assigned"
expect "who is assigned to a relay is reached there" wait_for 30 both_via relay-far
# A relay asks the sixth handshake of a pair within three minutes for a cookie: five seconds.
expect "they meet there" wait_for 30 meet
expect "alice says why" \
	test "$(way alice bob .why)" = assigned

# --- one who alone does not reach a relay --------------------------------------------------------

ctl relay unassign bob || die "still assigned"
expect "both are back at the nearer one" wait_for 30 both_via relay
expect "they meet" wait_for 30 meet
ping_start pair bob "$(member_ip alice)" 0.1 # traffic of the one who does not notice
in_ns inet nft -f - <<-RULES
	table ip cut {
		chain forward {
			type filter hook forward priority 0
			ip saddr 198.18.1.2 ip daddr $RELAY4 drop
			ip saddr $RELAY4 ip daddr 198.18.1.2 drop
		}
	}
RULES
expect "alice leaves it, and bob with her" wait_for 20 both_via relay-far
ping_more pair 10
read -r _ _ gap < <(ping_stop pair)
expect "it took $gap ms" test "$gap" -gt 500
knows_alive() { # NAME
	[ "$(relay_of "$1" relay .state)" = alive ]
}
expect "bob reaches it as before" wait_for 30 knows_alive bob
