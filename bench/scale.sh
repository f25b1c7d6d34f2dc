# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Thousands of simulated nodes with true handshakes (bench/nodes.c) on a CPU of their own, the relay
# on the other. Runs grow by tenfold steps, so that what grows out of proportion shows; the same
# pairs once more with colluding nodes, whose handshakes cost nobody but the relay.

# Bytes that the kernel says the relay's BPF maps take.
scale_map_bytes() { # NAME
	awk '/^memlock:/ { bytes = $2 } /^map_id:/ && !seen[$2]++ { sum += bytes } END { print sum + 0 }' \
		"/proc/${LAB_PID[relay-$1]}"/fdinfo/*
}

scale_run() { # LABEL SECONDS NODES-OPTION... -- RUN-OPTION...
	local label=$1 seconds=$2 idle options=()
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	sink_start scale
	bench_relay scale native "${options[@]}"
	idle=$(awk '/RssAnon/ { print $2 }' "/proc/${LAB_PID[relay-scale]}/status")
	nodes_start scale "${options[@]}" -T "$seconds" "$@"
	wait "${LAB_PID[nodes-scale]}" || note "$label: $(tail -n 1 $LAB/log/nodes-scale.log)"
	unset "LAB_PID[nodes-scale]"
	jq -c -s --arg run "$label" --argjson idle "$idle" --argjson maps "$(scale_map_bytes scale)" \
		--argjson status "$("$B/turnpike" relay status --json -s $LAB/relay-scale.sock)" \
		--argjson drops "$("$B/turnpike" relay drops --json -s $LAB/relay-scale.sock)" '{
			run: $run, phases: ., relay_idle_kib: $idle, map_bytes: $maps,
			nodes: $status.nodes, flows: $status.flows,
			drops: [$drops[] | select(.kind == "drop") | {(.reason): (.xdp + .user)}] | add
		}' < <(grep '^{' $LAB/log/nodes-scale.log) >>$LAB/scale
	stop relay-scale
	sink_stop scale
	rm -rf $LAB/pins/scale
}

# One line of JSON for each run, into $LAB/scale.
bench_scale() {
	: >$LAB/scale
	bench_wire scale
	if [ -n "${BENCH_QUICK:-}" ]; then
		scale_run "1,000 nodes" 30 -N 1000 -B 200 -S 20 -- -R 900 -P 5 -U -M
		return
	fi
	scale_run "1,000 nodes" 60 -N 1000 -B 20 -S 20 -- -R 900 -P 5
	scale_run "10,000 nodes, one network of 1,000" 180 -N 10000 -B 1000 -S 20 -- -R 900 -P 5 -U -M
	scale_run "10,000 nodes at once" 120 -N 10000 -B 20 -S 20 -- -W 10000 -P 0
	scale_run "1,000 nodes, colluding" 60 -N 1000 -B 20 -S 20 -- -R 900 -P 5 -x
	scale_run "10,000 nodes, colluding" 120 -N 10000 -B 20 -S 20 -- -R 900 -P 5 -x
	scale_run "1,000 nodes at one address" 120 -N 1000 -B 1000 -S 20 -A 1000 -- -R 45 -P 5
}
