#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The ways to attach: generic XDP and none at all forward just as well, what was achieved is shown,
# and what cannot be had is an error, not a silent fall-back.
# limit: 180

. "$(dirname "$0")/lib.sh"

works() { # TEXT
	expect "$1: ping" wait_for 20 reaches alice bob
	expect "$1: full-size packets" reaches alice bob -M "do" -s 1392
	expect "$1: 2 MB over TCP arrive intact" tcp_transfer alice bob 2000000
}

rejoin() { # the relay has forgotten everything, and stock peers notice only after two minutes
	local node
	for node in alice bob; do wg_down $node; done
	wg_up alice $R4 bob
	wg_up bob $R4 alice
	pair_up alice bob
}

attached() { # what the kernel says about wan0
	ip -n relay -d link show wan0 | grep -o 'prog/xdp\|xdpgeneric' | sort -u
}

ATTACH=generic
lab_office
equal "generic is what status says" generic "$(relay_get .attach)"
equal "and what the kernel says" xdpgeneric "$(attached | grep generic)"
user=$(relay_forwarded user)
works generic
expect "generic: forwarded in XDP" test $(($(relay_forwarded user) - user)) -lt 20
stop relay

# From one mode to another: the old program has to go.
ATTACH=off
relay_conf
relay_start
equal "off is what status says" off "$(relay_get .attach)"
equal "and no program is attached" "" "$(attached)"
rejoin
user=$(relay_forwarded user) xdp=$(relay_forwarded xdp)
works off
expect "off: forwarded by the daemon" test $(($(relay_forwarded user) - user)) -gt 1000
equal "off: and not in XDP" "$xdp" "$(relay_forwarded xdp)"
stop relay

ATTACH=native
relay_conf
relay_start
equal "native is what status says" native "$(relay_get .attach)"
rejoin
works native
stop relay

# A TUN device has no native XDP.
ip -n relay tuntap add dev tun0 mode tun
ip -n relay link set tun0 up
INTERFACES="wan0 tun0"
relay_conf
relay_launch
wait "${LAB_PID[relay]}"
status=$?
unset 'LAB_PID[relay]'
expect "native where it cannot be had is an error (status $status)" test $status -ne 0 -a $status -lt 128
expect "that names the device" grep -q tun0 $LAB/log/relay.log
INTERFACES="wan0 nosuch0"
relay_conf
relay_launch
wait "${LAB_PID[relay]}"
status=$?
unset 'LAB_PID[relay]'
expect "so is a NIC that does not exist (status $status)" test $status -ne 0 -a $status -lt 128
