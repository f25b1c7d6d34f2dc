# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The control plane and its members over real connections (bench/control_nodes.c), each on a CPU of
# its own. Runs grow, so that what grows out of proportion shows.

CONTROL_NCP=127.0.0.1:8447

control_bench_conf() {
	cat >$LAB/control.conf <<-CONF
		listen = "127.0.0.1:8443";
		ncp_listen = "$CONTROL_NCP";
		metrics_listen = "off";
		control_socket = "$LAB/control.sock";
		state_dir = "$LAB/control";
	CONF
}

control_bench_start() {
	spawn control gen prlimit --nofile="$(ulimit -Hn)" taskset -c "$RELAY_CPU" "$B/turnpike-control" -c $LAB/control.conf
	wait_for 30 control_bench_get .ncp || die "control did not start"
}

control_bench_get() { # JQ-FILTER
	"$B/turnpike" control daemon -s $LAB/control.sock --json | jq -ce "$1"
}

control_bench_ctl() {
	in_ns gen env HOME=$LAB "$B/turnpike" control "$@"
}

# What control has used and sent so far.
control_bench_cost() {
	local pid=${LAB_PID[control]}
	jq -c -n --argjson ncp "$(control_bench_get .ncp)" \
		--arg ticks "$(awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$pid/stat")" \
		--arg hz "$(getconf CLK_TCK)" \
		--arg kib "$(awk '/RssAnon/ { print $2 }' "/proc/$pid/status")" \
		'{cpu_ms: (($ticks | tonumber) * 1000 / ($hz | tonumber)), kib: ($kib | tonumber),
		  bytes: $ncp.bytes, snapshots: $ncp.snapshots, deltas: $ncp.deltas}'
}

# One command to the members, beside one to control; the answer with what that cost control.
control_bench_phase() { # "COMMAND" [COMMAND...]
	local order=$1 before answer
	shift
	before=$(control_bench_cost)
	echo "$order" >&"$MEMBERS_IN"
	[ $# -eq 0 ] || "$@" >/dev/null || die "$*"
	read -r -t 1300 answer <&"$MEMBERS_OUT" || die "the members do not answer"
	[[ $answer != *error* ]] || die "$answer"
	jq -c -n --argjson a "$answer" --argjson b "$before" --argjson e "$(control_bench_cost)" '$a + {
		cpu_ms: ($e.cpu_ms - $b.cpu_ms), kib: $e.kib, bytes: ($e.bytes - $b.bytes),
		snapshots: ($e.snapshots - $b.snapshots), deltas: ($e.deltas - $b.deltas)}' |
		tee -a $LAB/control-phases >/dev/null
}

# A start with all members waiting: they come as fast as they can. CPU and bytes are the new one's.
control_bench_resync() {
	local answer
	echo resync >&"$MEMBERS_IN"
	stop control
	control_bench_start
	read -r -t 1300 answer <&"$MEMBERS_OUT" || die "the members do not answer"
	jq -c -n --argjson a "$answer" --argjson e "$(control_bench_cost)" '$a + $e' \
		>>$LAB/control-phases
}

control_bench_networks() { # SIZE...
	local i=0 size key
	: >$LAB/control-networks
	for size; do
		control_bench_ctl network create "n$i" "10.$i.0.0/20" >/dev/null || die "no network n$i"
		key=$(control_bench_ctl auth-key create "k$i" -n "n$i" --role node --reusable |
			grep -o 'tpk_[A-Za-z0-9_-]*' | head -n 1)
		echo "$key $size" >>$LAB/control-networks
		i=$((i + 1))
	done
}

control_bench_members() {
	rm -f $LAB/members.{in,out}
	mkfifo $LAB/members.{in,out}
	nsenter --net=/run/netns/gen prlimit --nofile="$(ulimit -Hn)" taskset -c "$SOURCE_CPU" "$B/bench/control_nodes" \
		-c $CONTROL_NCP -k "$(control_bench_get .ncp.public_key | tr -d '"')" $LAB/control-networks \
		<$LAB/members.in >$LAB/members.out 2>$LAB/log/members.log &
	LAB_PID[members]=$!
	exec {MEMBERS_IN}>$LAB/members.in {MEMBERS_OUT}<$LAB/members.out
}

control_bench_run() { # LABEL SIZE...
	local label=$1 first=$2
	shift
	rm -rf $LAB/control $LAB/control-phases
	control_bench_conf
	control_bench_start
	control_bench_ctl login --server http://127.0.0.1:8443 --credentials $LAB/control/control-admin.json >/dev/null
	control_bench_ctl tenant create bench >/dev/null
	control_bench_networks "$@"
	control_bench_members
	control_bench_phase join
	control_bench_phase "change $((first - 1))" control_bench_ctl node tag -n n0 n0 red
	control_bench_phase "report 1000"
	control_bench_resync
	jq -c -s --arg run "$label" --argjson nodes "$(control_bench_get .ncp.connected)" \
		'{run: $run, nodes: $nodes, phases: .}' $LAB/control-phases >>$LAB/control-runs
	stop members
	exec {MEMBERS_IN}>&- {MEMBERS_OUT}<&-
	stop control
}

# One line of JSON for each run, into $LAB/control-runs.
bench_control() {
	local many
	: >$LAB/control-runs
	if [ -n "${BENCH_QUICK:-}" ]; then
		control_bench_run "100 nodes in networks of 50" 50 50
		control_bench_run "200 nodes in networks of 100" 100 100
		return
	fi
	read -ra many < <(printf '250 %.0s' {1..36})
	control_bench_run "250 nodes" 250
	control_bench_run "1,000 nodes in networks of 250" 250 250 250 250
	control_bench_run "1,000 nodes in one network" 1000
	control_bench_run "10,000 nodes: a network of 1,000 and 36 of 250" 1000 "${many[@]}"
}
