#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hostile: the relay and the target are both under load, so that both demand cookies. A stock
# initiator has room for one cookie a peer; the relay keeps the two from taking turns for ever.
# limit: 240

. "$(dirname "$0")/lib.sh"

lab_up
lab_site alice 1
lab_site bob 2
lab_host mallory 5
relay_conf
relay_start
wg_up alice $R4 bob
wg_up bob $R4 alice
pair_up alice bob
bob_at=$(node_get bob endpoint)

# Bob hears his flood from the relay's own address, as his NAT lets nothing else in.
flood() { # NAME OPTION...
	local name=$1
	shift
	spawn "flood-$name" mallory "$B/tests/interop/rawudp" -n 10000000 "$@"
}
capture_start cookies inet bob "udp[8] = 3 and src host 198.18.2.2"
flood bob -s $R4 -d "$bob_at" -w 1 -m "$(cat $LAB/bob.pub)" -r 10000
flood relay -s 198.18.5.2:9 -v 200 -d $R4 -w 1 -m "$(cat $LAB/relay.pub)" -r 3000
flood trial -s 198.18.1.2:9 -d $R4 -w 1 -m "$(cat $LAB/bob.pub)" -r 3000
under_load() {
	[ "$(capture_count cookies)" -gt 20 ]
}
expect "bob is under load: he answers with cookies" wait_for 30 under_load

challenged=$(relay_reason challenge)
capture_start alice inet alice "udp[8] = 3 and dst host 198.18.1.2 and not dst port 9"
wg_down alice
wg_up alice $R4 bob
from=$(now_ms)
expect "alice, started anew, makes a session with bob" wait_for 90 reaches alice bob -W 1
took=$(($(now_ms) - from))
capture_stop alice
note "that took $took ms; alice got $(capture_count alice) cookies; of bob's the relay has used" \
	"$(relay_get .handshakes.cookies) and kept $(relay_reason cookie_absorbed) to itself"
expect "the relay was under load: it challenged" test "$(relay_reason challenge)" -gt $challenged
expect "the floods went on" running flood-bob
tp relay drops | sed 's/^/# /'
