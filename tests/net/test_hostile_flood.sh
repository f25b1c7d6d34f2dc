#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hostile: garbage, forged and replayed handshakes, data from strangers, and handshakes spoofed in
# alice's name, all at once. Alice and bob lose nothing and can still make a new session.
# limit: 240

. "$(dirname "$0")/lib.sh"

lab_up
lab_site alice 1
lab_site bob 2
lab_host mallory 5
relay_conf
relay_start
record_start first inet relay0 -p $RELAY_PORT
wg_up alice $R4 bob
wg_up bob $R4 alice
pair_up alice bob
record_stop first

alice_at=$(node_get alice endpoint)
recorded first | awk '$1 ~ /^198\.18\.1\./ && $3 ~ /^01000000/ { print $3; exit }' >$LAB/replay
recorded first | awk '$1 ~ /^198\.18\.1\./ && $3 ~ /^04000000/ { data = $3 } END { print data }' >$LAB/data

FLOODS=()
flood() { # NAME RAWUDP-OPTION...: until flood_end
	local name=$1
	shift
	spawn "flood-$name" mallory "$B/tests/interop/rawudp" -d $R4 -n 1000000 -r 1000 "$@"
	FLOODS+=("flood-$name")
}
flood_end() {
	local name
	for name in "${FLOODS[@]}"; do
		running "$name" || not_ok "$name went on"
		stop "$name"
	done
}

strangers="198.18.5.2:9"
ping_start flood alice "$(node_ip bob)" 0.05
ping_more flood 20
flood garbage -s $strangers -v 200 -l 200
flood data -s $strangers -v 200 -w 4 -l 64
flood relay -s $strangers -v 200 -w 1 -m "$(cat $LAB/relay.pub)"
flood bob -s $strangers -v 200 -w 1 -m "$(cat $LAB/bob.pub)"
flood response -s $strangers -v 200 -w 2 -m "$(cat $LAB/alice.pub)"
flood cookie -s $strangers -v 200 -w 3
flood replay -s 198.18.5.2:77 -x "$(cat $LAB/replay)"
flood stolen -s 198.18.5.2:78 -x "$(cat $LAB/data)"
flood alice-bob -s "$alice_at" -w 1 -m "$(cat $LAB/bob.pub)"
flood alice-relay -s "$alice_at" -w 1 -m "$(cat $LAB/relay.pub)"
flood alice-data -s "$alice_at" -w 4 -l 64
expect "pings go on under the flood" ping_more flood 200
equal "alice has not moved" "$alice_at" "$(node_get alice endpoint)"
ping_lossless flood "alice and bob under the flood"

wg_down alice
wg_up alice $R4 bob
from=$(now_ms)
expect "alice, started anew, makes a session with bob under the flood" wait_for 90 reaches alice bob
note "that took $(($(now_ms) - from)) ms"
expect "bob reaches her" wait_for 30 reaches bob alice
flood_end
tp relay drops | sed 's/^/# /'
