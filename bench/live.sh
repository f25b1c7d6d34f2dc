# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Live packets through a veth pair, there and back: source → forwarder → sink. All three run on one
# CPU (a frame sent into a veth is received in the sender's soft interrupt), so that what is measured
# is what they cost together, and nothing hides behind another core. Only the relay in `off` mode,
# a daemon, has a CPU of its own.
#
#	direct	the sink right behind the source: what source, sink and one veth hop cost
#	tx	XDP that swaps the MAC addresses and sends the frame back
#	relay	turnpike-relay in the driver's XDP, with few flows or many: each packet of another
#		flow, or (x8) eight of a flow in a row
#	off	turnpike-relay without XDP
#	nft	the kernel's forwarding, DNAT by a map and masquerade: nft-xdp into the same sink,
#		nft-tc into a drop rule at the ingress hook
#
# Flows live for 190 s, so they are made anew for each block of rounds.

CHECK_EVERY=64
NODES_LIVE=(-N 6000 -B 20 -S 20)
NODES_PAIRS=9
FLOW_COUNTS=(1 1000 10000 100000)
TRAIN=8 # packets of a flow in a row, once with each number of flows but one
FLOWS_SLOW=1000 # of `off` and nft
if [ -n "${BENCH_QUICK:-}" ]; then
	NODES_LIVE=(-N 2000 -B 20 -S 20)
	NODES_PAIRS=5
	FLOW_COUNTS=(1 1000 10000)
fi

live_wires() {
	local name
	for name in direct tx relay off nft; do
		bench_wire $name
	done
	in_ns r-tx ip link set dev wan0 xdp object "$B/bench/baseline.bpf.o" program swap_xdp ||
		die "cannot attach swap_xdp"
	live_nft
}

live_nodes() { # NAME ATTACH PAIRS PORT
	sink_start "$1"
	bench_relay "$1" "$2" "${NODES_LIVE[@]}"
	nodes_start "$1" "${NODES_LIVE[@]}" -R 900 -P "$3" -p "$4" -x -o "$LAB/flows-$1"
}

# The same flows as seen where nothing was rewritten.
unchanged() { # FILE
	awk '{ print $1, $2, $3, $2 }' "$1"
}

# Two relays with their nodes' flows, the files of them, and the sinks that know them.
live_flows() {
	local n
	live_nodes relay native $NODES_PAIRS 51820
	live_nodes off off 1 51830
	for n in relay off; do
		wait "${LAB_PID[nodes-$n]}" || die "nodes at $n: $(tail -n 3 "$LAB/log/nodes-$n.log")"
		unset "LAB_PID[nodes-$n]"
		sink_stop $n
		shuf --random-source=<(yes) "$LAB/flows-$n" >"$LAB/flows-$n-all"
	done
	for n in "${FLOW_COUNTS[@]}"; do
		head -n "$n" $LAB/flows-relay-all >"$LAB/flows-relay-$n"
	done
	head -n $FLOWS_SLOW $LAB/flows-off-all >$LAB/flows-off
	unchanged $LAB/flows-relay-all >$LAB/flows-tx
	live_nft_flows
	sink_start relay -f $LAB/flows-relay-all -e $CHECK_EVERY
	sink_start tx -f $LAB/flows-tx -e $CHECK_EVERY
	sink_start_at direct r-direct wan0 -f $LAB/flows-tx -e $CHECK_EVERY
	sink_start off # a veth's stack leaves checksums for the hardware
}

live_flows_end() {
	local n
	for n in direct tx relay off; do
		sink_stop $n
	done
	for n in relay off; do
		stop relay-$n
		rm -rf "$LAB/pins/$n"
	done
}

# --- the kernel's forwarding ------------------------------------------------------------------

live_nft() {
	in_ns r-nft sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 \
		net.ipv4.conf.wan0.send_redirects=0
	# Without a program, a queue that takes frames from XDP is only polled for GRO.
	in_ns r-nft ethtool -K wan0 gro on
	in_ns r-off ethtool -K wan0 gro on
}

