#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# An overlay that is Ethernet: what has a shortcut goes from XDP to XDP, as long as the device that
# it leaves by takes frames from there. The rest goes by tc, and nothing is lost for either.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

lo_forwards() {
	in_ns gateway sysctl -n net.ipv4.conf.lo.forwarding
}
xdp_on() { # DEV
	ip -n gateway link show "$1" | grep -q 'prog/xdp'
}

GW_NODES=alice
gateway_plain
# Senders on a veth leave sums to be computed, which only tc can do.
in_ns alice ethtool -K alice tx off >/dev/null
in_ns echo ethtool -K eth0 tx off >/dev/null
expect "XDP is on the overlay" xdp_on wg0
expect "and on the uplink" xdp_on lan0
equal "the loopback device forwards, so that next hops can be asked for" 1 "$(lo_forwards)"

# N packets and their answers: how many of the frames XDP left to tc.
N=300
left_to_tc() {
	local before
	before=$(gw_reason first_line)
	udp alice -s 5000 -n $N -i 3 $ECHO:7 >$LAB/udp.out || return 1
	echo $(($(gw_reason first_line) - before))
}
few_left() {
	local n
	n=$(left_to_tc) || return 1
	note "$n of $((2 * N)) frames were left to tc"
	[ "$n" -lt $N ]
}
all_left() {
	local n
	n=$(left_to_tc) || return 1
	[ "$n" -ge $((2 * N)) ]
}
takes() { # on|off: a veth takes frames from XDP as long as its far end has GRO
	in_ns fabric ethtool -K gateway gro "$1"
	in_ns office ethtool -K gateway gro "$1"
}

takes off
expect "devices that take no frames from XDP: all goes by tc" wait_for 60 all_left
takes on
expect "they take frames now: most goes by XDP" wait_for 60 few_left
equal "the echo's host saw one end of it" 1 "$(lan_log echo | grep 'udp 7' | sort -u | wc -l)"
stop gateway KILL
expect "no daemon: nothing is lost" udp alice -s 5000 -n $N -i 3 $ECHO:7
gateway_start
expect "with the next one it goes by XDP as before" wait_for 60 few_left
takes off
expect "they take none again: it goes by tc again" wait_for 60 all_left

# --- what changes meanwhile -------------------------------------------------------------------

forwards() {
	[ "$(lo_forwards)" = 1 ]
}
# As another instance that is detached, or "sysctl net.ipv4.ip_forward=0" after a 1.
in_ns gateway sysctl -q -w net.ipv4.conf.lo.forwarding=0
expect "the loopback device is made to forward again" wait_for 60 forwards

# The daemon sees both at once: what devices take, which it looks at every two seconds, and an
# address of the host's, which its policy names.
before=$(gw_generation)
kill -STOP "${LAB_PID[gateway]}"
takes on
lab_addr gateway lan0 $LAN4.77/24
sleep 3 # it is late for its look when it goes on
kill -CONT "${LAB_PID[gateway]}"
expect "an address that comes as devices change is in the policy" wait_for 60 gw_past "$before"

# --- taken off --------------------------------------------------------------------------------

detached() {
	gw gateway detach >/dev/null
	wait_for 30 gone
}
gone() {
	! running gateway
}
expect "detached" detached
expect "XDP is off the overlay" eval '! xdp_on wg0'
equal "the loopback device is as it was" 0 "$(lo_forwards)"

GW_MASQUERADE=false
gateway_conf
gateway_start
expect "where nothing is masqueraded, the first line is on the uplink" xdp_on lan0
expect "and no XDP on the overlay, which would have nothing to do" eval '! xdp_on wg0'
