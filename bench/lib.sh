# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The benchmarks' network: one namespace for source, sink and simulated nodes, and one for each
# thing that forwards, wired to it by a veth of its own.
#
#	         g-NAME  203.0.113.(4k+1)/30             (4k+2)  wan0
#	gen ─────────────────────────────────────────────────────────── r-NAME
#	 │       the sink's XDP program                  native XDP, the kernel's stack, or a daemon
#	10.64.0.0/12, all local: the simulated nodes
#
# Everything stands on tests/net/lib.sh, which has this run alone on a machine of its own.

NODES_NET=10.64.0.0/12
declare -A WIRE=() # name -> k
declare -A SINK_IN=() SINK_OUT=()

bench_begin() {
	lab_ns gen
	ip -n gen route add local $NODES_NET dev lo
	in_ns gen sysctl -qw net.ipv4.conf.all.send_redirects=0
}

bench_wire() { # NAME
	local name=$1 k=${#WIRE[@]}
	WIRE[$name]=$k
	lab_ns "r-$name"
	ip -n gen link add "g-$name" type veth peer name wan0 netns "r-$name" || die "cannot wire $name"
	in_ns gen ethtool -K "g-$name" tx off >/dev/null
	ip -n gen addr add "203.0.113.$((4 * k + 1))/30" dev "g-$name"
	ip -n "r-$name" addr add "203.0.113.$((4 * k + 2))/30" dev wan0
	ip -n gen link set "g-$name" up
	ip -n "r-$name" link set wan0 up
	ip -n "r-$name" route add default via "203.0.113.$((4 * k + 1))"
}

wire_addr() { # NAME: of the forwarder
	echo "203.0.113.$((4 * WIRE[$1] + 2))"
}

wire_mac() { # NAME
	ip -n "r-$1" -j link show wan0 | jq -r '.[0].address'
}

# --- the sink of a wire -----------------------------------------------------------------------

sink_start() { # NAME [OPTION...]
	sink_start_at "$1" gen "g-$1" "${@:2}"
}

sink_start_at() { # NAME NS DEV [OPTION...]
	local name=$1 ns=$2 dev=$3 in out
	shift 3
	rm -f "$LAB/sink-$name".{in,out}
	mkfifo "$LAB/sink-$name".{in,out}
	nsenter --net="/run/netns/$ns" "$B/bench/sink" -i "$dev" "$@" \
		<"$LAB/sink-$name.in" >"$LAB/sink-$name.out" 2>"$LAB/log/sink-$name.log" &
	LAB_PID[sink-$name]=$!
	exec {in}>"$LAB/sink-$name.in" {out}<"$LAB/sink-$name.out"
	SINK_IN[$name]=$in SINK_OUT[$name]=$out
	wait_for 10 grep -q ready "$LAB/log/sink-$name.log" ||
		die "sink of $name: $(cat "$LAB/log/sink-$name.log")"
}

sink_stop() { # NAME
	local in=${SINK_IN[$1]} out=${SINK_OUT[$1]}
	stop "sink-$1"
	exec {in}>&- {out}<&-
}

# What arrived since the last time, as JSON.
sink_take() { # NAME
	local line
	echo >&"${SINK_IN[$1]}"
	read -r -t 10 line <&"${SINK_OUT[$1]}" || die "the sink of $1 does not answer"
	echo "$line"
}

# Packets of the source for a window. Prints what was sent, what arrived, how much of the time the
# CPU that source, forwarder and sink share was theirs (`busy`), and packets a second of that.
stream() { # NAME SECONDS OPTION...
	local name=$1 seconds=$2 sent got
	shift 2
	sink_take "$name" >/dev/null
	sent=$(in_ns gen taskset -c "$SOURCE_CPU" "$B/bench/source" -i "g-$name" \
		-m "$(wire_mac "$name")" -w "$seconds" "$@") || die "the source does not run on $name"
	got=$(sink_take "$name")
	jq -c -n --argjson sent "$sent" --argjson got "$got" '{
		sent: $sent.packets, got, pps: ($got.packets / $sent.cpu_seconds | round),
		busy: ($sent.cpu_seconds / $sent.seconds), checked: $got.checked,
		wrong: ($got.wrong_index + $got.wrong_destination + $got.wrong_checksum)
	} | .got = $got.packets'
}

# --- relays and their nodes -------------------------------------------------------------------

bench_keys() {
	(umask 077 && wg genkey >$LAB/relay.key)
	wg pubkey <$LAB/relay.key >$LAB/relay.pub
}

# A relay in r-NAME, configured for the nodes that these options of bench/nodes.c make.
bench_relay() { # NAME ATTACH NODES-OPTION...
	local name=$1 attach=$2
	shift 2
	mkdir -p "$LAB/state-$name" "$LAB/pins/$name"
	{
		cat <<-CONF
			interfaces = [ "wan0" ];
			attach = "$attach";
			listen_port = $RELAY_PORT;
			private_key_file = "$LAB/relay.key";
			limits = { stun_per_prefix = 0; };
			metrics_listen = "off";
			control_socket = "$LAB/relay-$name.sock";
			pin_path = "$LAB/pins/$name";
			state_dir = "$LAB/state-$name";
		CONF
		"$B/bench/nodes" -C "$@"
	} >"$LAB/relay-$name.conf"
	spawn "relay-$name" "r-$name" taskset -c "$RELAY_CPU" "${RELAY_BIN:-$B/turnpike-relay}" \
		-c "$LAB/relay-$name.conf"
	wait_for 60 bench_relay_answers "$name" || die "the relay $name did not start"
}

bench_relay_answers() { # NAME
	"$B/turnpike" relay status --json -s "$LAB/relay-$1.sock"
}

# Simulated nodes against that relay; JSON lines go to $LAB/log/nodes-NAME.log.
nodes_start() { # NAME OPTION...
	local name=$1
	shift
	: >"$LAB/log/nodes-$name.log"
	spawn "nodes-$name" gen taskset -c "$SOURCE_CPU" "$B/bench/nodes" -r "$(wire_addr "$name"):$RELAY_PORT" \
		-k "$(cat $LAB/relay.pub)" -q "${LAB_PID[relay-$name]}" "$@"
}

nodes_phase() { # NAME PHASE: its latest line, false when there is none
	local line
	line=$(grep "\"phase\":\"$2\"" "$LAB/log/nodes-$1.log" | tail -n 1)
	[ -n "$line" ] && echo "$line"
}