# A port of the forwarder for each flow, as a relay has without looking into the packet.
live_nft_flows() {
	local at
	at=$(wire_addr nft)
	awk -v at="$at" '{ print $1, at ":" 20000 + NR, $3, $4 }' "$LAB/flows-relay-$FLOWS_SLOW" >$LAB/flows-nft
	{
		echo 'flush ruleset'
		echo 'table ip nat {'
		echo '	map to { type inet_service : ipv4_addr . inet_service; elements = {'
		awk '{ sub(/.*:/, "", $2); sub(/:/, " . ", $4); print $2 " : " $4 "," }' $LAB/flows-nft
		echo '	} }'
		echo '	chain in { type nat hook prerouting priority dstnat; dnat to udp dport map @to; }'
		echo '	chain out { type nat hook postrouting priority srcnat; oifname "wan0" masquerade; }'
		echo '}'
	} | in_ns r-nft nft -f - || die "nft does not take the rules"
}

nft_tc_sink() { # on|off
	in_ns gen nft -f - <<-'RULES'
		table netdev sink
		delete table netdev sink
	RULES
	[ "$1" = on ] || return 0
	in_ns gen nft -f - <<-'RULES'
		table netdev sink {
			counter arrived { }
			chain in {
				type filter hook ingress device "g-nft" priority 0
				udp length 96 counter name arrived drop
			}
		}
	RULES
}

nft_tc_stream() { # SECONDS OPTION...
	local seconds=$1 sent got
	shift
	nft_tc_sink on
	sent=$(in_ns gen taskset -c "$SOURCE_CPU" "$B/bench/source" -i g-nft -m "$(wire_mac nft)" \
		-w "$seconds" "$@") || die "the source does not run on nft"
	got=$(in_ns gen nft -j list counter netdev sink arrived | jq '.nftables[] | .counter.packets // empty')
	nft_tc_sink off
	jq -c -n --argjson sent "$sent" --argjson got "$got" '{
		sent: $sent.packets, got: $got, pps: ($got / $sent.cpu_seconds | round),
		busy: ($sent.cpu_seconds / $sent.seconds), checked: 0, wrong: 0 }'
}

# --- measuring --------------------------------------------------------------------------------

live_one() { # VARIANT SECONDS
	local n=${1##*-} of wall= train=1
	case $1 in
	*x$TRAIN) n=${n%x*} train=$TRAIN ;;
	esac
	case $1 in
	direct) of="stream direct $2 -f $LAB/flows-relay-$FLOWS_SLOW" ;;
	tx-*) of="stream tx $2 -b $train -f $LAB/flows-relay-$n" ;;
	relay-*) of="stream relay $2 -b $train -f $LAB/flows-relay-$n" ;;
	off) of="stream off $2 -f $LAB/flows-off" wall=1 ;;
	nft-xdp) of="stream nft $2 -f $LAB/flows-nft" ;;
	nft-tc) of="nft_tc_stream $2 -f $LAB/flows-nft" ;;
	esac
	$of | if [ -n "$wall" ]; then jq -c '.pps = (.pps * .busy | round)'; else cat; fi
}

live_window() { # VARIANT SECONDS
	live_one "$1" "$2" | jq -c --arg v "$1" '{variant: $v} + .' >>$LAB/live
}

live_round() { # SECONDS
	local n
	live_window direct "$1"
	for n in "${FLOW_COUNTS[@]}" "${FLOW_COUNTS[@]/%/x$TRAIN}"; do
		[ "$n" != "1x$TRAIN" ] || continue
		live_window "tx-$n" "$1"
		live_window "relay-$n" "$1"
	done
	live_window off "$1"
	sink_start nft -f $LAB/flows-nft -e $CHECK_EVERY
	live_window nft-xdp "$1"
	sink_stop nft
	live_window nft-tc "$1"
}

# One line of JSON for each window, into $LAB/live.
bench_live() { # BLOCKS ROUNDS SECONDS
	local block round
	live_wires
	: >$LAB/live
	for ((block = 0; block < $1; block++)); do
		live_flows
		for ((round = 0; round < $2; round++)); do
			live_round "$3"
		done
		live_flows_end
	done
}
