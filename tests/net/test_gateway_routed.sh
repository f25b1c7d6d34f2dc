#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Without masquerading (masquerade = false, and IPv6 always): LAN and nodes see each other's own
# addresses, and either may begin what the policy allows.
# limit: 180

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_MASQUERADE=false
GW_SUBNETS="$LAN4.0/24 fd10::/64"
GW_RULES=("out alice $LAN4.0/24,fd10::/64" "in $WEB,fd10::10 tag:staff udp 7")
gateway_plain
lan_serve alice
lan_serve bob
lan_routes web echo
asker=$(web_asker alice)
equal "the LAN sees the node's own address" "$(node_ip alice)" "${asker%:*}"
asker=$(web_asker alice "[fd10::10]")
equal "by IPv6 too" "[$(node_ip6 alice)]" "${asker%:*}"
expect "UDP" udp alice -n 5 -i 2 $ECHO:7
expect "UDP by IPv6" udp alice -n 5 -i 2 "[fd10::20]:7"
expect "ping" in_ns alice ping -n -q -c 3 -i 0.02 $WEB
expect "ping by IPv6" in_ns alice ping -n -q -c 3 -i 0.02 fd10::10
told6() {
	udp bob -w 3000 "[fd10::20]:7" | grep -q '^icmp 1 1 1$'
}
gw_counts refused 1 "bob is refused and told by ICMPv6 type 1 code 1" told6
equal "2 MB by IPv6" 2000000 "$(fetch alice 2000000 "[fd10::10]")"

expect "the LAN begins, as far as a rule allows" udp web "$(node_ip alice):7"
expect "by IPv6" udp web "[$(node_ip6 alice)]:7"
silent() { # NODE ADDRESS:PORT
	[ "$(udp "$1" -w 300 "$2")" = "sent 1 received 0" ]
}
gw_counts policy_denied 1 "another port: silence" silent web "$(node_ip alice):9"
gw_counts policy_denied 1 "another host: silence" silent echo "$(node_ip alice):7"
gw_counts policy_denied 1 "another node: silence" silent web "[$(node_ip6 bob)]:7"
no_syn() {
	[ -z "$(tcp_refusal web "$(node_ip alice)" 7 3)" ]
}
gw_counts unsolicited_syn 1+ "an unsolicited SYN: silence (RFC 5382 REQ-4)" no_syn
expect "answers need no rule: still there" web_asker alice
kinds() {
	gw gateway flows --json | jq -r '.[].kind' | sort -u
}
equal "all flows are routed ones" routed "$(kinds)"
equal "and no port was taken" 0 "$(gw gateway nat --json | jq '.blocks_allocated')"

hops() {
	in_ns alice traceroute -6 -n -q 1 -w 5 fd10::10 | awk 'NR > 1 { print $2 }' | xargs
}
equal "traceroute by IPv6" "$(node_ip6 gateway) fd10::10" "$(hops)"
