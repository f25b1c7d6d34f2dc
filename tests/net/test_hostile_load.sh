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

# Bob hears his flood from the relay's own address, as his NAT lets nothing else in: in bursts that keep
# him under load and leave room in his queue, however slow the machine (test_cookie.sh).
flood() { # NAME OPTION...
	local name=$1
	shift
	spawn "flood-$name" mallory "$B/tests/interop/rawudp" -n 10000000 "$@"
}
capture_start cookies inet bob "udp[8] = 3 and src host 198.18.2.2"
flood bob -s $R4 -d "$bob_at" -w 1 -m "$(cat $LAB/bob.pub)" -r 1500 -b 600
flood relay -s 198.18.5.2:9 -v 200 -d $R4 -w 1 -m "$(cat $LAB/relay.pub)" -r 3000
under_load() {
	[ "$(capture_count cookies)" -gt 20 ]
}
expect "bob is under load: he answers with cookies" wait_for 30 under_load

# Alice registers anew; then the relay is made to demand cookies of her too, by a flood in her name.
wg_down alice
wg_up alice $R4
expect "alice registers" wait_for 90 node_online alice
alice_at=$(node_get alice endpoint)
challenged=$(relay_reason challenge)
flood alice -s "$alice_at" -d $R4 -w 1 -m "$(cat $LAB/bob.pub)" -r 2000
in_her_name() {
	[ "$(relay_reason challenge)" -gt $((challenged + 1000)) ]
}
expect "the relay is under load in her name: it challenges" wait_for 30 in_her_name

wg set alice peer "$(cat $LAB/bob.pub)" endpoint $R4 allowed-ips "$(node_ip bob)/32"
from=$(now_ms)
expect "alice makes a session with bob" wait_for 90 reaches alice bob -W 1
note "that took $(($(now_ms) - from)) ms; of bob's cookies the relay has used" \
	"$(relay_get .handshakes.cookies) and kept $(relay_reason cookie_absorbed) to itself"
for name in bob relay alice; do
	expect "the flood at $name went on" running flood-$name
done
tp relay drops | sed 's/^/# /'
