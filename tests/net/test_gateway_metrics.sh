#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The metrics page is valid for promtool and agrees with the commands; XDP, the first line, drops
# and counts what no flow waits for.
# limit: 180

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_RULES=("web any $WEB tcp 80" "echo any $ECHO" "ping any any icmp")
gateway_direct
metric() { # NAME{LABELS}, literally
	gw_metrics | awk -v m="$1" '{ v = $NF; sub(/ [^ ]*$/, "") } $0 == m { print v }'
}
valid() {
	gw_metrics | promtool check metrics
}
web_asker alice >/dev/null
udp alice -n 20 -i 1 $ECHO:7 >/dev/null
expect "promtool finds the page valid" valid
expect "/healthz" gw_metrics /healthz
expect "/readyz" gw_metrics /readyz
refuse "and nothing else" gw_metrics /etc/passwd
agree() { # one is asked after the other, and the last of the page's connection may lie between
	[ "$(gw_reason to_uplink)" = "$(metric 'turnpike_gateway_forwarded_packets_total{way="to_uplink"}')" ]
}
expect "packets to the uplink" wait_for 20 agree
equal "the uplink is attached" 1 "$(metric 'turnpike_gateway_attached{interface="lan0",role="uplink"}')"
equal "port blocks in use: alice's and bob's" 2 \
	"$(metric "turnpike_gateway_port_blocks{uplink=\"lan0\",address=\"$GATEWAY_LAN\"}")"
peers() {
	gw_metrics | grep -c "^$1{.*$(cat $LAB/alice.pub)"
}
for name in wg_peer_bytes_rx wg_peer_bytes_tx wg_peer_last_handshake; do
	equal "$name of alice" 1 "$(peers $name)"
done
expect "rule hits" grep -q "rule.*web" <<<"$(gw_metrics)"

# --- the first line ---------------------------------------------------------------------------

equal "XDP is attached in the driver" native "$(gw_get .attach)"
expect "for all to see" grep -q xdp <<<"$(ip -n gateway -o link show lan0)"
before=$(gw_reason first_line)
gw_counts no_mapping 100 "a hundred packets to a port that nobody has" \
	raw web -s $WEB:9 -d $GATEWAY_LAN:31000 -n 100 -l 20
# Passed on are those that are nobody's business here: what neighbours ask each other now and then.
passed=$(($(gw_reason first_line) - before))
expect "end in XDP: the program behind it saw none of them ($passed others)" [ $passed -lt 100 ]
# To a mapping that lives, from who cannot be there.
live=$(gw gateway flows --json | jq -r '[.[] | select(.protocol == "udp")][0].external')
gw_counts spoofed_source 5 "five to a live mapping that claim to be from the gateway itself" \
	raw web -s $GATEWAY_LAN:9 -d "$live" -n 5 -l 20
