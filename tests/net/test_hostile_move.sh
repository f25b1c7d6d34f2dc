#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hostile: nobody but a node itself moves it. Its own messages replayed from elsewhere, and
# another registered node's authentic packets with a spoofed source, change no address.
# limit: 180

. "$(dirname "$0")/lib.sh"

NETWORKS="office:alice,bob,dave lab:carol"
lab_up
lab_site alice 1
lab_site bob 2
lab_host carol 3
lab_host dave 4
relay_conf
relay_start
wg_up bob $R4 alice
wg_up carol $R4
wg_up dave $R4 alice

# Alice registers while the wire is recorded.
record_start first inet relay0 -t 1 -p $RELAY_PORT
wg_up alice $R4 bob
expect "four nodes register" wait_for 40 node_online alice bob carol dave
pair_up alice bob
record_stop first

addresses() {
	local node
	for node in alice bob carol dave; do
		node_get $node endpoint
	done | paste -sd ' '
}
unmoved() { # TEXT BEFORE
	equal "$1: everyone is where they were" "$2" "$(addresses)"
	expect "$1: alice and bob talk" reaches alice bob -c 20 -i 0.02
}

before=$(addresses)
alice_at=$(node_get alice endpoint)
bob_at=$(node_get bob endpoint)
ping_start through alice "$(node_ip bob)" 0.05

recorded first | awk '$1 ~ /^198\.18\.1\./ { print $3 }' >$LAB/initiations
expect "alice's initiations were recorded" test -s $LAB/initiations
replay() { # SOURCE
	while read -r hex; do
		raw carol -s "$1" -d $R4 -x "$hex" >/dev/null
	done <$LAB/initiations
}
count=$(relay_reason handshake_replay)
seen() {
	[ "$(relay_reason handshake_replay)" -gt "$count" ]
}
replay 198.18.3.2:7777
expect "her replayed initiation is recognised" wait_for 30 seen
unmoved "alice's initiations replayed from carol's host" "$before"
replay "$bob_at"
unmoved "replayed in the name of bob's address" "$before"

# Authentic keepalives of another node, but from a victim's address.
spoof() { # NODE VICTIM-ADDRESS
	in_ns "$1" nft -f - <<-RULES
		table netdev spoof {
			chain out {
				type filter hook egress device "eth0" priority 0
				udp dport $RELAY_PORT udp length 40 ip saddr set ${2%:*} udp sport set ${2##*:} counter
			}
		}
	RULES
	wg_keepalive "$1" 1
	spoofed() {
		in_ns "$1" nft list table netdev spoof | grep -q 'counter packets [3-9]\|counter packets [1-9][0-9]'
	}
	wait_for 20 spoofed "$1" || not_ok "$1 sends spoofed keepalives"
}
unspoof() {
	in_ns "$1" nft delete table netdev spoof
	wg_keepalive "$1" 25
}
for node in carol dave; do
	spoof $node "$alice_at"
	unmoved "$node's keepalives in the name of alice's address" "$before"
	unspoof $node
	spoof $node 198.18.3.99:1234
	unmoved "$node's keepalives from an address that is nobody's" "$before"
	unspoof $node
done

ping_lossless through "through all that"
