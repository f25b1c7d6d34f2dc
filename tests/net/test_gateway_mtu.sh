#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Packets too large for where they go: the overlay's 1420 bytes, a hop of 1300 beyond the LAN, with
# DF and without; and fragments in and out of order. No black hole, in either direction.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_SUBNETS="$LAN4.0/24 192.168.20.0/24"
gateway_direct
lab_branch 1300

mtu_seen() { # HOST
	in_ns alice tracepath -n -m 4 "$1" | sed -n 's/.*Resume: pmtu \([0-9]*\).*/\1/p'
}
equal "tracepath into the LAN finds the overlay's MTU" 1420 "$(mtu_seen $WEB)"
equal "and the narrow hop behind it, by an ICMP error that came back through the gateway" 1300 \
	"$(mtu_seen $FAR)"
in_ns alice ip route flush cache
learns() {
	in_ns alice ping -n -q -c 1 -W 5 -M "do" -s 1272 $FAR
}
too_big() {
	in_ns alice ping -n -c 1 -W 5 -M "do" -s 1300 $FAR 2>&1 | grep -qi 'frag needed\|too long'
}
expect "ping with DF is told of 1300" too_big
expect "and fits then" learns
in_ns alice ip route flush cache
equal "2 MB from behind the narrow hop" 2000000 "$(fetch alice 2000000 $FAR)"
uploads() {
	head -c 1000000 /dev/zero | in_ns alice nc -N -w 20 $FAR 7 | tail -c +20 | wc -c
}
expect "1 MB to it, and back" test "$(uploads)" -ge 1000000

# LAN hosts have 1500 and the overlay 1420: what comes back is larger than fits.
large_back() { # N [MS]: so many of three answers
	[ "$(udp alice -n 3 -i 20 -l 1400 -f -w "${2:-5000}" $ECHO:7 | sed -n 's/.*received //p')" -ge "$1" ]
}
expect "UDP of 1400 bytes: the LAN host, which sets DF, is told and cuts the next answers" \
	wait_for 20 large_back 2 500 # it may have sent all three before it was told
in_ns echo sysctl -qw net.ipv4.ip_no_pmtu_disc=1
in_ns echo ip route flush cache
stop serve-echo
lan_forget echo
lan_serve echo
expect "one that does not: its answers are cut by the gateway, none is lost" large_back 3
expect "4000 bytes: fragments both ways" udp alice -n 5 -i 20 -l 4000 -f $ECHO:7
expect "ping of 3000 bytes" in_ns alice ping -n -q -c 3 -i 0.1 -W 5 -M dont -s 3000 $ECHO

arrived() { # N LENGTH
	[ "$(lan_log echo | grep -c "udp 9 from $GATEWAY_LAN:[0-9]* $2\$")" -ge "$1" ]
}
whole() { # N ORDER TEXT
	lan_forget echo
	in_ns alice "$B/tests/interop/fragments" -n "$1" -i 5 -o "$2" $ECHO:9
	expect "$3" wait_for 20 arrived "$1" 3000
}
whole 3 0,1,2,3 "fragments in order arrive as one datagram"
whole 3 3,2,1,0 "and in reverse order, the first one last"
whole 3 1,0,3,2 "and mixed"
lan_forget echo
gw_counts punted 20+ "first fragments that never come: the rest is held, and dropped" \
	in_ns alice "$B/tests/interop/fragments" -n 20 -o 1,2,3 $ECHO:9
refuse "nothing of it arrives" arrived 1 3000
whole 1 3,2,1,0 "and others are not held up by it"
