#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 360
#
# A gateway behind a NAT that joins a control plane, which makes it a member of the network, an
# egress gateway, and says what the policy is. alice is a stock peer with an exported file.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"
. "$LAB_DIR/control_lab.sh"

lab_up
lab_site alice 1
lab_site gateway 8
lan_up
control_up
ctl tenant create acme >/dev/null || die "no tenant"
ctl network create office >/dev/null || die "no network"
relay_joins
expect "alice gets a file" stock alice

# --- it joins ---------------------------------------------------------------------------------

auth_key office-gw --role gateway --tag lan || die "no auth key for the gateway"
cat >$LAB/gateway.conf <<-CONF
	$(control_block office-gw)
	egress = { uplinks = [ "lan0" ]; };
	metrics_listen = "127.0.0.1:9587";
	control_socket = "$LAB/gateway.sock";
	pin_path = "$LAB/pins";
	state_dir = "$LAB/gateway-state";
CONF
gateway_launch
joined() {
	[ "$(gw_get '.control.connected')" = true ]
}
expect "the gateway joins, and has a network" wait_for 60 joined
gw_name=$(ctl node list --json | jq -r '[.. | objects | select(.kind? == "gateway" or .deviceKind? == "gateway") | .name // .deviceName][0]')
note "the gateway is called $gw_name"
has_address() { # ADDRESS/BITS: in its overlay
	[ "$(ip -n gateway -4 -j addr | jq -r '.[] | select(.ifname | startswith("tp-")) | .addr_info[0] | "\(.local)/\(.prefixlen)"')" = "$1" ]
}
expect "with the next address" wait_for 30 has_address 100.64.1.2/24
expect "it is made the gateway to the LAN" ctl egress set "$gw_name" $LAN4.0/24
has_subnet() {
	[ "$(gw_get '.subnets[0].prefix')" = $LAN4.0/24 ]
}
expect "and knows" wait_for 30 has_subnet
expect "alice's file is stale, and she gets another" export_again alice
ip -n alice route add $LAN4.0/24 dev alice
page() {
	in_ns alice curl -sf -m 5 -o /dev/null "http://$WEB${1:-}/"
}
expect "alice loads a page of the LAN, through relay and gateway" wait_for 60 page
expect "which saw the gateway" grep -q "from $GATEWAY_LAN:" <<<"$(lan_log web)"

# --- the policy -------------------------------------------------------------------------------

cat >$LAB/policy.json <<-RULES
	[ { "name": "web", "from": ["alice"], "to": ["$LAN4.0/24"], "protocol": "tcp", "ports": ["80"] } ]
RULES
before=$(gw_generation)
expect "a policy for port 80 only" ctl policy apply $LAB/policy.json --name initial
expect "reaches the gateway" wait_for 30 gw_past "$before"
expect "the page still loads" wait_for 30 page
expect "port 8080 does not" wait_for 20 not page :8080
expect "counted by its rule" test "$(gw_hits web)" -ge 1
equal "no rule of nftables anywhere" "" "$(in_ns gateway nft list ruleset)"

shaken() {
	[ -n "$(ctl node list --json | jq -r '[.. | objects | select(.name? == "alice" or .deviceName? == "alice") | .lastHandshakeAt // empty][0] // empty')" ]
}
expect "the gateway tells when alice shook hands with it" wait_for 60 shaken

# --- control gone -----------------------------------------------------------------------------

stop control KILL
stop gateway KILL
gateway_launch
expect "killed, and started without control, it serves whom it served" wait_for 60 page
refuse "with the policy that was" page :8080
control_start
expect "control is back, and it finds it" wait_for 90 joined

# --- out of the network -----------------------------------------------------------------------

expect "taken out of the network" ctl node remove "$gw_name"
refused() {
	! page
}
expect "it lets nobody through" wait_for 60 refused
