#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What kind of NAT it is, as coturn's turnutils_natdiscovery sees it (RFC 5780), for both settings of
# `filtering`; who may answer on a mapping; hairpinning.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

STUN1=$LAN4.20 STUN2=$LAN4.21
GW_RULES=("all alice any" "back $WEB,$STUN1,$STUN2 alice udp" "hairpin bob alice udp")
GW_EGRESS='hairpin = true;'

stun_server() {
	ip -n echo addr add $STUN2/24 dev eth0
	spawn turnserver echo turnserver -n --no-auth --no-tls --no-dtls --no-cli -L $STUN1 -L $STUN2 \
		-p 3478 --pidfile $LAB/turn.pid --userdb $LAB/turn.db --log-file stdout
	wait_for 10 udp_open || die "turnserver did not start"
}
udp_open() {
	[ "$(in_ns echo ss -Hlun 'sport = :3478' | wc -l)" -ge 2 ]
}
discover() {
	in_ns alice timeout 60 turnutils_natdiscovery -m -f $STUN1 2>&1 | grep '^NAT with'
}
again_as() { # FILTERING
	GW_FILTERING=$1
	gw gateway detach >/dev/null
	wait_for 30 gone
	gateway_conf
	gateway_start
}
gone() {
	! running gateway
}
external() { # NODE PORT: by which the LAN sees it
	udp "$1" -s "$2" $ECHO:7 >/dev/null
	gw gateway flows --json | jq -r "[.[] | select(.node == \"$(node_ip "$1")\" and .node_port == $2)][0].external"
}
reaches_mapping() { # NODE SOURCE-PORT EXTERNAL [MS]: does it get as far as alice?
	local before
	before=$(lan_log alice | wc -l)
	udp "$1" -s "$2" -w "${4:-5000}" "$3" >/dev/null
	[ "$(lan_log alice | wc -l)" -gt "$before" ]
}

gateway_plain
stun_server
kinds=$(discover)
expect "mapping: endpoint-independent (RFC 4787 REQ-1)" grep -q 'Endpoint Independent Mapping' <<<"$kinds"
expect "filtering: address-dependent, as configured (REQ-8)" grep -q 'Address Dependent Filtering' <<<"$kinds"
refuse "and not of the port as well" grep -q 'Address and Port Dependent Filtering' <<<"$kinds"

even=$(external alice 6500) odd=$(external alice 6501)
for server in $ECHO:9 $WEB:7; do udp alice -s 6000 $server >/dev/null; done
equal "one port for all it talks to" 1 "$(gw gateway flows --json |
	jq -r '.[] | select(.node_port == 6000) | .external' | sort -u | wc -l)"
equal "parity is kept (REQ-4)" "0 1" "$((${even##*:} % 2)) $((${odd##*:} % 2))"

# A mapping made by a server socket of alice's, which others then try.
map_service() { # alice's service on 7001 speaks first, to ADDRESS; sets `at`
	[ -z "${LAB_PID[serve-alice]:-}" ] || stop serve-alice
	: >$LAB/log/serve-alice.log
	udp alice -s 7001 "$1:9" >/dev/null
	lan_serve alice
	at=$(gw gateway flows --json | jq -r '[.[] | select(.node_port == 7001)][0].external')
}
map_service $ECHO
expect "another port of whom she spoke to gets through" reaches_mapping echo 6100 "$at"
gw_counts filtered 1 "an address she has not spoken to does not" not reaches_mapping web 6100 "$at" 300
gw_counts filtered 1 "nor does bob by hairpinning, to whose mapping she has not spoken" \
	not reaches_mapping bob 6100 "$at" 300

again_as endpoint-independent
kinds=$(discover)
expect "filtering: endpoint-independent, as configured" grep -q 'Endpoint Independent Filtering' <<<"$kinds"
map_service $ECHO
expect "an address she has not spoken to gets through, as the policy allows" \
	reaches_mapping web 6100 "$at"
gw_counts policy_denied 1 "one that it does not allow is refused: the policy stands above filtering" \
	raw web -s $LAN4.11:6200 -d "$at" -l 20
expect "hairpinning: bob reaches alice's mapping (REQ-9)" reaches_mapping bob 6100 "$at"
seen=$(lan_log alice | tail -n 1)
expect "and she sees his mapping, not his address (REQ-9a): $seen" grep -q "from $GATEWAY_LAN:" <<<"$seen"
