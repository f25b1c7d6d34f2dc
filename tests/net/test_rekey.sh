#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Real rekeys under load: more than two minutes of traffic, so that both ends make new keypairs
# while packets of the old ones are still under way.
# limit: 400

. "$(dirname "$0")/lib.sh"

lab_office

handshake() { # the time of alice's newest handshake with bob
	wg show alice latest-handshakes | awk -v k="$(cat $LAB/bob.pub)" '$1 == k { print $2 }'
}
rekeyed() {
	[ "$(handshake)" -gt "$first" ]
}

first=$(handshake)
spawn iperf bob iperf3 -s -1
wait_for 20 listens bob 5201
spawn load alice iperf3 -c "$(node_ip bob)" -u -b 8M -l 1000 -t 160 -J --logfile $LAB/load.json
ping_start rekey alice "$(node_ip bob)" 0.05
expect "a new keypair is made under load" wait_for 150 rekeyed
took=$(($(handshake) - first))
expect "as WireGuard does, after two minutes ($took s)" test $took -ge 119
ping_more rekey 100
user=$(relay_forwarded user)
ping_more rekey 100
expect "the new keypair's packets are forwarded in XDP" test $(($(relay_forwarded user) - user)) -lt 10
wait "${LAB_PID[load]}"
unset 'LAB_PID[load]'
spared=$(lab_drops_since rekey)
ping_lossless rekey "through the rekey"
lost=$(jq .end.sum.lost_packets $LAB/load.json) all=$(jq .end.sum.packets $LAB/load.json)
expect "the load: $lost of $all datagrams lost, $spared to full queues" \
	test "${all:-0}" -gt 100000 -a "${lost:-$all}" -le $((spared + all / 1000))
for reason in no_flow flow_expired index_collision flow_quota; do
	equal "no packet was dropped as $reason" 0 "$(relay_reason $reason)"
done

# A pair's flows: two of each keypair; the old ones go when it ends, 190 s after its handshake.
flows_gone() {
	[ "$(relay_get .flows)" -le 2 ]
}
expect "the old flows are given up with their keypair" wait_for 90 flows_gone
