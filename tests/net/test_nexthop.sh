#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What changes around the relay: a router that changes its MAC address (telling everyone or not), a
# route that moves to another NIC, a link that goes down and returns, a NIC that is replaced.
# limit: 300

. "$(dirname "$0")/lib.sh"

INTERFACES="wan0 wan1"
lab_office 2
ping_start hop alice "$(node_ip bob)" 0.05
ping_more hop 10

returns() { # TEXT SECONDS
	local end=$((SECONDS + $2)) user
	until ping_more_now 5; do
		[ $SECONDS -lt $end ] || { not_ok "$1: traffic returns"; return; }
	done
	ok "$1: traffic returns"
	wait_for 30 in_xdp
	user=$(relay_forwarded user)
	ping_more hop 20
	expect "$1: and goes by XDP" test $(($(relay_forwarded user) - user)) -lt 10
}
ping_more_now() { # N
	wait_for 2 ping_replies_over hop $(($(ping_replies hop) + $1))
}
in_xdp() {
	local user
	user=$(relay_forwarded user)
	ping_more_now 10 && [ "$(relay_forwarded user)" -eq "$user" ]
}

in_ns inet sysctl -qw net.ipv4.conf.relay0.arp_notify=1
ip -n inet link set relay0 address 02:00:00:00:aa:01
returns "the router's MAC changes and it says so" 20
in_ns inet sysctl -qw net.ipv4.conf.relay0.arp_notify=0
ip -n inet link set relay0 address 02:00:00:00:aa:02
returns "the router's MAC changes silently" 120

capture_start moved inet relay1 udp port $RELAY_PORT
ip -n relay route add 198.18.2.0/24 via 192.0.2.1 dev wan1
returns "bob's route moves to the second NIC" 20
taken() { # the former way works, too, until the relay has heard
	[ "$(capture_count moved dst host 198.18.2.2)" -gt 10 ]
}
expect "his packets take it" wait_for 30 taken
capture_stop moved
ip -n relay route del 198.18.2.0/24
returns "and back" 20

ip -n inet link set relay0 down
expect "a link without carrier stops traffic" wait_for 20 not ping_more_now 5
ip -n inet link set relay0 up
ip -n inet route replace 203.0.113.0/24 dev relay0
returns "a link that returns" 30

ip -n relay link set wan0 down
expect "a NIC that is set down stops it too" wait_for 20 not ping_more_now 5
ip -n relay link set wan0 up
ip -n relay route replace default via 203.0.113.1
returns "a NIC that is set up again" 30

ip -n relay link del wan0
lab_wire relay wan0 inet relay0
lab_addr relay wan0 $RELAY4/24
lab_addr inet relay0 203.0.113.1/24
ip -n relay route replace default via 203.0.113.1
returns "a NIC that is replaced by another of its name" 30
