# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2153
#
# The demo's last part, sourced by demo.sh where the office stands: everything from nothing, with a
# control plane, a second relay that is farther away, and a laptop that joins by itself.

quote() { # COMMAND...: its output, as shown to a reader
	"$@" | cut -c1-86 | sed "s/^/    $DIM│$PLAIN /"
}

# Everything that chapters 1-12 made but hosts and wires.
start_over() {
	local name node
	tp relay detach >/dev/null 2>&1
	gw gateway detach >/dev/null 2>&1
	for name in relay gateway; do
		stop $name
	done
	for node in alice bob; do
		ip -n $node link del $node 2>/dev/null
	done
	ip -n gateway link del wg0 2>/dev/null
	wait_for 10 not ip -n gateway link show wg0
	rm -rf $LAB/state $LAB/gateway-state
}

addresses() { # sorted
	ctl node list --json | jq -r '[.. | objects | .ip? // .address? // .allocatedIp? // empty] | unique | sort | join(" ")'
}

step "13. The same from a control plane"
say "  Two relays, the gateway and a laptop start over with nothing but the control plane's address and a"
say "  key to join by; alice and bob are stock peers and get files. relay-far is 30 ms away."
start_over
lab_host relay-far 6 30
lab_host laptop 4
control_up
ctl tenant create acme >/dev/null && ctl network create office >/dev/null || not_ok "tenant and network"
relay_joins_as relay wan0 $R4
relay_joins_as relay-far
judge "two relays joined by auth keys, and got $(relay_get .service_address) and $(member_get relay-far relay .service_address)" \
	member_joined relay-far relay
for node in alice bob; do
	stock $node || not_ok "a file for $node"
done
agent_joins gateway lan0
# The laptop's way to control is overheard: what it said first is kept for chapter 18.
spawn wiretap laptop socat -r $LAB/overheard TCP-LISTEN:8447,bind=127.0.0.1,fork,reuseaddr TCP:$CONTROL:8447
agent_conf laptop
sed -i 's/server = "[^"]*"/server = "127.0.0.1:8447"/' $LAB/laptop.conf
agent_start laptop
wait_for 60 member_joined laptop gateway
ctl egress set gateway $LAN4.0/24 >/dev/null
for node in alice bob; do
	export_again $node
	ip -n $node route replace $LAN4.0/24 dev $node
done
say "  turnpike control node list"
quote ctl node list
judge "addresses in a row: $(addresses)" \
	test "$(addresses)" = "100.64.1.1 100.64.1.2 100.64.1.3 100.64.1.4"
wait_for 40 reaches alice bob
judge "alice and bob meet through the relay" reaches alice bob
for node in alice laptop; do
	wait_for 40 web_asker $node
	page=$(web_asker $node)
	judge "$node loads the page; the host sees ${page:-nobody}" test "${page%:*}" = $GATEWAY_LAN
done

step "14. The nearer relay"
via() { # NAME PEER: the relay through which that member reaches another
	member_at "$1" gateway relays --json | jq -r --arg p "$2" '[.[].peers[] | select(.peer == $p) | .relay][0]'
}
via_relay() { # RELAY: laptop and gateway agree on it
	[ "$(via laptop gateway)" = "$1" ] && [ "$(via gateway laptop)" = "$1" ]
}
measured() { # NAME: how far both relays are
	[ "$(member_get "$1" gateway '[.overlays[].relays[]? | select(.state == "alive")] | length')" = 2 ]
}
wait_for 60 measured laptop
wait_for 60 measured gateway
say "  Members measure how far each relay is, and take the least way from one to the other."
say "  turnpike gateway relays, on the laptop"
nearer=no
wait_for 60 via_relay relay && nearer=yes
quote member_at laptop gateway relays
judge "laptop and gateway meet through relay, not through relay-far" test $nearer = yes

step "15. A policy from there reaches relay and gateway"
cat >$LAB/policy.json <<-RULES
	[ { "name": "web", "from": ["alice", "laptop"], "to": ["$LAN4.0/24"], "protocol": "tcp", "ports": ["80"] },
	  { "name": "ping", "from": ["laptop"], "to": ["gateway"], "protocol": "icmp" } ]
RULES
ctl policy apply $LAB/policy.json --name initial >/dev/null
closed() {
	! reaches alice bob
}
wait_for 40 closed
judge "alice and bob do not meet any more: no rule lets them" not reaches alice bob
judge "alice still loads the page" web_asker alice
judge "bob does not" wait_for 40 not web_asker bob

step "16. A relay dies"
ping_start relays laptop "$(member_ip gateway)" 0.1
stop relay KILL
ip -n inet link set relay0 down
say "  Its power is gone. The stock pair waits for it: their files lead through it. Members do not:"
away=no
wait_for 40 via_relay relay-far && away=yes
page=
wait_for 40 web_asker laptop && page=$(web_asker laptop)
ping_more relays 5
read -r _ _ gap < <(ping_stop relays)
judge "laptop and gateway meet through relay-far after $gap ms without each other" test $away = yes
judge "laptop loads the page; the host sees ${page:-nobody}" test "${page%:*}" = $GATEWAY_LAN
ip -n inet link set relay0 up
member_start relay "$B/turnpike-relay" -c $LAB/relay.conf
wait_for 60 member_joined relay relay
wait_for 60 web_asker alice
judge "it is back, and alice loads the page through it" web_asker alice

step "17. Control is gone, and nobody notices"
before=$(addresses)
ping_start control laptop "$(member_ip gateway)" 0.05
stop control KILL
judge "alice loads the page" web_asker alice
control_start
control_found() {
	member_joined gateway gateway && member_joined laptop gateway &&
		member_joined relay relay && member_joined relay-far relay
}
wait_for 90 control_found
judge "control is back; relays, gateway and laptop have found it" control_found
ping_lossless control "laptop to gateway meanwhile"
judge "nobody's address has changed" test "$(addresses)" = "$before"

step "18. Others"
devices=$(ctl device list --json | jq '[.. | objects | select(.id? != null)] | length')
hello=$((0x$(od -An -N 2 -t x1 $LAB/overheard | tr -d " ") + 2))
answered=$(head -c $hello $LAB/overheard | in_ns laptop socat -t 3 - TCP:$CONTROL:8447 | wc -c)
judge "the laptop's first message said again by an eavesdropper: $answered bytes come back, and $devices devices are still $devices" \
	test "$(ctl device list --json | jq '[.. | objects | select(.id? != null)] | length')" = $devices
ctl tenant create other >/dev/null
seen=$(ctl device list --json | jq '[.. | objects | select(.id? != null)] | length')
judge "another tenant sees $seen devices" test "$seen" = 0
