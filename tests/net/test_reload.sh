#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# SIGHUP: nodes and networks come and go without touching anyone else's flows; a file that is wrong
# changes nothing.

. "$(dirname "$0")/lib.sh"

lab_office
lab_host dave 4
node_keys dave

networks_are() { # SPECIFICATION
	NETWORKS=$1
	relay_conf
	relay_reload
}
known() { # NODES
	[ "$(relay_get .nodes.known)" -eq "$1" ]
}

ping_start reload alice "$(node_ip bob)" 0.02
wg_up dave $R4 alice
networks_are "office:alice,bob,dave lab:carol"
expect "a node is added" wait_for 30 known 4
expect "and registers" wait_for 20 node_online dave
wg set alice peer "$(cat $LAB/dave.pub)" endpoint $R4 allowed-ips "$(node_ip dave)/32"
expect "and is reached" wait_for 20 reaches dave alice

networks_are "office:alice,bob lab:carol other:dave"
gone() {
	! reaches dave alice -W 1
}
expect "moved to another network, it is not" wait_for 30 gone

networks_are "office:alice,bob lab:carol"
expect "a node is removed" wait_for 30 known 3

cp $LAB/relay.conf $LAB/good.conf
for bad in 'listen_prot = 444;' 'limits = { flows = -1; };' 'networks = ( { name = "x"; '; do
	{ grep -v "^networks" $LAB/good.conf; echo "$bad"; } >$LAB/relay.conf
	lines=$(wc -l <$LAB/log/relay.log)
	relay_reload
	complained() {
		tail -n +$((lines + 1)) $LAB/log/relay.log | grep -q 'relay.conf:[0-9]*:'
	}
	expect "a file with '$bad' is refused, naming the line" wait_for 10 complained
	expect "and changes nothing" known 3
done
refuse "--check refuses it too" "$B/turnpike-relay" -c $LAB/relay.conf --check
cp $LAB/good.conf $LAB/relay.conf
expect "--check accepts the good one" "$B/turnpike-relay" -c $LAB/relay.conf --check
relay_reload

ping_more reload 20
ping_lossless reload "alice and bob meanwhile"
