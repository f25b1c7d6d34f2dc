#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Frames of a VLAN, which the kernel takes the tag off before tc sees them: they are for the device
# of that VLAN, not for the one below it that is overlay or uplink. Priority tags make no VLAN.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_NODES=alice
GW_ATTACH=off
gateway_plain

mac() { # NS DEV
	ip -n "$1" -j link show dev "$2" | jq -r '.[].address' | tr -d :
}
ip_hex() { # ADDRESS
	# shellcheck disable=SC2046
	printf '%02x%02x%02x%02x' $(tr . ' ' <<<"$1")
}
# The checksum of an IPv4 header that has none yet.
ip_sum() { # HEX
	local sum=0 at
	for ((at = 0; at < ${#1}; at += 4)); do
		sum=$((sum + 0x${1:at:4}))
	done
	sum=$(((sum & 0xffff) + (sum >> 16)))
	printf '%04x' $((~((sum & 0xffff) + (sum >> 16)) & 0xffff))
}
# A datagram of the flow from alice's port 5000 to the echo server's 7, with this tag.
datagram() { # TAG
	local first=45000020000000004011 ends
	ends=$(ip_hex "$(node_ip alice)")$(ip_hex $ECHO)
	printf '%s%s%s0800' "$(mac gateway wg0)" "$(mac alice alice)" "$1"
	printf '%s%s%s13880007000c0000%036d' $first "$(ip_sum $first"$ends")" "$ends" 0
}
send() { # TAG: ten of them
	in_ns alice "$B/tests/interop/raw_frame" alice "$(datagram "$1")" 10
}

expect "the flow is there" udp alice -s 5000 -n 3 -i 2 $ECHO:7
capture_start wire gateway lan0 udp and dst port 7 or vlan
gw_counts other_host 10 "ten datagrams of VLAN 20 are none of the overlay's" send 81000014
gw_counts to_uplink 10+ "ten with a priority only are" send 8100e000
gw_counts to_uplink 10+ "and ten without a tag" send ""
ten_out() {
	[ "$(capture_count wire)" -ge 20 ]
}
expect "those are on the LAN's wire" wait_for 30 ten_out
equal "and none of the VLAN's" 0 "$(capture_count wire vlan 20)"
capture_stop wire
