#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A node that sends from two addresses (IPv6 temporary addresses): registered from one of them, it
# opens its session with another node from the other.

. "$(dirname "$0")/lib.sh"

lab_up
lab_host alice 1
lab_host bob 2
relay_conf
relay_start
wg_up alice "$R6"
wg_up bob "$R4" alice
expect "alice registers" wait_for 20 node_online alice bob
equal "from her first address" "[2001:db8:1::2]" "$(node_get alice endpoint | sed 's/:[0-9]*$//')"

# New destinations are spoken to from a new address; the relay's session sticks to the old one.
lab_addr alice eth0 2001:db8:1::dead/64
ip -n alice -6 route replace default via 2001:db8:1::1 src 2001:db8:1::dead
capture_start wire inet relay0 udp
wg set alice peer "$(cat $LAB/bob.pub)" endpoint "$R6" allowed-ips "$(node_ip bob)/32"
expect "her session with bob opens from the second" wait_for 20 reaches alice bob
seen() {
	[ "$(capture_count wire ip6 src 2001:db8:1::dead and udp)" -gt 0 ]
}
expect "which the wire shows" wait_for 10 seen
capture_stop wire
equal "she stays registered at the first" "[2001:db8:1::2]" \
	"$(node_get alice endpoint | sed 's/:[0-9]*$//')"

xdp=$(relay_forwarded xdp) user=$(relay_forwarded user)
expect "both directions work" reaches alice bob -c 20 -i 0.02
expect "bob reaches her too" reaches bob alice -c 20 -i 0.02
expect "in XDP" test $(($(relay_forwarded xdp) - xdp)) -ge 80 -a $(($(relay_forwarded user) - user)) -lt 5
