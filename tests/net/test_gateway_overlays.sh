#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two overlays with the same addresses: each node of the two has flows and mappings of its own, and
# neither network reaches the other.
# limit: 180

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

# A twin of alice in an overlay of its own, with her very address.
other_overlay() {
	node_keys twin
	printf '{ name = "wg1"; address = "%s/24"; backend = "none"; peers = ( { name = "twin"; ' \
		"$(node_ip gateway)"
	printf 'public_key = "%s"; allowed_ips = ["%s/32"]; } ); }' "$(cat $LAB/twin.pub)" "$(node_ip alice)"
}
NODE=([gateway]=9 [alice]=1)
GW_OVERLAYS=$(other_overlay)
GW_RULES=("alice alice any" "twin twin $ECHO udp 7")
lab_ns twin

# The second overlay's wire has to be there when the gateway starts.
plain_wire() { # NODE DEV
	lab_wire "$1" "$2" fabric "$1"
	ip -n fabric link set "$1" master br0
	ip -n "$1" link set "$2" mtu 1420
	lab_addr "$1" "$2" "$(node_ip "$1")/24" "$(node_ip6 "$1")/64"
	[ "$1" = gateway ] || return 0
	lab_wire gateway wg1 twin eth0
	lab_addr gateway wg1 "$(node_ip gateway)/24"
	lab_addr twin eth0 "$(node_ip alice)/24"
	ip -n twin route add $LAN4.0/24 via "$(node_ip gateway)"
}
GW_NODES="alice bob"
gateway_plain

both() {
	udp alice -s 5000 -n 20 -i 5 $ECHO:7 &
	udp twin -s 5000 -n 20 -i 5 $ECHO:7 || return 1
	wait $!
}
expect "two nodes of one address, one port, to one server: each gets its own answers" both
equal "by two flows" "wg0 wg1" "$(gw gateway flows --json |
	jq -r '.[] | select(.node_port == 5000) | .overlay' | sort | xargs)"
equal "on two ports" 2 "$(gw gateway flows --json |
	jq -r '.[] | select(.node_port == 5000) | .external' | sort -u | wc -l)"
expect "rules know them apart by name: alice may use the web" web_asker alice
equal "her twin may not" "No route to host" "$(tcp_refusal twin $WEB 80)"
twin_to_bob() {
	ip -n twin route replace "$(node_ip bob)" via "$(node_ip gateway)"
	udp twin -w 300 "$(node_ip bob):9" | grep -q 'received 0'
}
gw_counts refused 1+ "nor does one overlay reach the other's nodes" twin_to_bob
