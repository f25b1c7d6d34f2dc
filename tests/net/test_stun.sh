#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# STUN from a client that is not ours: on WireGuard's port and on its own, in both families, behind
# a NAT and without one.

. "$(dirname "$0")/lib.sh"

lab_up
lab_site alice 1
lab_host carol 3
relay_conf
relay_start

for port in $RELAY_PORT $STUN_PORT; do
	equal "carol, port $port: her own address" 198.18.3.2 \
		"$(stun carol $RELAY4 $port | sed 's/:[0-9]*$//')"
	equal "carol, port $port, IPv6" 2001:db8:3::2 \
		"$(stun carol $RELAY6 $port | sed 's/:[0-9]*$//; s/^\[//; s/\]$//')"
	seen=$(stun alice $RELAY4 $port)
	equal "alice, port $port: her NAT's address" 198.18.1.2 "${seen%:*}"
	expect "and the very port it gave her" grep -qx "${seen##*:}" <(lab_nat_ports alice $RELAY4 $port)
done
expect "answers are counted" test "$(relay_reason stun)" -ge 6

malformed_counted() { # PORT: a Binding request with an attribute longer than the message
	local before
	before=$(relay_reason stun_malformed)
	raw carol -s 198.18.3.2:99 -d "$RELAY4:$1" \
		-x 000100042112a442000102030405060708090a0b80220010 >/dev/null
	wait_for 10 malformed_over "$before"
}
malformed_over() { # N
	[ "$(relay_reason stun_malformed)" -gt "$1" ]
}
for port in $RELAY_PORT $STUN_PORT; do
	expect "port $port: a request that is not well formed is dropped and counted" malformed_counted $port
done
