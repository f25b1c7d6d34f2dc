# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# TCP connections opened and closed a second, in the network of gateway_live.sh. Client and server
# share the source's CPU, so what is measured contains their stacks; `churn-direct` is these alone.
# The client has 2,000 ports, so that each is used again and again: a gateway that could not
# open a closed connection's ports anew would come to a stop at once.
#
#	churn-direct	one wire
#	churn-gateway	turnpike-gateway
#	churn-nft	forwarding and masquerade, what is established passes

GWC_VARIANTS=(churn-direct churn-gateway churn-nft)
GWC_PORT=5201 # which the policy of gateway_live.sh opens to n1

gwc_direct() {
	lab_ns o-churn-direct l-churn-direct
	gwl_link o-churn-direct ov l-churn-direct lan
	lab_addr o-churn-direct ov 100.64.1.1/24
	lab_addr l-churn-direct lan $GWL_LAN.7/24
	ip -n o-churn-direct route add $GWL_LAN.0/24 dev ov
	ip -n l-churn-direct route add 100.64.1.0/24 dev lan
}

gwc_begin() {
	local v
	gwc_direct
	for v in churn-gateway churn-nft; do gwl_variant $v; done
	gwl_gateway churn-gateway native
	gwl_nft churn-nft set
	for v in "${GWC_VARIANTS[@]}"; do
		in_ns "o-$v" sysctl -qw net.ipv4.ip_local_port_range="30000 31999"
		spawn "gwc-$v" "l-$v" taskset -c "$SOURCE_CPU" "$B/bench/churn" -l $GWL_LAN.7:$GWC_PORT
		wait_for 10 grep -q ready "$LAB/log/gwc-$v.log" || die "no server for $v"
	done
}

gwc_window() { # VARIANT SECONDS
	local line
	line=$(in_ns "o-$1" taskset -c "$SOURCE_CPU" "$B/bench/churn" -c $GWL_LAN.7:$GWC_PORT -t "$2") ||
		die "no connections on $1"
	jq -c --arg v "$1" '{variant: $v} + .' <<<"$line" >>$LAB/gateway_churn
}

# One line of JSON for each window, into $LAB/gateway_churn.
bench_gateway_churn() { # ROUNDS SECONDS
	local round v
	: >$LAB/gateway_churn
	gwc_begin
	for ((round = 0; round < $1; round++)); do
		for v in "${GWC_VARIANTS[@]}"; do gwc_window "$v" "$2"; done
	done
	stop gwl-churn-gateway
	for v in "${GWC_VARIANTS[@]}"; do stop "gwc-$v"; done
}
