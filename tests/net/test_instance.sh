#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A start that ends in an error harms nobody: neither the daemon that already runs on the same pins,
# nor, when the interfaces were changed, the flows over those that an earlier run had.
# limit: 150

. "$(dirname "$0")/lib.sh"

# Runs a relay that shall not come up, with a configuration changed by sed; its log is second.log.
refused() { # SED-SCRIPT
	sed "$1" $LAB/relay.conf >$LAB/second.conf
	spawn second relay timeout 20 "$B/turnpike-relay" -c $LAB/second.conf
	wait "${LAB_PID[second]}"
	local status=$?
	unset 'LAB_PID[second]'
	[ $status -eq 1 ]
}
attached() { # DEV
	ip -n relay -d link show "$1" | grep -q 'prog/xdp'
}

lab_office 2
second="s/^listen_port.*/listen_port = 444;/; s/^metrics_listen.*/metrics_listen = \"off\";/; s/^stun.*//; s/relay\.sock/second.sock/"
ping_start beside alice "$(node_ip bob)" 0.02
expect "a second daemon on the same pins is refused" refused "$second"
expect "and told why" grep -q 'another daemon runs' $LAB/log/second.log
expect "with attach off too" refused "$second; s/^attach.*/attach = \"off\";/"
expect "and told why" grep -q 'another daemon runs' $LAB/log/second.log
ping_more beside 20
ping_lossless beside "the first forwards on"
expect "and answers" node_online alice bob

kill -KILL "${LAB_PID[relay]}"
wait "${LAB_PID[relay]}" 2>/dev/null
unset 'LAB_PID[relay]'
ping_start failing alice "$(node_ip bob)" 0.02
changed="s/^interfaces.*/interfaces = [ \"wan1\" ];/"
expect "a start with other interfaces and a metrics port that is taken fails" \
	refused "$changed; s/^metrics_listen.*/metrics_listen = \"198.51.100.7:9586\";/"
expect "the device of before is still attached" attached wan0
refuse "the other is not yet" attached wan1
expect "a start that fails while it attaches does" \
	refused "s/^interfaces.*/interfaces = [ \"wan1\", \"lo\" ];/"
expect "the device of before is still attached" attached wan0
ping_more failing 20
ping_lossless failing "flows go on meanwhile"

sed -i "$changed" $LAB/relay.conf
relay_start
expect "a start that succeeds lets the old device go" not attached wan0
expect "and has the new one" attached wan1
