#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 360
#
# A gateway that control puts into a second network and takes out of it again, and then out of the
# first one: one process all the time, and the other network loses no packet.

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
stock alice || die "alice got no file"
auth_key office-gw --role gateway || die "no auth key for the gateway"
cat >$LAB/gateway.conf <<-CONF
	$(control_block office-gw)
	egress = { uplinks = [ "lan0" ]; };
	metrics_listen = "off";
	control_socket = "$LAB/gateway.sock";
	pin_path = "$LAB/pins";
	state_dir = "$LAB/gateway-state";
CONF
gateway_launch
joined() {
	[ "$(gw_get '.control.connected')" = true ]
}
wait_for 60 joined || die "the gateway did not join"
gw_name=$(ctl node list --json | jq -r '[.. | objects | select(.kind? == "gateway" or .deviceKind? == "gateway") | .name // .deviceName][0]')
ctl egress set "$gw_name" $LAN4.0/24 >/dev/null || die "no egress"
wait_for 30 export_again alice || die "alice's file is not to be had"
ip -n alice route add $LAN4.0/24 dev alice
expect "alice reaches the LAN" wait_for 60 reaches_web alice

# --- a second network ---------------------------------------------------------------------------

overlays() { # N
	[ "$(gw_get '.overlays | length')" -eq "$1" ]
}
lan_pings
expect "another network" ctl network create lab 100.64.7.0/24
expect "takes the gateway in" ctl node add "$gw_name" -n lab
expect "which has a second device then" wait_for 30 overlays 2
second=$(gw_get '.overlays[].name' | grep -v "^$(gw_get '.overlays[0].name')$")
has_address() {
	ip -n gateway -4 addr show dev "$second" | grep -q 100.64.7.
}
expect "up, with an address of that network" wait_for 30 has_address
lan_pings_lossless "alice has lost nothing meanwhile"

# --- killed -------------------------------------------------------------------------------------

stop gateway KILL
gateway_launch
expect "killed and started anew, it has both" wait_for 60 overlays 2
expect "and serves" wait_for 20 reaches_web alice
wait_for 60 joined || die "the gateway did not join again"

# --- out of them --------------------------------------------------------------------------------

lan_pings
expect "out of the second" ctl node remove "$gw_name" -n lab
expect "its device goes" wait_for 30 overlays 1
refuse "from the host, too" ip -n gateway link show "$second"
lan_pings_lossless "alice has lost nothing"
expect "out of the first" ctl node remove "$gw_name" -n office
expect "the other device goes" wait_for 30 overlays 0
refuse "alice reaches nothing" reaches_web alice
equal "no flow is left" 0 "$(gw_flow_count true)"
expect "and the same process waits for another network" running gateway
expect "which it is taken into" ctl node add "$gw_name" -n lab
expect "again" wait_for 30 overlays 1
