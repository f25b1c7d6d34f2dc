#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every row of the verdict table in docs/acl.md: who may begin a flow to whom, and what becomes of
# what may not.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_RULES=("web alice $LAN4.0/24 tcp 80"
	"echo bob $ECHO udp 7"
	"own alice $GATEWAY_LAN udp 7"
	"host bob gateway udp 7"
	"nodes bob alice udp 7"
	"ping tag:staff $LAN4.0/24 icmp"
	"everywhere alice 198.51.100.0/24")
gateway_plain
lan_serve gateway
lan_serve alice
lan_serve bob
ip -n alice route add 198.51.100.0/24 via "$(node_ip gateway)"
for node in alice bob; do # not straight to each other, but through the gateway
	for other in alice bob; do
		ip -n $node route replace "$(node_ip $other)" via "$(node_ip gateway)"
	done
done
lan_routes web echo

told() { # NODE ADDRESS:PORT: refused, and the node was told by ICMP code 13
	sleep 0.1 # it is not told more often than that
	udp "$1" -w 3000 "$2" | grep -q '^icmp 3 13 1$'
}
told_tcp() { # NODE ADDRESS PORT
	sleep 0.1
	[ "$(tcp_refusal "$@")" = "No route to host" ]
}
silent() { # NODE ADDRESS:PORT: no answer of any kind
	[ "$(udp "$1" -w 300 "$2")" = "sent 1 received 0" ]
}

# Node to LAN.
expect "node to LAN, allowed: TCP" web_asker alice
gw_counts refused 1 "another port is refused, and told" told alice $WEB:7
gw_counts refused 1+ "TCP too, so that it fails early" told_tcp alice $WEB 8080
gw_counts refused 1 "another node is refused" told bob $WEB:7
expect "by tag: ping" in_ns alice ping -n -q -c 1 -W 5 $ECHO
gw_counts refused 1 "who has no such tag may not" not in_ns bob ping -n -q -c 1 -W 1 $ECHO
equal "rules count the flows that they let in" "1 1" "$(gw_hits web) $(gw_hits ping)"
expect "the default counts what it refused" test \
	"$(gw gateway acl --json | jq .default_refused)" -ge 4

# Node to the gateway itself.
expect "node to the gateway's LAN address, allowed" udp alice $GATEWAY_LAN:7
gw_counts refused 1 "its overlay address was not in that rule" told alice "$(node_ip gateway):7"
expect "to = gateway: all its addresses" udp bob $GATEWAY_LAN:7 "$(node_ip gateway):7"
gw_counts refused 1 "and that port only" told bob "$(node_ip gateway):9"
expect "the gateway to a node: needs no rule" udp gateway "$(node_ip alice):9"

# Node to node through the gateway.
expect "node to node, allowed" udp bob "$(node_ip alice):7"
gw_counts refused 1 "not in the other direction" told alice "$(node_ip bob):7"
expect "it went through the gateway" test "$(gw_reason between_nodes)" -ge 2

# To what is not advertised, whatever the rules say.
gw_counts refused 1 "not advertised, though a rule allows it: refused" told alice 198.51.100.1:7
in_ns gateway sysctl -qw net.ipv4.ip_forward=1
ip -n gateway route add 198.51.100.0/24 via $WEB
ip -n web addr add 198.51.100.1/32 dev lo
expect "it never gets to the host's routing" told alice 198.51.100.1:7
in_ns gateway sysctl -qw net.ipv4.ip_forward=0

# From what is no node.
ip -n alice addr add 100.64.1.77/24 dev alice
stranger() {
	in_ns alice ping -n -q -c 1 -W 1 -I 100.64.1.77 $WEB
}
gw_counts overlay_unknown 1 "a source that is no node's" not stranger

# LAN to nodes, which are masqueraded.
in_ns gateway sysctl -qw net.ipv4.ip_forward=1
refuse "LAN to a node, uninvited: nothing" udp web -w 300 "$(node_ip bob):9"
expect "with silence" silent web "$(node_ip bob):9"
in_ns gateway sysctl -qw net.ipv4.ip_forward=0
gw_counts no_mapping 1 "LAN to a port of the range that nobody has: silence" silent web $GATEWAY_LAN:31234
expect "LAN to the host's own ports: as ever" udp web $GATEWAY_LAN:7

# Multicast.
multicast() {
	in_ns alice ping -n -q -c 1 -W 1 -I alice 224.0.0.251
}
gw_counts link_scope 1+ "multicast is not forwarded, only seen by the host" not multicast
