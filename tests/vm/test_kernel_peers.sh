#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Peers of the kernel's own WireGuard, as a reload or another daemon changes them by netlink: the
# others lose nothing, and who has roamed stays where it went.
# limit: 120

LAB_WG=kernel
. "$(dirname "$0")/../net/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

if ! ip link add probe type wireguard 2>/dev/null; then
	skip "WireGuard in the kernel" "this kernel has none"
	exit 0
fi

GW_BACKEND=kernel
GW_PATIENCE=240 # an emulated CPU verifies programs for minutes
gateway_direct

peer() { # FIELD NODE: what the kernel has of it
	in_ns gateway wg show wg0 "$1" | awk -v key="$(cat "$LAB/$2.pub")" '$1 == key { $1 = ""; print }' |
		xargs
}
pings_from() { # NODE ADDRESS
	in_ns "$1" ping -n -q -c 1 -W 1 -I "$2" $WEB
}
equal "the overlay's device is the kernel's WireGuard" wireguard \
	"$(ip -n gateway -j -d link show wg0 | jq -r '.[].linkinfo.info_kind')"
equal "its port" 51820 "$(in_ns gateway wg show wg0 listen-port)"
equal "its key" "$(cat $LAB/gateway.pub)" "$(in_ns gateway wg show wg0 public-key)"
equal "its MTU" 1420 "$(ip -n gateway -j link show wg0 | jq '.[].mtu')"
equal "what a peer may send from" "$(node_ip alice)/32 $(node_ip6 alice)/128" \
	"$(peer allowed-ips alice | tr ' ' '\n' | sort | xargs)"

# --- a peer comes, changes and goes -----------------------------------------------------------

lab_host carol 3
node_keys carol
wg_device carol
wg set carol private-key $LAB/carol.key listen-port 51820
node_joins carol 198.18.9.2:51820
refuse "who is no peer is not let in" reaches_web carol
ping_start live alice $WEB 0.1
received=$(peer transfer alice | cut -d' ' -f1)
GW_NODES="alice bob carol"
gateway_reload
expect "but is, after a reload that adds it" wait_for 30 reaches_web carol

wg set bob listen-port 51999
expect "a peer roams" wait_for 20 reaches_web bob
equal "to where it was heard from" 198.18.2.2:51999 "$(peer endpoints bob)"

old=$(node_ip carol)
NODE[carol]=13 # and with it the endpoint in the configuration
gateway_reload
equal "a reload changes a peer's addresses" "$(node_ip carol)/32 $(node_ip6 carol)/128" \
	"$(peer allowed-ips carol | tr ' ' '\n' | sort | xargs)"
lab_addr carol carol "$(node_ip carol)/24"
expect "it is reached by the new" wait_for 20 pings_from carol "$(node_ip carol)"
refuse "and not heard from the old" pings_from carol "$old"
equal "the roamed peer stays where it was" 198.18.2.2:51999 "$(peer endpoints bob)"

GW_NODES="alice bob"
gateway_reload
equal "a reload takes a peer away" "" "$(peer allowed-ips carol)"
refuse "which is not let in any more" pings_from carol "$(node_ip carol)"
ping_more live 10
ping_lossless live "three reloads"
expect "the others are the peers that they were" \
	test "$(peer transfer alice | cut -d' ' -f1)" -gt "$received"

# --- another daemon ---------------------------------------------------------------------------

ping_start run alice $WEB 0.2
received=$(peer transfer alice | cut -d' ' -f1)
stop gateway KILL
GW_NODES="alice bob carol"
gateway_conf
gateway_start
expect "a peer that was added while no daemon ran" wait_for 30 pings_from carol "$(node_ip carol)"
equal "the roamed peer is where it was" 198.18.2.2:51999 "$(peer endpoints bob)"
expect "and reaches the LAN" reaches_web bob
ping_more run 10
ping_lossless run "SIGKILL and restart"
expect "the others are adopted" test "$(peer transfer alice | cut -d' ' -f1)" -gt "$received"
