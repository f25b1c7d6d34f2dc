#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A relay with two NICs: each node is answered from the address and the NIC it speaks to, and
# packets go from one NIC to the other in XDP.

. "$(dirname "$0")/lib.sh"

INTERFACES="wan0 wan1"
lab_up 2
lab_site alice 1
lab_site bob 2
ip -n relay route add default via 192.0.2.1 table 100
ip -n relay rule add from 192.0.2.99 lookup 100
relay_conf
relay_start
wg_up alice $R4 bob
wg_up bob $R4_SECOND alice
pair_up alice bob

equal "bob keeps the second NIC's address as his endpoint" $R4_SECOND \
	"$(wg show bob endpoints | awk -v k="$(cat $LAB/alice.pub)" '$1 == k { print $2 }')"
capture_start first inet relay0 udp port $RELAY_PORT
capture_start second inet relay1 udp port $RELAY_PORT
xdp=$(relay_forwarded xdp) user=$(relay_forwarded user)
expect "50 pings from one NIC's node to the other's" reaches alice bob -c 50 -i 0.02
captured() { # who is ended does not read what has come meanwhile
	[ "$(capture_count second src host 192.0.2.99 and 'udp[8] = 4')" -ge 50 ]
}
expect "bob's packets leave by his NIC, from its address" wait_for 10 captured
capture_stop first
capture_stop second
xdp=$(($(relay_forwarded xdp) - xdp)) user=$(($(relay_forwarded user) - user))
expect "forwarded between NICs in XDP ($xdp), not by the daemon ($user)" \
	test $xdp -ge 100 -a $user -lt 5
equal "and by no other" 0 "$(capture_count first src host 192.0.2.99)"
equal "alice's leave by hers alone" 0 "$(capture_count second src host $RELAY4)"
