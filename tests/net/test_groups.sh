#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Groups inside a network: who may talk to whom there, changed under traffic.
# limit: 300

. "$(dirname "$0")/lib.sh"

NETWORKS="office:alice,bob,carol"
NODE_GROUP=([alice]=phones [bob]=phones [carol]=servers)
lab_office
wg set alice peer "$(cat $LAB/carol.pub)" endpoint $R4 allowed-ips "$(node_ip carol)/32"
wg_up carol $R4 alice bob
pair_up alice carol

regroup() { # ADMIT-SETTING
	local before
	before=$(grep -c reloaded $LAB/log/relay.log)
	ADMIT=([office]=$1)
	relay_conf
	relay_reload
	wait_for 10 reloaded_over "$before"
}
reloaded_over() {
	[ "$(grep -c reloaded $LAB/log/relay.log)" -gt "$1" ]
}
explained() { # A B
	tp explain pair "$1" "$2"
}

ping_start steady alice "$(node_ip carol)"
expect "phones may talk to servers only, from now on" \
	regroup 'admit = [ "phones servers", "servers servers" ];'
refuse "so one phone does not reach the other" reaches alice bob
expect "explain tells the groups" grep -q "admitted.*group phones and group phones may not talk" \
	<<<"$(explained alice bob)"
expect "no flow between them is left" test 0 -eq \
	"$(tp relay flows --json | jq '[.[] | select(.from == "bob" or .to == "bob")] | length')"
refused_over() { # N: alice goes on trying meanwhile
	reaches alice bob
	[ "$(relay_reason target_unknown)" -gt "$1" ]
}
expect "a new handshake is refused, too" wait_for 40 refused_over "$(relay_reason target_unknown)"
equal "nodes are shown with their groups" "phones servers" \
	"$(tp relay nodes --json | jq -r '[.[] | .group] | unique | join(" ")')"
expect "a group that has no node is refused" grep -q 'no node of "office" is in group "printers"' \
	<<<"$(regroup 'admit = [ "phones printers" ];'; cat $LAB/log/relay.log)"
expect "all may talk again" regroup ''
expect "and do" wait_for 40 reaches alice bob
ping_lossless steady "alice and carol meanwhile"
