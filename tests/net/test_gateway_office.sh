#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A LAN behind a gateway behind NAT, reached through the relay alone: web, TCP, UDP, ping and
# traceroute, and the LAN's hosts see the gateway's address. Masquerading is BPF's: there is no
# packet filter and no forwarding in the gateway.
# limit: 180

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

gateway_office

from_gateway() { # ADDRESS:PORT, inside the default range
	local port=${1##*:}
	[ "${1%:*}" = $GATEWAY_LAN ] && [ "$port" -ge 10000 ] && [ "$port" -le 32767 ]
}
for node in alice bob; do
	asker=$(web_asker $node)
	expect "$node loads a page; the host sees $asker" from_gateway "$asker"
	asker=$(tcp_asker $node $ECHO 7)
	expect "$node's TCP comes from $asker" from_gateway "$asker"
	equal "$node downloads 3 MB" 3000000 "$(fetch $node 3000000)"
	expect "$node's 40 UDP datagrams are all answered" udp $node -m 4 -n 5 -i 5 $ECHO:7 $WEB:9
	expect "$node pings" in_ns $node ping -n -q -c 20 -i 0.02 $WEB
done

rate() { # OPTION...: bit/s
	in_ns alice iperf3 -c $ECHO -t 1 -J "$@" |
		jq '.end.sum_received.bits_per_second // .end.sum.bits_per_second // 0 | floor'
}
for way in "" -R "-u -b 5M"; do
	spawn iperf echo iperf3 -s -1 # one that has served might still be about to say so
	wait_for 20 listens echo 5201
	# shellcheck disable=SC2086
	got=$(rate $way)
	stop iperf
	expect "iperf3 ${way:-upwards}: $got bit/s" test "${got:-0}" -gt 1000000
done

# A node is told of an expired packet once in a while only.
hops() {
	sleep 0.1
	in_ns alice traceroute -n -q 1 -w 5 "$@" $WEB | awk 'NR > 1 { print $2 }' | xargs
}
equal "traceroute by UDP: the gateway, then the host" "$(node_ip gateway) $WEB" "$(hops)"
equal "by ICMP" "$(node_ip gateway) $WEB" "$(hops -I)"
equal "by TCP" "$(node_ip gateway) $WEB" "$(hops -T -p 80)"

expect "the relay forwards it in XDP" test "$(relay_forwarded xdp)" -gt 1000
equal "no packet filter in the gateway" "" "$(in_ns gateway nft list ruleset)"
equal "and no forwarding" 0 "$(in_ns gateway sysctl -n net.ipv4.ip_forward)"
equal "nor has the kernel forwarded one" 0 \
	"$(in_ns gateway awk '/^Ip: [0-9]/ { print $7 }' /proc/net/snmp)"
