# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# TCP through a gateway, in the network of gateway_live.sh. The sender's stack hands on packets of
# up to 64 KB, to be cut at the very end, as NICs with segmentation do and GRO makes them.
#
# Where XDP runs matters here more than what it does: a veth's driver copies each packet of the
# stack for it, and the generic hook each that is not all in one piece. A NIC's driver runs XDP before
# GRO has merged anything. So every way is measured, and nftables beside a program that passes all:
#
#	tcp-native tcp-generic tcp-off		turnpike-gateway with this `attach`
#	tcp-nft		nftables with a set, no XDP
#	tcp-nft-xdp	the same, with `pass_xdp` on the uplink

GWT_GATEWAYS=(native generic off)
GWT_NFT=(nft nft-xdp)

gwt_begin() {
	local v
	for v in "${GWT_GATEWAYS[@]}" "${GWT_NFT[@]}"; do
		gwl_variant "tcp-$v"
		spawn "gwt-iperf-$v" "l-tcp-$v" iperf3 -s
	done
	for v in "${GWT_GATEWAYS[@]}"; do gwl_gateway "tcp-$v" "$v"; done
	for v in "${GWT_NFT[@]}"; do gwl_nft "tcp-$v" set; done
	in_ns r-tcp-nft-xdp ip link set dev lan0 xdp object "$B/bench/baseline.bpf.o" program pass_xdp ||
		die "cannot attach pass_xdp"
}

gwt_window() { # VARIANT SECONDS
	local way
	for way in up down; do
		in_ns "o-tcp-$1" iperf3 -J -c $GWL_LAN.7 -t "$2" $([ $way = up ] || echo -R) |
			jq -c --arg v "$1" --arg way $way '{variant: $v, direction: $way,
				mbit: (.end.sum_received.bits_per_second / 1e6 | round)}' >>$LAB/gateway_tcp
	done
}

# One line of JSON for each transfer, into $LAB/gateway_tcp.
bench_gateway_tcp() { # ROUNDS SECONDS
	local round v
	: >$LAB/gateway_tcp
	gwt_begin
	for ((round = 0; round < $1; round++)); do
		for v in "${GWT_GATEWAYS[@]}" "${GWT_NFT[@]}"; do gwt_window "$v" "$2"; done
	done
	for v in "${GWT_GATEWAYS[@]}"; do stop "gwl-tcp-$v"; done
	for v in "${GWT_GATEWAYS[@]}" "${GWT_NFT[@]}"; do stop "gwt-iperf-$v"; done
}
