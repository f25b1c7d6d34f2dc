#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Paths narrower than the tunnel assumes: no black hole, whether the sender sets DF (wireguard-go)
# or not (kernel WireGuard), whether the narrow hop is the relay's own link or far downstream.
# limit: 240

. "$(dirname "$0")/lib.sh"

lab_office

small_hop() { # MTU: between the public network and bob's NAT
	ip -n inet link set bob mtu "$1"
	ip -n nat-bob link set wan mtu "$1"
}
large_ping() { # after the first ones have taught the path its MTU
	reaches alice bob -M "do" -s 1392
}
passes() { # TEXT
	expect "$1: full-size packets arrive" wait_for 30 large_ping
	expect "$1: and go on arriving" reaches alice bob -M "do" -s 1392 -c 20 -i 0.05
	expect "$1: 500 kB over TCP arrive intact" tcp_transfer alice bob 500000
	expect "$1: and in the other direction" tcp_transfer bob alice 500000
}

small_hop 1300
passes "a hop of 1300 bytes downstream, DF=1"
small_hop 1500

stop relay
rm -rf $LAB/state
in_ns alice ip route flush cache
in_ns alice sysctl -qw net.ipv4.ip_no_pmtu_disc=1
in_ns bob sysctl -qw net.ipv4.ip_no_pmtu_disc=1
relay_start
small_hop 1300
passes "the same hop, DF=0"
small_hop 1500

ip -n relay link set wan0 mtu 1400
ip -n inet link set relay0 mtu 1400
passes "the relay's own link at 1400, DF=0"
in_ns alice sysctl -qw net.ipv4.ip_no_pmtu_disc=0
in_ns bob sysctl -qw net.ipv4.ip_no_pmtu_disc=0
passes "the relay's own link at 1400, DF=1"
