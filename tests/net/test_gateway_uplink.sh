#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The uplink's address changes under flows that keep themselves alive: none stays with an address
# that is gone. Several addresses share the nodes; a node stays with its own.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_NODES="alice bob c3 c4 c5 c6"
gateway_plain
externals() {
	gw gateway flows --json | jq -r '.[] | select(.protocol == "udp") | .external' | sed 's/:.*//' | sort -u | xargs
}
knows() { # N: addresses of the uplink, by now
	[ "$(gw_get '.uplinks[0].addresses | length')" -eq "$1" ]
}
asks_forever() {
	spawn keepalive alice bash -c "while :; do '$B/tests/interop/udp_client' -s 5000 -n 20 -i 10 \
		-w 0 -q $ECHO:7; done"
}
asks_forever
latest() {
	lan_log echo | tail -n 1
}
seen_from() { # ADDRESS
	latest | grep -q "from $1:"
}
expect "a flow that never pauses, from $GATEWAY_LAN" wait_for 30 seen_from $GATEWAY_LAN
ip -n gateway addr add $LAN4.2/24 dev lan0
ip -n gateway addr del $GATEWAY_LAN/24 dev lan0
ip -n gateway addr add $LAN4.2/24 dev lan0 2>/dev/null
expect "the address changes: it goes on from the new one" wait_for 20 seen_from $LAN4.2
equal "no mapping is left on the old one" $LAN4.2 "$(externals)"
expect "and is answered" udp alice -s 5001 -n 5 -i 5 $ECHO:7
expect "other nodes as well" web_asker bob
stop keepalive
ip -n gateway addr del $LAN4.2/24 dev lan0
expect "the address goes, which the gateway hears" wait_for 20 knows 0
gw_counts uplink_down 1+ "no address at all: refused, and counted" not udp alice -w 200 $ECHO:7
ip -n gateway addr add $GATEWAY_LAN/24 dev lan0
expect "back again" wait_for 20 web_asker alice

# --- several ------------------------------------------------------------------------------------

for h in 2 3 4; do ip -n gateway addr add $LAN4.$h/24 dev lan0; done
expect "four addresses" wait_for 20 knows 4
all_ask() {
	local node
	lan_forget echo
	for node in c3 c4 c5 c6; do
		udp $node -m 20 -n 1 -i 1 $ECHO:7 $ECHO:9 >/dev/null
	done
}
all_ask
one_each() {
	local node
	for node in 3 4 5 6; do
		[ "$(gw gateway flows --json | jq -r ".[] | select(.node == \"100.64.1.$node\") | .external" |
			sed 's/:.*//' | sort -u | wc -l)" -eq 1 ] || return 1
	done
}
expect "a node's flows all have one address (RFC 4787 REQ-2)" one_each
# Each has drawn one of the four. Once in 64 times all have drawn the same: when that one goes, they
# draw again.
in_ns gateway sysctl -qw net.ipv4.conf.lan0.promote_secondaries=1
spread() {
	local at
	at=$(lan_log echo | sed 's/.*from //; s/:.*//' | sort -u)
	[ "$(wc -l <<<"$at")" -eq 1 ] || return 0
	ip -n gateway addr del "$at/24" dev lan0
	wait_for 20 knows 3
	all_ask
	ip -n gateway addr add "$at/24" dev lan0
	wait_for 20 knows 4
	return 1
}
expect "nodes are spread over more than one" wait_for 60 spread

# --- gone and back ------------------------------------------------------------------------------

ip -n gateway link set lan0 down
refuse "uplink down: nothing passes" udp alice -w 300 $ECHO:7
ip -n gateway link set lan0 up
expect "up again" wait_for 30 web_asker alice
