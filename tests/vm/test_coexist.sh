#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The relay beside another XDP program (xdp-filter), by libxdp's dispatcher: packets pass both, and
# each comes and goes without the other.
# limit: 120

LAB_WG=kernel
. "$(dirname "$0")/../net/lib.sh"

if ! ip link add probe type wireguard 2>/dev/null; then
	skip "WireGuard in the kernel" "this kernel has none"
	exit 0
fi
if ! command -v xdp-filter >/dev/null; then
	skip "another XDP program" "no xdp-filter here"
	exit 0
fi

programs() { # by name, in the order in which they run
	in_ns relay xdp-loader status wan0 | awk '$1 == "=>" { print $3 }' | xargs
}
relay_program() {
	in_ns relay xdp-loader status wan0 | awk '$3 == "relay_xdp" { print $4 }'
}
both() { # COMMAND...: both programs do what they are for
	expect "$1: alice reaches bob" wait_for 20 reaches alice bob
	local xdp
	xdp=$(relay_forwarded xdp)
	reaches alice bob -c 20 -i 0.05
	xdp=$(($(relay_forwarded xdp) - xdp))
	expect "$1: forwarded in XDP ($xdp packets)" test $xdp -ge 40
	refuse "$1: the filter drops what it should" carol_pings
}
carol_pings() {
	in_ns carol ping -n -q -c 2 -i 0.2 -W 1 $RELAY4
}

RELAY_EXTRA="coexist = true;"
lab_office
expect "an address that nobody filters" carol_pings
expect "the filter is loaded beside the relay" in_ns relay xdp-filter load -f ipv4 -p allow wan0
expect "and given an address" in_ns relay xdp-filter ip -m src 198.18.3.2
equal "both run" "xdpfilt_alw_ip relay_xdp" "$(programs)"
both "together"

old=$(relay_program)
stop relay KILL
relay_start
expect "another daemon puts its own program in the place of the old" test "$(relay_program)" != "$old"
equal "and leaves the filter" "xdpfilt_alw_ip relay_xdp" "$(programs)"
both "after a restart"
expect "says that it is not alone" grep -q "beside 1 others" $LAB/log/relay.log

expect "the filter goes" in_ns relay xdp-filter unload wan0
equal "the relay stays" relay_xdp "$(programs)"
expect "and forwards" wait_for 20 reaches alice bob
expect "what the filter dropped is let in" carol_pings

in_ns relay xdp-filter load -f ipv4 -p allow wan0
in_ns relay xdp-filter ip -m src 198.18.3.2
tp relay detach
equal "a detach cannot take the relay off" "xdpfilt_alw_ip relay_xdp" "$(programs)"
expect "xdp-loader can" in_ns relay xdp-loader unload wan0 -i "$(relay_program)"
equal "the filter stays" xdpfilt_alw_ip "$(programs)"
refuse "and filters" carol_pings
