#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hostile: two registered nodes collude and open sessions with each other without end. They take no
# more than a pair's share, and everyone else's sessions live and begin as before.
# limit: 360

. "$(dirname "$0")/lib.sh"

NETWORKS="office:alice,bob evil:eve,mallory"
RELAY_EXTRA='limits = { flows = 64; flows_per_node = 16; };'
lab_office
lab_host evil 5

ping_start through alice "$(node_ip bob)" 0.05
ping_more through 20
spawn colluders evil "$B/tests/interop/colluders" -r $R4 -k "$(cat $LAB/relay.pub)" \
	-a $LAB/eve.key -b $LAB/mallory.key
expect "eve and mallory register" wait_for 20 node_online eve mallory

initiations() {
	relay_get .handshakes.initiations
}
before=$(initiations)
many() {
	[ "$(initiations)" -gt $((before + 60)) ]
}
expect "they open session after session" wait_for 60 many
expect "they hold no more than a pair may" \
	test "$(tp relay flows --json | jq '[.[] | select(.network == "evil")] | length')" -le 12
expect "the table has room" test "$(relay_get .flows)" -le 16
expect "pings go on" ping_more through 50
ping_lossless through "alice and bob, meanwhile"

wg_down alice
wg_up alice $R4 bob
expect "alice, started anew, makes a session with bob" wait_for 60 reaches alice bob
expect "while they go on" running colluders
tp relay drops | sed 's/^/# /'
stop colluders
note "sessions opened: $(tail -n 1 $LAB/log/colluders.log)"
