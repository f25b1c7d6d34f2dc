#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A box with one NIC in the LAN: the way to the relay, by the LAN's router, and the uplink are the
# same device, so WireGuard's own packets go past the gateway's programs on it.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

# The site's NAT is the LAN's router.
gateway_site() {
	lab_site gateway 9
	ip -n gateway link del eth0
	lan_up
	lan_wire nat-gateway lan
	lab_addr nat-gateway lan $LAN4.254/24
	ip -n gateway route add default via $LAN4.254
}
gateway_office

equal "one NIC" lan0 "$(ip -n gateway -o link show type veth | awk -F'[ @]+' '{ print $2 }' | xargs)"
for node in alice bob; do
	asker=$(web_asker $node)
	equal "$node loads a page; the host sees the gateway" $GATEWAY_LAN "${asker%:*}"
	equal "$node downloads 3 MB" 3000000 "$(fetch $node 3000000)"
	expect "$node's 40 UDP datagrams are all answered" udp $node -m 4 -n 5 -i 5 $ECHO:7 $WEB:9
done
wait_for 40 reaches alice bob
expect "alice and bob see each other by the relay" reaches alice bob -c 20 -i 0.02

# What is the host's stays the host's, on the same address.
host_asks() {
	in_ns gateway curl -sf -m 5 "http://$WEB/"
}
asker=$(host_asks)
equal "the host's own page comes from its address" $GATEWAY_LAN "${asker%:*}"
expect "and its own pings to the router are answered" in_ns gateway ping -n -q -c 5 -i 0.02 $LAN4.254
gw_counts no_mapping 1+ "a stranger in the LAN meets nobody in the range" \
	not udp echo -w 200 $GATEWAY_LAN:20000

# The programs come and go beneath WireGuard's own packets.
ping_start run alice $WEB 0.02
ping_more run 20
stop gateway KILL
ping_more run 30
gateway_start
ping_more run 30
ping_lossless run "SIGKILL and restart"

# The router forgets its mappings: the gateway's keepalive finds the relay anew.
lab_nat_rebind gateway
expect "the router is rebooted: the gateway is back" wait_for 60 reaches_web alice
equal "with the LAN behind it" 3000000 "$(fetch alice 3000000)"
