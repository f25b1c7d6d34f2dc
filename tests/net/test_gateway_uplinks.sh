#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two uplinks with a LAN behind each: every LAN sees the gateway by its own address, a port of one is
# nothing on the other, and what happens to one is not noticed on the other.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

STORE4=192.168.30
DEPOT=$STORE4.10
GW_SUBNETS="$LAN4.0/24 $STORE4.0/24 192.168.50.0/24"
GW_UPLINKS="lan0 lan1"

# lan1: another LAN, of one host; 192.168.50.1 is in both, behind the host that has the route.
eval "$(declare -f lan_up | sed 's/^lan_up/office_up/')"
lan_up() {
	office_up
	lab_ns depot
	lab_wire gateway lan1 depot eth0
	lab_addr gateway lan1 $STORE4.1/24
	lab_addr depot eth0 $DEPOT/24
	ip -n depot addr add 192.168.50.1/32 dev lo
	ip -n web addr add 192.168.50.1/32 dev lo
	ip -n gateway route add 192.168.50.0/24 via $WEB
	lan_serve depot
}
gateway_plain

address_of() { # ADDRESS:PORT
	echo "${1%:*}"
}
uplinks_of() { # REMOTE: of its flows
	gw gateway flows --json | jq -r ".[] | select(.remote == \"$1\") | .uplink" | sort -u | xargs
}
equal "the office sees the address on lan0" $GATEWAY_LAN "$(address_of "$(web_asker alice)")"
equal "the store that on lan1" $STORE4.1 "$(address_of "$(web_asker alice $DEPOT)")"
equal "flows know their uplink" "lan0 lan1" "$(uplinks_of $WEB) $(uplinks_of $DEPOT)"
for node in alice bob; do
	expect "UDP of $node, to both at once" udp $node -m 4 -n 10 -i 5 $ECHO:7 $DEPOT:7
	equal "$node downloads 2 MB" 2000000 "$(fetch $node 2000000 $DEPOT)"
done

# One socket, two mappings: each LAN may answer its own only.
expect "a socket that speaks to both" udp alice -s 5000 -n 3 -i 5 $ECHO:7 $DEPOT:7
port_on() { # UPLINK
	gw gateway flows --json | jq -r ".[] | select(.uplink == \"$1\" and .node_port == 5000) | .external" |
		sed 's/.*://'
}
expect "has a port on each" test -n "$(port_on lan0)" -a -n "$(port_on lan1)"
other=$(port_on lan0)
[ "$other" != "$(port_on lan1)" ] || other=$((other ^ 2))
gw_counts no_mapping 1+ "a port of lan0 is none on lan1" not udp depot -w 200 $STORE4.1:"$other"

# --- one of them goes down ----------------------------------------------------------------------

ping_start office alice $WEB 0.02
ping_more office 20
ip -n gateway link set lan1 down
refuse "lan1 is down: the store is not reached" udp alice -w 300 $DEPOT:7
ip -n gateway link set lan1 up
expect "and is again" wait_for 30 web_asker alice $DEPOT
ping_more office 20
ping_lossless office "the office noticed nothing"

# --- a subnet's route moves from one to the other -----------------------------------------------

expect "a subnet behind the office" web_asker alice 192.168.50.1
equal "by lan0" lan0 "$(uplinks_of 192.168.50.1)"
ip -n gateway route replace 192.168.50.0/24 via $DEPOT
moved() {
	[ "$(address_of "$(web_asker bob 192.168.50.1)")" = $STORE4.1 ]
}
expect "its route moves to the store: new flows go there" wait_for 30 moved
