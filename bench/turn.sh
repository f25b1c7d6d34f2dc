# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# coturn: clients with a UDP allocation each send ChannelData to a peer that echoes. What coturn
# sends, either way, is a relayed packet; its cost is the process's own user and system time, so
# what the kernel does for it in soft interrupts is left out.

TURN_CLIENTS=10

turn_start() {
	local at
	bench_wire turn
	at=$(wire_addr turn)
	spawn turn r-turn taskset -c "$RELAY_CPU" turnserver -n -c /dev/null --no-tls --no-dtls --no-cli \
		--listening-ip="$at" --relay-ip="$at" -a -u user:pass -r bench \
		--log-file=stdout --pidfile=$LAB/turn.pid --db=$LAB/turn.db
	spawn peer gen taskset -c "$SOURCE_CPU" turnutils_peer -p 3480 -L "$(turn_peer)"
	wait_for 10 turn_listens || die "turnserver did not start"
}

turn_listens() {
	[ -n "$(in_ns r-turn ss -Hlun 'sport = :3478')" ] && [ -n "$(in_ns gen ss -Hlun 'sport = :3480')" ]
}

turn_peer() {
	echo "203.0.113.$((4 * WIRE[turn] + 1))"
}

turn_cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/${LAB_PID[turn]}/stat"
}

turn_sent() {
	in_ns r-turn awk '/^Udp:/ { n = $5 } END { print n }' /proc/net/snmp
}

# One line of JSON for each run, into $LAB/turn.
bench_turn() { # ROUNDS PACKETS-PER-CLIENT
	local round cpu sent
	: >$LAB/turn
	turn_start
	for ((round = 0; round < $1; round++)); do
		cpu=$(turn_cpu_ticks) sent=$(turn_sent)
		in_ns gen taskset -c "$SOURCE_CPU" timeout 120 turnutils_uclient -u user -w pass -e "$(turn_peer)" \
			-r 3480 -l 88 -m $TURN_CLIENTS -n "$2" -z 1 -c "$(wire_addr turn)" >$LAB/log/uclient.log 2>&1
		sent=$(($(turn_sent) - sent)) cpu=$(($(turn_cpu_ticks) - cpu))
		[ $sent -gt 0 ] || die "coturn relayed nothing"
		jq -c -n --argjson n $sent --argjson ticks $cpu --argjson hz "$(getconf CLK_TCK)" \
			'{relayed: $n, cpu_s: ($ticks / $hz), us_each: ($ticks / $hz * 1e6 / $n)}' >>$LAB/turn
	done
	stop turn
	stop peer
}
