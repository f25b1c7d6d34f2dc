#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Packets that come with a sum of all their bytes (CHECKSUM_COMPLETE), as some NICs make it and the
# kernel does for what it takes out of a VXLAN tunnel: a receiver on the far end of a veth believes
# it. So it is kept right, or taken off.
# limit: 300

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

# VXLAN over a wire of its own. Its UDP has a sum, which the receiver's kernel has to compute.
tunnel() { # NS DEV NS DEV
	lab_wire "$1" "under-$2" "$3" "under-$4"
	in_ns "$1" ethtool -K "under-$2" tx off gro off >/dev/null
	in_ns "$3" ethtool -K "under-$4" tx off gro off >/dev/null
	lab_addr "$1" "under-$2" 172.16.0.1/24
	lab_addr "$3" "under-$4" 172.16.0.2/24
	tunnel_end "$1" "$2" 172.16.0.1 172.16.0.2
	tunnel_end "$3" "$4" 172.16.0.2 172.16.0.1
}
tunnel_end() { # NS DEV OWN-ADDRESS FAR-ADDRESS
	ip -n "$1" link add "$2" type vxlan id 1 local "$3" remote "$4" dev "under-$2" \
		dstport 4789 udpcsum || die "cannot make a tunnel"
	ip -n "$1" link set "$2" up
}

# What alice and the echo's host are wired to the gateway by: `tunnel` or `lab_wire`.
site_up() { # ALICE ECHO
	local dev
	for dev in wg0 under-wg0 lan0 under-lan0; do
		ip -n gateway link del $dev 2>/dev/null
	done
	"$1" gateway wg0 alice alice
	"$2" gateway lan0 echo eth0
	lab_addr gateway wg0 "$(node_ip gateway)/24" "$(node_ip6 gateway)/64"
	lab_addr alice alice "$(node_ip alice)/24" "$(node_ip6 alice)/64"
	lab_addr gateway lan0 $GATEWAY_LAN/24
	lab_addr echo eth0 $ECHO/24
	gateway_start
	node_routes alice alice via
}
site_down() {
	gw gateway detach >/dev/null
	wait_for 30 gone || die "the gateway does not end"
}
gone() {
	! running gateway
}

# Bytes enough that the receiver asks for the sum before it looks at them.
echoes() { # [OPTION...]
	udp alice -s 5000 -n 300 -i 3 -l 200 "$@" $ECHO:7
}
some_come() {
	echoes -w 500 | grep -q 'received [1-9]'
}
# Some come although the host takes only those with a sum: they went the short way, which keeps it.
# About one a second does not.
only_summed() { # NS DEV
	local result
	in_ns "$1" tc qdisc add dev "$2" clsact
	in_ns "$1" tc filter add dev "$2" ingress bpf direct-action \
		object-file "$B/tests/bpf/summed.bpf.o" section tc || return 1
	wait_for 60 some_come
	result=$?
	in_ns "$1" tc qdisc del dev "$2" clsact
	return $result
}
refused() { # NS: datagrams, for their sum
	in_ns "$1" nstat -asz UdpInCsumErrors | awk '/UdpIn/ { print $2 }'
}
sums_arrive() { # TEXT NS DEV
	expect "$1: what goes the short way keeps its sum, and the sum is right" only_summed "$2" "$3"
	expect "$1: nothing is lost" echoes
	equal "$1: no sum was wrong" 0 "$(refused "$2")"
}

GW_NODES=alice
GW_ATTACH=off
GW_ENDPOINT=none
NODE=([gateway]=9 [alice]=1)
lab_ns gateway alice echo
gateway_conf
lan_serve echo

site_up tunnel lab_wire
sums_arrive "from a node" echo eth0
site_down
site_up lab_wire tunnel
sums_arrive "to a node" alice alice
site_down
