#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The gateway with the kernel's own WireGuard at both ends. The kernel hands over TCP in packets of
# several segments, up to 64 KB, and takes such: they go through the hooks whole, and are cut to what
# fits behind them.
# limit: 240

LAB_WG=kernel
. "$(dirname "$0")/../net/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

if ! ip link add probe type wireguard 2>/dev/null; then
	skip "WireGuard in the kernel" "this kernel has none"
	exit 0
fi

GW_BACKEND=kernel
GW_PATIENCE=240 # an emulated CPU verifies programs for minutes
GW_SUBNETS="$LAN4.0/24 192.168.20.0/24"
GW_RULES=("ping alice,bob $LAN4.0/24,192.168.20.0/24 icmp"
	"tcp alice $LAN4.0/24,192.168.20.0/24 tcp 7 80"
	"tracepath alice $LAN4.0/24,192.168.20.0/24 udp")
gateway_direct
lab_branch 1300

# --- the device, the programs -----------------------------------------------------------------

device() { # FIELD
	ip -n gateway -j -d link show wg0 | jq -r ".[].$1"
}
best_tc() { # tcx is there from 6.6 on
	[ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | head -n 1)" = 6.6 ] && echo tcx || echo clsact
}
filters() { # DEVICE: the gateway's, by program
	in_ns gateway tc filter show dev "$1" ingress
	in_ns gateway tc filter show dev "$1" egress
}
equal "the overlay's device is the kernel's WireGuard" wireguard "$(device linkinfo.info_kind)"
equal "and status says so" kernel "$(gw_get '.overlays[0].backend')"
equal "programs hang in $(best_tc)" "$(best_tc) $(best_tc)" \
	"$(gw_get '"\(.overlays[0].tc) \(.uplinks[0].tc)"')"
if [ "$(best_tc)" = clsact ]; then
	equal "a filter for each side" "gw_overlay_in gw_overlay_out gw_uplink_in" \
		"$({ filters wg0 && filters lan0; } | grep -o 'gw_[a-z_]*' | sort -u | xargs)"
fi

# --- packets of all sizes ---------------------------------------------------------------------

for size in 0 1392; do
	expect "pings of $size bytes" in_ns alice ping -n -q -c 20 -i 0.02 -M "do" -s $size $WEB
done
expect "and one in fragments" in_ns alice ping -n -q -c 3 -i 0.1 -M dont -s 3000 $WEB

head -c 3000000 /dev/urandom >$LAB/sent
echoes() { # HOST: there and back, the greeting aside
	in_ns alice nc -N -w 30 "$1" 7 <$LAB/sent | tail -n +2 | cmp $LAB/sent -
}
in_ns gateway ethtool -K lan0 gro on # as NICs have it, unlike veth
forwarded=$(gw_get .forwarded.packets) dropped=$(gw_get .dropped)
capture_start overlay gateway wg0 -s 96 tcp port 7
capture_start uplink gateway lan0 -s 96 tcp port 7
expect "3 MB over TCP, and back, arrive intact" echoes $WEB
capture_stop overlay
capture_stop uplink
forwarded=$(($(gw_get .forwarded.packets) - forwarded))
equal "nothing of it is dropped" "$dropped" "$(gw_get .dropped)"

# Captures see what the hooks see. How many segments WireGuard merges is a matter of how many it has
# decrypted when it is asked; one emulated CPU makes it two or three.
large() { # CAPTURE SOURCE BYTES TEXT
	local n
	n=$(capture_count "$1" src host "$2" and greater "$3")
	expect "$4: $n packets of $3 bytes and more" test "$n" -ge 40
}
large overlay "$(node_ip alice)" 2700 "from the node"
large uplink $GATEWAY_LAN 2700 "on into the LAN"
large uplink $WEB 2700 "from the LAN"
large overlay $WEB 2700 "on to the node"
whole=$(capture_count overlay) # 3 MB both ways are 4,386 segments of 1,368 bytes
expect "counted are segments ($forwarded), not the $whole packets that they came in" \
	test "$forwarded" -ge 4386 -a "$whole" -lt $((forwarded * 3 / 4))

# --- too large for a hop ----------------------------------------------------------------------

# What the far host says of its segment size does not tell of the narrow hop: an ICMP error has to.
ip -n far route replace default via 192.168.20.1 advmss 1460
expect "TCP in large packets finds its way through a narrow hop" echoes $FAR
route_mtu() { # HOST
	ip -n alice route get "$1" | sed -n 's/.* mtu \([0-9]*\).*/\1/p'
}
equal "whose size the node learned by an error that came back" 1300 "$(route_mtu $FAR)"
mtu_seen() { # HOST
	in_ns alice tracepath -n -m 4 "$1" | sed -n 's/.*Resume: pmtu \([0-9]*\).*/\1/p'
}
equal "tracepath into the LAN finds the overlay's MTU" 1420 "$(mtu_seen $WEB)"

# --- the policy -------------------------------------------------------------------------------

expect "bob may ping" in_ns bob ping -n -q -c 3 -i 0.1 $WEB
refused() {
	[ "$(tcp_refusal bob $WEB 80)" = "No route to host" ]
}
gw_counts refused 1+ "but not connect, and is told by ICMP code 13" refused
refuse "nothing of it is seen in the LAN" grep -q "http 80 from" $LAB/log/serve-web.log

# --- a restart --------------------------------------------------------------------------------

received() { # from alice, since the device or the peer is there
	in_ns gateway wg show wg0 transfer | awk -v key="$(cat $LAB/alice.pub)" '$1 == key { print $2 }'
}
ping_start run alice $WEB 0.2
ping_more run 20
ifindex=$(device ifindex) received=$(received)
stop gateway KILL
expect "SIGKILL: a new flow is judged and mapped without a daemon" echoes $WEB
expect "or refused" refused
gateway_start
ping_more run 20
ping_lossless run "SIGKILL and restart"
equal "the device is the same" "$ifindex" "$(device ifindex)"
expect "and the peer, which was not made anew" test "$(received)" -gt "$received"

expect "detach" gw gateway detach
equal "takes the filters off" "" "$(filters wg0)$(filters lan0)"
refuse "and nothing is forwarded any more" in_ns alice ping -n -q -c 2 -i 0.1 -W 1 $WEB
