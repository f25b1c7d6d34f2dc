#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A target under load hands out a cookie for the relay's address. The relay takes it, and from then
# on writes mac2 for whoever initiates to that target: nobody has to ask for a cookie again.
# limit: 240

. "$(dirname "$0")/lib.sh"

NETWORKS="office:alice,bob,dave"
lab_up
lab_site alice 1
lab_site bob 2
lab_host dave 4
lab_host mallory 5
relay_conf
relay_start
wg_up bob $R4 alice dave
wg_up alice $R4 bob
pair_up alice bob
equal "at ease, nobody hands out cookies" 0 "$(relay_get .handshakes.cookies)"

# A flood from the relay's address, as bob's NAT lets nothing else in, with a mac1 that fits and no
# mac2. wireguard-go is under load for a second once 128 handshakes wait, and drops what comes while
# 1,024 do: bursts between the two leave room for an honest one, however slow the machine.
capture_start cookies inet bob "udp[8] = 3 and src host 198.18.2.2"
spawn flood mallory "$B/tests/interop/rawudp" -n 10000000 -s $R4 -d "$(node_get bob endpoint)" \
	-w 1 -m "$(cat $LAB/bob.pub)" -r 1500 -b 600
under_load() {
	[ "$(capture_count cookies)" -gt 20 ]
}
expect "bob is under load: he answers with cookies" wait_for 30 under_load

bob_anew() { # NODE: it forgets its session with bob and whatever cookie it has of him
	wg set "$1" peer "$(cat $LAB/bob.pub)" remove
	wg set "$1" peer "$(cat $LAB/bob.pub)" endpoint $R4 allowed-ips "$(node_ip bob)/32"
}
cookie_taken() {
	[ "$(relay_get .handshakes.cookies)" -gt 0 ] && return
	bob_anew alice
	reaches alice bob -W 1
	[ "$(relay_get .handshakes.cookies)" -gt 0 ]
}
expect "the relay takes the cookie that answers alice" wait_for 60 cookie_taken

# Dave has never heard of it.
wg_up dave $R4
expect "dave registers" wait_for 30 node_online dave
record_start dave-out inet dave -t 1 -p $RELAY_PORT
record_start dave-in inet dave -t 3 -p $RELAY_PORT
record_start at-bob inet bob -t 1 -p $RELAY_PORT
bob_anew dave
expect "dave makes a session with bob" wait_for 60 reaches dave bob -W 1
expect "while bob's flood goes on" running flood
record_stop dave-out
record_stop dave-in
record_stop at-bob

# An initiation is 148 bytes; mac1 ends 16 bytes before mac2 does.
ephemerals() { # NAME: of the initiations recorded, with their mac2
	recorded "$1" | awk 'length($3) == 296 { print substr($3, 17, 64), substr($3, 265) }' | sort -u
}
zero=00000000000000000000000000000000
ephemerals dave-out >$LAB/dave.sent
ephemerals at-bob >$LAB/bob.got
join $LAB/dave.sent $LAB/bob.got >$LAB/both
note "$(wc -l <$LAB/dave.sent) initiations of dave's, $(wc -l <$LAB/both) of them at bob's"
expect "his initiation came to bob" test -s $LAB/both
equal "none of what he sent had a mac2" 0 "$(awk -v z=$zero '$2 != z' $LAB/both | wc -l)"
equal "all of that had one at bob's" 0 "$(awk -v z=$zero '$3 == z' $LAB/both | wc -l)"
equal "and he was sent no cookie" 0 "$(recorded dave-in | wc -l)"
