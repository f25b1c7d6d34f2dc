#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Full tables and quotas: what is new is refused, told and counted, nothing live is pushed out, and
# what one node does costs no other anything.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_EGRESS='ports = "20000-20511"; ports_per_node = 256; ports_per_block = 64; flows_per_node = 600;'
GW_EXTRA='timeouts = { udp = 120; quarantine = 120; };'
GW_NODES="alice bob c3 c4"
gateway_plain

tcp_hold bobs bob $ECHO 7
bobs=$TCP_FD
ping_start bob bob $WEB 0.05
held() { # NODE: its ports, of UDP
	gw gateway flows --json | jq -r ".[] | select(.node == \"$(node_ip "$1")\" and .protocol == \"udp\") | .external" |
		sort -u | wc -l
}

# One node takes all it may have.
first=$(udp alice -s 30000 -m 200 -n 1 -w 5000 $ECHO:7)
equal "200 ports" "sent 200 received 200" "$first"
gw_counts ports_full 40+ "more than its 256: refused" not udp alice -s 31000 -m 100 -w 300 $ECHO:7
told=$(udp alice -s 32000 -w 3000 $ECHO:7)
expect "and told by ICMP" grep -q '^icmp 3 13' <<<"$told"
equal "it has its 256" 256 "$(held alice)"
again=$(udp alice -s 30000 -m 200 -n 1 -w 5000 $ECHO:7)
equal "all it had still work: nothing live was evicted" "sent 200 received 200" "$again"
expect "the other node's connection does not notice" tcp_says bobs "$bobs" one
expect "and it makes new ones" udp bob -s 40000 -m 50 $ECHO:7

# Its flows: a scan of many ports by one socket needs one port, but many flows.
gw_counts node_quota 1+ "a scan ends at its quota of flows" \
	not udp alice -s 30000 -m 40 -w 300 -q $WEB:7000 $WEB:7001 $WEB:7002 $WEB:7003 $WEB:7004 \
	$WEB:7005 $WEB:7006 $WEB:7007 $WEB:7008 $WEB:7009 $WEB:7 $WEB:9
expect "which is no other node's concern" udp bob -s 41000 -m 20 $ECHO:7 $WEB:9

# The whole range.
udp c3 -s 30000 -m 192 -w 500 $ECHO:7 >/dev/null
gw_counts ports_full 1+ "the range is full: refused" not udp c4 -s 30000 -m 200 -w 500 -q $ECHO:7
equal "no port was given twice" "" "$(gw gateway flows --json |
	jq -r '.[] | select(.protocol == "udp") | "\(.external) \(.node):\(.node_port)"' | sort -u |
	awk '{ print $1 }' | uniq -d)"
blocks_logged() { # N: the daemon looks for new ones now and then
	[ "$(grep -c '"event": *"allocated"' $LAB/gateway-state/gateway-ports.log)" -ge "$1" ]
}
expect "the log has a record for each block" wait_for 20 blocks_logged 8
expect "bob's connection lived through all of it" tcp_says bobs "$bobs" two
ping_lossless bob "bob's ping meanwhile"
expect "status tells that all blocks are taken" test "$(gw gateway nat --json | jq '.addresses[0].blocks')" -eq 8
