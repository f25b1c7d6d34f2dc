#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The daemon's STUN code and UDP sockets against coturn's client, without XDP.

. "$(dirname "$0")/lib.sh"

SERVER=$B/tests/interop/stun_server
[ -x "$SERVER" ] || die "$SERVER is not built"

lab_ns server client
lab_wire server eth0 client eth0
lab_addr server eth0 192.0.2.1/24 2001:db8::1/64
lab_addr client eth0 192.0.2.2/24 2001:db8::2/64
spawn stun server "$SERVER" 3478
wait_for 10 grep -q ready $LAB/log/stun.log || die "no STUN server"

reflexive() { # ADDRESS: what the client is told that its own address is
	in_ns client timeout 30 turnutils_stunclient -p 3478 "$1" |
		sed -n 's/.*reflexive addr: \(.*\):[0-9]*$/\1/p' | sort -u
}

equal "IPv4" 192.0.2.2 "$(reflexive 192.0.2.1)"
equal "IPv6" 2001:db8::2 "$(reflexive 2001:db8::1)"
